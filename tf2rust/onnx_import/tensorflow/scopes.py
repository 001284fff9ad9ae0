"""Maps exported nodes to Keras layers exactly, by renaming every layer while the model is traced.

TensorFlow names a node after the scopes that it was created in, and appends ``_1``, ``_2`` to a scope that is opened
again, so ``dense_1`` can be the layer ``dense_1`` or the second call of ``dense``. During the trace, the n-th layer is
therefore called ``layer_<n>.-``: a valid scope that no suffix can imitate.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tf2rust.onnx_import.tensorflow.runtime import library

_MARK = re.compile(r"layer_(\d+)\.-(?:_\d+)?")

Call = tuple[str, ...]
"""One call of a layer: the marked scopes from the outermost nested model to the layer itself."""


@dataclass(frozen=True)
class LayerScopes:
    """The marks used in a trace: mark number -> layer name, and which layers are not looked into."""

    names: dict[int, str] = field(default_factory=dict)
    whole: frozenset[int] = frozenset()

    def call_of(self, node_name: str) -> Call | None:
        """The layer call that created a node; empty for the model's own nodes, None for a name without a mark."""
        marks = list(_MARK.finditer(node_name))
        if not marks:
            return None
        # The outermost mark is the model itself, which all nodes share.
        call: list[str] = []
        for mark in marks[1:]:
            call.append(mark.group())
            if int(mark.group(1)) in self.whole:
                break
        return tuple(call)

    def layer_of(self, call: Call) -> str:
        """The layer's name after the names of the models that contain it: ``outer/inner``."""
        marks = (_MARK.fullmatch(part) for part in call)
        return "/".join(self.names[int(mark.group(1))] for mark in marks if mark)


@contextlib.contextmanager
def marked(model: Any) -> Iterator[LayerScopes]:
    """Marks every layer and operation of ``model`` inside the ``with`` block, and restores the names afterwards."""
    name_scope = library("tensorflow").name_scope
    names: dict[int, str] = {}
    whole = set()
    undo: list[Callable[[], None]] = []
    try:
        for number, (operation, is_layer) in enumerate(_operations(model)):
            names[number] = operation.name
            mark = f"layer_{number}.-"
            if is_layer:
                undo.append(_rename(operation, mark))
                if _is_whole(operation):
                    whole.add(number)
            else:
                undo.append(_open_scope(operation, functools.partial(name_scope, mark)))
        yield LayerScopes(names, frozenset(whole))
    finally:
        for restore in undo:
            restore()


def _is_whole(layer: Any) -> bool:
    """Whether inner layers are not layers of the model, such as the cell of a recurrent layer.

    Inner layers of others have names of their own: the ``query`` of a MultiHeadAttention, both directions of a
    Bidirectional, and the layers of a nested model.
    """
    return hasattr(layer, "cell")


def layer_classes(model: Any) -> dict[str, str]:
    """Name -> class name of the layers and Keras operations of ``model``; nested ones are ``outer/inner``."""
    return dict(_classes(model, ""))


def _classes(model: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for child, is_layer in _children(model):
        yield prefix + child.name, type(child).__name__
        if is_layer and not _is_whole(child):
            yield from _classes(child, f"{prefix}{child.name}/")


def _operations(model: Any) -> list[tuple[Any, bool]]:
    """All layers of ``model``, itself first, without duplicates and in a fixed order; and whether each is a layer."""
    found: dict[int, tuple[Any, bool]] = {id(model): (model, True)}
    queue = [model]
    while queue:
        for child, is_layer in _children(queue.pop(0)):
            if id(child) not in found:
                found[id(child)] = (child, is_layer)
                if is_layer:
                    queue.append(child)
    return list(found.values())


def _children(layer: Any) -> list[tuple[Any, bool]]:
    layers = list(layer._flatten_layers(include_self=False, recursive=False))
    known = {id(child) for child in layers}
    # A functional model of Keras 3 also contains `keras.ops` calls, which are operations but not layers.
    others = [child for child in getattr(layer, "operations", ()) if id(child) not in known]
    is_input = [type(child).__name__ == "InputLayer" for child in layers]
    return [(child, True) for child, skip in zip(layers, is_input, strict=True) if not skip] + [
        (child, False) for child in others
    ]


def _rename(layer: Any, mark: str) -> Callable[[], None]:
    # Keras 3 stores the name in `name`; in tf_keras, that is a property of `_name`.
    attribute = "_name" if isinstance(getattr(type(layer), "name", None), property) else "name"
    original = getattr(layer, attribute)
    setattr(layer, attribute, mark)
    return functools.partial(setattr, layer, attribute, original)


def _open_scope(operation: Any, scope: Callable[[], Any]) -> Callable[[], None]:
    original = operation.call

    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        with scope():
            return original(*args, **kwargs)

    operation.call = call
    return functools.partial(delattr, operation, "call")
