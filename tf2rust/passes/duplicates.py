"""Common subexpressions: what several layers compute from the same inputs is computed once."""

from __future__ import annotations

from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.passes.compare import array_identities, same_layer


def merge_duplicates(graph: LayerGraph) -> None:
    """Let the readers of a layer's outputs read those of an earlier layer that computes the same.

    Layers with weights are duplicates only if they share the arrays: arrays that are merely equal may be replaced by
    different ones (``from_weights``).
    """
    alias: dict[Value, Value] = {}
    seen: dict[tuple[object, ...], list[Layer]] = {}
    kept: list[Layer] = []
    for layer in graph.layers:
        layer.inputs = [alias.get(value, value) for value in layer.inputs]
        if layer.bodies():
            kept.append(layer)
            continue
        key = (type(layer), *layer.inputs, *array_identities(layer))
        candidates = seen.setdefault(key, [])
        first = next((other for other in candidates if same_layer(other, layer, shared=True)), None)
        if first is None:
            candidates.append(layer)
            kept.append(layer)
        else:
            first.nodes += layer.nodes
            alias.update(zip(layer.outputs, first.outputs, strict=True))
    graph.layers = kept
    graph.outputs = [(name, alias.get(value, value)) for name, value in graph.outputs]
