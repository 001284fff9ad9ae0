"""Code that loading a Keras file would run, found in the stored architecture before Keras sees it.

Keras' own safe mode does not apply to ``.h5`` files, and tf_keras imports whatever module a ``.keras`` file names.
"""

from __future__ import annotations

import builtins
from collections.abc import Container, Iterator
from typing import Any

_KERAS = ("keras", "tf_keras")
# Where Keras keeps functions that models are made of; `keras.utils.get_file`, say, is not one.
_FUNCTION_MODULES = ("activations", "constraints", "initializers", "layers", "losses", "metrics", "ops", "regularizers")
# The parts of TensorFlow's interface whose functions only compute.
_COMPUTING = (
    *("__operators__", "audio", "bitwise", "debugging", "dtypes", "image", "linalg", "math", "nn", "quantization"),
    *("ragged", "random", "sets", "signal", "sparse", "strings"),
)
_NOT_COMPUTING = ("function", "import_graph_def", "numpy_function", "py_func", "py_function")


def code_reasons(config: dict[str, Any], known: Container[str] = ()) -> list[str]:
    """One reason for every layer in a stored architecture that would run code, however deeply it is nested.

    That is Python byte code (``Lambda``, serialised lambda functions), a class or function of a module that is not
    Keras' own and whose name is not ``known``, and a ``TFOpLambda`` of a TensorFlow function that does more than
    compute. Other ``TFOpLambda`` layers are no code.
    """
    return list(dict.fromkeys(_reasons(config, known, "the model")))


def _reasons(value: object, known: Container[str], owner: str) -> Iterator[str]:
    if isinstance(value, list):
        for child in value:
            yield from _reasons(child, known, owner)
    if not isinstance(value, dict):
        return
    class_name, config = value.get("class_name"), value.get("config")
    if isinstance(class_name, str):
        if isinstance(config, dict) and isinstance(config.get("name"), str):
            owner = config["name"]
        reason = _reason(class_name, value, known)
        if reason:
            yield f"Layer {owner!r} {reason}"
            return
    for child in value.values():
        yield from _reasons(child, known, owner)


def _reason(class_name: str, value: dict[str, Any], known: Container[str]) -> str | None:
    config, module = value.get("config"), value.get("module")
    # A registered name may carry a package: "Custom>Lambda".
    if class_name == "__lambda__" or class_name.rpartition(">")[2] == "Lambda":
        return "is a Lambda: Python code, which would run during the conversion"
    if class_name == "TFOpLambda" and isinstance(config, dict) and not _computes(str(config.get("function"))):
        return f"calls the TensorFlow function {config.get('function')!r}, which may do more than compute"
    if not isinstance(module, str):
        return None
    is_function = class_name == "function"
    name = str(config if is_function else class_name)
    registered = name if is_function else value.get("registered_name") or class_name
    if registered in known or not _is_foreign(name, module, is_function):
        return None
    return f"uses the {'function' if is_function else 'layer class'} {name!r} of the Python module {module!r}"


def _is_foreign(name: str, module: str, is_function: bool) -> bool:
    if module == "builtins":
        # Keras' functions go by this module too: "relu". Python's own are another matter: "eval".
        return hasattr(builtins, name)
    package, *rest = module.split(".")
    # "os.system" would be looked up inside whatever a module has imported.
    if package not in _KERAS or "." in name:
        return True
    return is_function and not any(part in _FUNCTION_MODULES for part in rest)


def _computes(function: str) -> bool:
    first, *rest = function.removeprefix("compat.v1.").split(".")
    if first == "keras":
        return bool(rest) and rest[0] in (*_FUNCTION_MODULES, "backend")
    if not rest:
        return first not in _NOT_COMPUTING and not first.startswith("load_")
    return first in _COMPUTING
