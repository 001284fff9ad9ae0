"""Finds what a stored Keras architecture would make Keras do, before Keras reads it.

Keras's safe mode does not apply to ``.h5`` files, and tf_keras imports any module that a ``.keras`` file names.
Therefore every name that Keras would look up must be known to only compute.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from typing import Any

from tf2rust.onnx_import.tensorflow.gate import keras_names as names
from tf2rust.onnx_import.tensorflow.gate.functions import only_computes
from tf2rust.onnx_import.tensorflow.gate.operators import is_computing
from tf2rust.onnx_import.tensorflow.gate.refusal import Refusal

_PARTS = names.INITIALIZERS | names.REGULARIZERS | names.CONSTRAINTS | names.POLICIES
_CLASSES = names.LAYERS | names.OPERATIONS | _PARTS
# Values instead of objects: tensors, tuples, slices.
_VALUES = {"__bytes__", "__ellipsis__", "__keras_tensor__", "__numpy__", "__slice__", "__tensor__", "__tuple__"}
_VALUES |= {"CompositeTensor", "TensorShape"}
# Only slices are stored with a module, which tf_keras imports if it does not know a value's name.
_VALUE_MODULES = {(None, None), ("builtins", None), ("builtins", "slice")}
_SPECS = {"IndexedSlicesSpec", "RaggedTensorSpec", "SparseTensorSpec", "TensorSpec"}
_SPEC_MODULE = re.compile(
    r"tensorflow\.python\.(framework\.(indexed_slices|sparse_tensor|tensor|tensor_spec)|ops\.ragged\.ragged_tensor)"
)
# Modules are `keras.layers` or `keras.engine.functional` in Keras 2, and `keras.src.ops.numpy` in Keras 3.
_MODULE = re.compile(
    r"(tf_)?keras(\.src|\.api)?(\.(activations|constraints|dtype_policies|engine|initializers|layers|mixed_precision|models"
    r"|ops|quantizers|random|regularizers)(\.\w+)*)?"
)
_FUNCTION_MODULE = re.compile(r"builtins|(tf_)?keras(\.src|\.api)?\.(activations|layers\.activation|ops)(\.\w+)*")
# How Keras looks up a plain string, by the suffix of the argument's name.
_STRINGS = {
    "activation": names.ACTIVATIONS | names.LAYERS,
    "initializer": names.INITIALIZERS,
    "regularizer": names.REGULARIZERS,
    "constraint": names.CONSTRAINTS,
}
# Parts of ragged and sparse tensors, which Keras 2 also wraps in layers.
_CONSTRUCTORS = {"from_sparse", "from_tensor", "from_uniform_row_length"}
_CONSTRUCTORS |= {
    f"from_{nested}{by}"
    for nested in ("", "nested_")
    for by in ("row_lengths", "row_limits", "row_splits", "row_starts", "value_rowids")
}
_PROPERTIES = {"dense_shape", "flat_values", "indices", "nested_row_splits", "row_splits", "values"}
_METHODS = {"bounding_shape", "merge_dims", "nested_row_lengths", "nested_value_rowids", "nrows", "row_lengths"}
_METHODS |= {"row_limits", "row_starts", "to_sparse", "to_tensor", "value_rowids"}
_METHODS |= {"with_flat_values", "with_row_splits_dtype", "with_values"}
_UNKNOWN = "which is not known to only compute"
_REMOVE = "remove the layer"
_PASS = "pass it with --custom_objects"


def config_refusals(config: dict[str, Any], known: Container[str] = ()) -> Iterator[Refusal]:
    """What the layers of a stored architecture do beyond computing, at any depth.

    This covers classes and functions that are neither Keras's own nor ``known`` (the names of the user's classes and
    functions), Python byte code, TensorFlow functions with side effects, and vocabularies in separate files.
    """
    # A stack instead of recursion, because the file determines the depth. Each value has its layer, and whether that
    # layer is the user's own, whose arguments only the user's code reads.
    waiting: list[tuple[object, str, bool]] = [(config, "The model", False)]
    while waiting:
        value, owner, is_users = waiting.pop()
        if isinstance(value, list):
            waiting.extend((child, owner, is_users) for child in reversed(value))
        if not isinstance(value, dict):
            continue
        if "class_name" in value:
            owner = _owner(value, owner)
            is_users = _is_known(value, known)
            reason = None if is_users else _reason(value)
            if reason:
                yield Refusal(f"{owner} {reason.clause}", reason.remedy)
                continue
        if not is_users:  # a layer's arguments may contain a `class_name`
            yield from (
                Refusal(f"{owner} {reason.clause}", reason.remedy) for reason in _argument_reasons(value, known)
            )
        waiting.extend((child, owner, is_users) for child in reversed(value.values()))


def _owner(value: dict[str, Any], owner: str) -> str:
    config = value.get("config")
    name = config.get("name") if isinstance(config, dict) else None
    # The policy of a dtype has a name too, but the layer's name is more informative.
    if not isinstance(name, str) or (isinstance(value["class_name"], str) and value["class_name"] in _PARTS):
        return owner
    return f"Layer {_shown(name)}"


def _is_known(value: dict[str, Any], known: Container[str]) -> bool:
    """Whether Keras would look up the class or function among the user's, which take precedence."""
    name = value["class_name"]
    if name == "function":
        name = value.get("config")
    elif "module" in value:
        name = value.get("registered_name", name)
    return isinstance(name, str) and name in known


