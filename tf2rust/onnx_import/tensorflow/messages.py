"""Extracts messages from TensorFlow and Keras exceptions, without stack frames, arguments and headings."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.scopes import LayerScopes

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
# Memory addresses are removed, because they change from run to run.
_GRAPH_MARKS = re.compile(
    r" at 0x[0-9a-f]+|\{\{function_node [^}]*\}\} ?|\[\[.*?\]\]|\[Op:[^\]]*\]|\(defined at .*?\)$"
)
_HEADING = re.compile(
    r"in user code:|Graph execution error:|Detected at node|<stack traces unavailable>|Stack trace for op|Traceback|"
    r"Exception encountered when calling|The original warning|[•*] |\d+ root error\(s\) found|\(\d+\)\s*\w*:?\s*$"
)
_ARGUMENTS = re.compile(r"(Call a|A)rguments received by ")
_EXCEPTION = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception)(?:: |$)")
_CAUSE = "Exception encountered: "
_NODE = re.compile(r"\{\{node ([^}]+)\}\}")
_LAYER = re.compile(r"Exception encountered when calling layer ['\"](?P<name>[^'\"]+)['\"]")
_CALL = re.compile(r"Exception encountered when calling (?P<kind>\w+)\.")
# Python's messages about objects inside a library say nothing about the model.
_UNEXPLAINED = (AttributeError, IndexError, KeyError, RecursionError, AssertionError, NameError)
_OF_PYTHON = re.compile(
    r"NoneType|unhashable type|object is not (callable|iterable|subscriptable)|values to unpack|unsupported operand"
    r"|takes \d+ positional|missing \d+ required|unexpected keyword|argument of type|indices must be"
    r"|object has no attribute|index out of range"
)
_SYMBOLIC = re.compile(r"symbolic|as a Python `?bool|__int__ returned non-int|'NoneType'")
_MADE = re.compile(r"(?:deserializing class|<class) '(?:[\w.]+\.)?(\w+)'")
_RANDOM = re.compile(r"seed_generator_state|(^|/)StateVar\b|random_generator")
_LONGEST = 400  # characters of a message; longer ones are dumps


def message_of(error: BaseException) -> str:
    """The first informative line of an exception's text, without a full stop, or its type if there is none.

    Keras puts ``in user code:``, stack frames and ``Exception encountered when calling ...`` before the message, or the
    whole config of an object; TensorFlow puts ``Graph execution error:`` and the definition of the node before it.
    Python's messages about a library's own objects are marked as unexplained.
    """
    said = next((_short(line) for line in _telling(str(error).rpartition(_CAUSE)[2])), type(error).__name__)
    if isinstance(error, _UNEXPLAINED) or (isinstance(error, (TypeError, ValueError)) and _OF_PYTHON.search(said)):
        return f"an unexplained error ({type(error).__name__}: {said})"
    return said


def _short(line: str) -> str:
    said = line if len(line) <= _LONGEST else re.split(r"(?<=\w)\. ", line, maxsplit=1)[0]
    return (said if len(said) <= _LONGEST else f"{said[: _LONGEST - 2]} …").rstrip(". ")


def _telling(text: str) -> Iterator[str]:
    """The lines that are not headings, frames or arguments."""
    frame: int | None = None
    for line in _ANSI.sub("", text).splitlines():
        indent = len(line) - len(line.lstrip())
        if frame is not None and line.strip() and indent > frame:
            frame = None  # the source line below a frame
            continue
        plain = _GRAPH_MARKS.sub("", line).strip()
        frame = indent if plain.startswith('File "') else None
        plain = _EXCEPTION.sub("", plain)
        if _ARGUMENTS.match(plain):
            return
        if plain and frame is None and not _HEADING.match(plain):
            yield plain


def layer_of(error: BaseException, scopes: LayerScopes, classes: Mapping[str, str] | None = None) -> str | None:
    """The layer that an exception mentions by its call or by a node, or the node if it has no layer.

    Keras 3 mentions only the class; ``classes`` maps the model's layers to their classes.
    """
    text = _ANSI.sub("", str(error))
    if named := list(_LAYER.finditer(text)):
        name = named[-1]["name"]
        return f"layer {scopes.layer_of((name,)) or name!r}"
    if called := list(_CALL.finditer(text)):
        kind = called[-1]["kind"]
        names = [name for name, own in (classes or {}).items() if own == kind]
        if len(names) == 1:
            return f"layer {names[0]!r} ({kind})"
        return f"one of the layers {', '.join(map(repr, names))} ({kind})" if names else f"a layer of class {kind}"
    if node := _NODE.search(text):
        call = scopes.call_of(node[1])
        return f"layer {scopes.layer_of(call)!r}" if call else f"node {node[1]!r}"
    return None


def not_traced(error: Exception, name: str, scopes: LayerScopes, classes: Mapping[str, str]) -> ConversionError:
    """The error for a model called ``name`` that TensorFlow cannot trace because of ``error``."""
    where = layer_of(error, scopes, classes)
    remedy = (
        "its code branches on a size or a number that is known only at run time; give the model's inputs fixed "
        "sizes, such as keras.Input((224, 224, 3)), or use another layer."
        if _SYMBOLIC.search(str(error))
        else "make sure that it can be called on a tensor whose first dimension is None, and save it again."
    )
    return ConversionError(
        f"TensorFlow cannot trace the model {name!r}: {message_of(error)}{f' ({where})' if where else ''}; {remedy}"
    )


def not_opened(error: Exception, file: str, writer: str, opener: str, remedy: str) -> ConversionError:
    """The error for a ``file`` that Keras cannot open because of ``error``."""
    made = _MADE.findall(_ANSI.sub("", str(error)))
    where = f" (layer class {made[-1]})" if made else ""
    return ConversionError(f"{opener} cannot open {file}, which {writer} wrote: {message_of(error)}{where}; {remedy}.")


def not_run(error: Exception, arrays: Mapping[str, np.ndarray[Any, Any]], scopes: LayerScopes) -> ConversionError:
    """The error for a model that TensorFlow cannot run on ``arrays`` because of ``error``."""
    sizes = ", ".join(f"`{name}` {list(np.shape(array))}" for name, array in arrays.items())
    where = layer_of(error, scopes)
    return ConversionError(
        f"TensorFlow cannot run the model on inputs of these sizes: {sizes}: {message_of(error)}"
        f"{f' ({where})' if where else ''}; bind the symbolic dimensions to other sizes with --dim, or give "
        "other samples with --path_to_fv."
    )


def _operations(users: Mapping[str, str]) -> str:
    return ", ".join(sorted(set(users.values())))


def is_random(variable: str) -> bool:
    """Whether the variable with this name is the state of a random generator."""
    return bool(_RANDOM.search(variable))


def state_reasons(
    used: Mapping[str, Mapping[str, str]], variables: Mapping[str, str], scopes: LayerScopes
) -> list[str]:
    """A reason for each layer that keeps a state between calls which cannot become an input and an output.

    ``used`` maps variables to the nodes that read them and their operations; ``variables`` maps variables to their
    names.
    """
    reasons = []
    for name, users in used.items():
        calls = [call for node in users if (call := scopes.call_of(node))]
        where = f"Layer {scopes.layer_of(calls[0])!r}" if calls else "The model"
        if is_random(variables[name]):
            reasons.append(
                f"{where} draws random numbers at inference, not only in training (variable {variables[name]!r}), "
                "so its results differ from call to call; remove the layer, or call it with training=False, and "
                "save the model again."
            )
        else:
            reasons.append(
                f"{where} keeps {variables[name]!r} between calls, and uses it by {_operations(users)}; only reads and "
                "assignments outside of loops and branches can become the state of a crate. Change the layer, or make "
                "the state an input and an output of the model and give --state."
            )
    return list(dict.fromkeys(reasons))
