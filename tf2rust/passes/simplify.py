"""Simplification of single layers before fusion, and copies of values that cannot be outputs."""

from __future__ import annotations

from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.shape.reshape import Reshape


def own_outputs(graph: LayerGraph, owned: int | None = None) -> None:
    """Copies inputs that are outputs, and values that are two outputs, among the first ``owned`` outputs or all."""
    taken = set(graph.inputs)
    for i, (name, value) in enumerate(graph.outputs[:owned]):
        if value in taken:
            copy = Value(name, value.dtype, value.shape)
            graph.layers.append(Reshape(inputs=[value], outputs=[copy], name=name, rules=("output",)))
            graph.outputs[i] = (name, copy)
        taken.add(value)


def simplify(graph: LayerGraph) -> None:
    """Replaces layers by the simpler layers that they offer."""
    graph.layers = [part for layer in graph.layers for part in _simplified(layer)]


def _simplified(layer: Layer) -> list[Layer]:
    parts = layer.simplified()
    if parts is None:
        return [layer]
    main = next(p for p in parts if not isinstance(p, Reshape))
    main.nodes, main.rules, main.anchor = layer.nodes, layer.rules, layer.anchor
    return parts