def _reason(value: dict[str, Any]) -> Refusal | None:
    name, config = value["class_name"], value.get("config")
    if not isinstance(name, str):
        return Refusal(f"has {_shown(name)} as a class name, which is not a string", _REMOVE)
    # A registered name can contain a package: "Custom>Lambda".
    if name == "__lambda__" or name.rpartition(">")[2] == "Lambda":
        return Refusal("is a Lambda: its Python code would run during the conversion", _REMOVE)
    if name in _VALUES:
        return _value_reason(value, name)
    if name in ("TypeSpec", "__typespec__"):
        return _spec_reason(value, name)
    if name == "function":
        return _function_reason(value)
    if name in _CALLS:
        return _module_reason(value, name) or _CALLS[name](config if isinstance(config, dict) else {})
    if name not in _CLASSES:
        module = value.get("module")
        where = f" of the Python module {_shown(module)}" if isinstance(module, str) else ""
        return Refusal(f"uses the layer class {_shown(name)}{where}, {_UNKNOWN}", _PASS)
    return _module_reason(value, name)


def _value_reason(value: dict[str, Any], name: str) -> Refusal | None:
    """Why Keras might load a class of another module for a stored value."""
    module, registered = value.get("module"), value.get("registered_name")
    known = all(isinstance(text, str | None) for text in (module, registered))
    if known and (module, registered) in _VALUE_MODULES:
        return None
    where = f"{_shown(registered)} of the Python module {_shown(module)}"
    return Refusal(f"stores a value {name!r} as {where}, {_UNKNOWN}", _REMOVE)


def _spec_reason(value: dict[str, Any], name: str) -> Refusal | None:
    """Checks ``type_spec``, which ``TypeSpec`` looks up in TensorFlow, and ``__typespec__``, which it looks up in a
    module.
    """
    spec = str(value.get("type_spec" if name == "TypeSpec" else "spec_name")).removeprefix("tf.")
    is_spec = spec in _SPECS and value.get("registered_name") is None
    if name == "__typespec__" or "module" in value:
        is_spec = is_spec and _SPEC_MODULE.fullmatch(str(value.get("module"))) is not None
    return None if is_spec else Refusal(f"describes a tensor by {_shown(spec)}, {_UNKNOWN}", _REMOVE)


def _module_reason(value: dict[str, Any], name: str) -> Refusal | None:
    """Why Keras might load a class other than its own under this name."""
    module, registered = value.get("module"), value.get("registered_name")
    if module is not None and not (isinstance(module, str) and _MODULE.fullmatch(module)):
        return Refusal(f"uses the layer class {name!r} of the Python module {_shown(module)}, {_UNKNOWN}", _PASS)
    if registered not in (None, name):
        return Refusal(f"uses the layer class {name!r}, registered as {_shown(registered)}, {_UNKNOWN}", _PASS)
    return None


def _function_reason(value: dict[str, Any]) -> Refusal | None:
    name, module, registered = value.get("config"), value.get("module"), value.get("registered_name")
    allowed = names.ACTIVATIONS if module == "builtins" else names.ACTIVATIONS | names.FUNCTIONS
    is_kerass = isinstance(module, str) and _FUNCTION_MODULE.fullmatch(module)
    if isinstance(name, str) and name in allowed and is_kerass and registered in (None, "function", name):
        return None
    return Refusal(f"uses the function {_shown(name)} of the Python module {_shown(module)}, {_UNKNOWN}", _PASS)


def _argument_reasons(arguments: dict[str, Any], known: Container[str]) -> Iterator[Refusal]:
    for key, value in arguments.items():
        if not isinstance(value, str):
            continue
        kind = key.rpartition("_")[2]
        if kind in _STRINGS and value not in _STRINGS[kind] and value not in known:
            yield Refusal(f"names the {kind} {_shown(value)}, {_UNKNOWN}", _PASS)
        if key == "vocabulary":
            what = f"reads its vocabulary from the file {_shown(value)}, which is not part of the model"
            yield Refusal(what, "save the layer with its vocabulary as a list")


def _tensorflow_function(config: dict[str, Any]) -> Refusal | None:
    name = config.get("function")
    if isinstance(name, str) and only_computes(name):
        return None
    return Refusal(f"calls the TensorFlow function {_shown(name)}, {_UNKNOWN}", _REMOVE)


def _tensorflow_op(config: dict[str, Any]) -> Refusal | None:
    node = config.get("node_def")
    op = node.get("op") if isinstance(node, dict) else None
    if isinstance(op, str) and is_computing(op):
        return None
    return Refusal(f"runs the TensorFlow op {_shown(op)}, {_UNKNOWN}", _REMOVE)


def _class_method(config: dict[str, Any]) -> Refusal | None:
    symbol, method = config.get("cls_symbol"), config.get("method_name")
    if symbol == "RaggedTensor" and method in _CONSTRUCTORS:
        return None
    return Refusal(f"calls {_shown(method)} of the TensorFlow class {_shown(symbol)}, {_UNKNOWN}", _REMOVE)


def _attribute(allowed: set[str]) -> Callable[[dict[str, Any]], Refusal | None]:
    def reason(config: dict[str, Any]) -> Refusal | None:
        name = config.get("attr_name")
        if isinstance(name, str) and name in allowed:
            return None
        return Refusal(f"uses the attribute {_shown(name)} of a tensor, {_UNKNOWN}", _REMOVE)

    return reason


# Keras 2 layers that represent a call; the callee is checked.
_CALLS: dict[str, Callable[[dict[str, Any]], Refusal | None]] = {
    "TFOpLambda": _tensorflow_function,
    "SlicingOpLambda": _tensorflow_function,
    "TensorFlowOpLayer": _tensorflow_op,
    "ClassMethod": _class_method,
    "InstanceProperty": _attribute(_PROPERTIES),
    "InstanceMethod": _attribute(_METHODS),
}


def _shown(value: object) -> str:
    """The value as quoted in messages, at most one line long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}…"
