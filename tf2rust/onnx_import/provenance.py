"""Which of the model's own weights a layer's arrays come from, and which they are."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping

import numpy as np
import onnx

from tf2rust.onnx_import.tidy import node_bodies
from tf2rust.ops.core.layer import LayerGraph, Origin

_NONE: frozenset[str] = frozenset()
_EMPTY = np.empty(0)


def trace_weights(graph: LayerGraph, proto: onnx.GraphProto, node_layers: Mapping[str, str]) -> None:
    """Set the ``sources`` of every layer: the initializers that its nodes read, and the Keras layers of these nodes.

    A node reads an initializer directly or through nodes that compute constants.
    """
    read = dict(_initializers(proto, {}))
    for layer in graph.walk():
        sources = {source for node in layer.nodes for source in read.get(_known(node, read), _NONE)}
        layer.sources = frozenset(
            sources | {f"layer {node_layers[node]}" for node in layer.nodes if node in node_layers}
        )


def trace_origins(graph: LayerGraph, initializers: Mapping[str, np.ndarray]) -> None:
    """Set the ``origins`` of every layer.

    Rules and passes leave an initializer in its memory as long as they only transpose or reshape it. A weight that has
    its first element in the memory of an initializer, and all others too, therefore is this initializer.
    """
    at = {array.ctypes.data: (name, array) for name, array in initializers.items() if array.size}
    for layer in graph.walk():
        origins = {}
        for weight in layer.weights():
            array = np.asarray(weight.array)
            name, original = at.get(array.ctypes.data, ("", _EMPTY))
            if name and (array.dtype, array.size) == (original.dtype, original.size):
                axes = _axes(array, original)
                if axes is not None:
                    origins[weight.role] = Origin(name, axes)
        layer.origins = origins


def _axes(array: np.ndarray, original: np.ndarray) -> tuple[int, ...] | None:
    """The order of axes in which ``original`` and ``array``, a view of its elements, list them in the same order."""
    if array.flags.c_contiguous and original.flags.c_contiguous:
        return tuple(range(original.ndim))
    steps = {(size, step): axis for axis, (size, step) in enumerate(zip(original.shape, original.strides, strict=True))}
    found = [steps.get(key) for key in zip(array.shape, array.strides, strict=True) if key[0] != 1]
    axes = [axis for axis in found if axis is not None]
    rest = [axis for axis in range(original.ndim) if axis not in axes]
    if len(axes) < len(found) or any(original.shape[axis] != 1 for axis in rest):
        return None
    return (*axes, *rest)


def _known(name: str, known: Container[str]) -> str:
    """The node of the model that a node belongs to: nodes of the definition of an operator are called ``<node>/…``."""
    owner = name
    while owner not in known and "/" in owner:
        owner = owner.rpartition("/")[0]
    return owner if owner in known else name


def _initializers(
    graph: onnx.GraphProto, outside: Mapping[str, frozenset[str]]
) -> Iterator[tuple[str, frozenset[str]]]:
    """The nodes of a graph and of its bodies, each with the initializers of several elements that it reads."""
    constants = {**outside}
    for tensor in graph.initializer:
        constants[tensor.name] = frozenset({tensor.name}) if list(tensor.dims) not in ([], [1]) else _NONE
    for node in graph.node:
        inputs = [name for name in node.input if name]
        sources = _NONE.union(*(constants.get(name, _NONE) for name in inputs))
        if node.op_type == "Constant" and not node.domain:
            sources = frozenset(node.output)
        if all(name in constants for name in inputs):
            constants.update((name, sources) for name in node.output)
        yield node.name, sources
        for body in node_bodies(node):
            yield from _initializers(body, constants)
