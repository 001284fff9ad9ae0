"""Fusion: a layer takes over the work of its only reader, or of its only source, where its kernel can do it too."""

from __future__ import annotations

from tf2rust.codegen.layout import cancel_transposes
from tf2rust.ops.activations import ActivationLayer
from tf2rust.ops.arithmetic import Binary
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.reshape import Reshape


def optimise(graph: LayerGraph) -> LayerGraph:
    """Channels-last, simplified and fused; a graph that computes the same with fewer layers."""
    graph = cancel_transposes(graph)
    _simplify(graph)
    while _merge_reshapes(graph) or _sink_reshapes(graph) or _fuse(graph):
        pass
    return graph


def _simplify(graph: LayerGraph) -> None:
    """Replaces layers by the simpler ones they offer."""
    layers: list[Layer] = []
    for layer in graph.layers:
        parts = layer.simplified()
        if parts is None:
            layers.append(layer)
            continue
        main = next(p for p in parts if not isinstance(p, Reshape))
        main.nodes, main.rules, main.anchor = layer.nodes, layer.rules, layer.anchor
        layers += parts
    graph.layers = layers


def _merge_reshapes(graph: LayerGraph) -> bool:
    """``Reshape(Reshape(x))`` is one Reshape; one that changes nothing is none."""
    made = {value: layer for layer in graph.layers for value in layer.outputs}
    readers = graph.consumers()
    for layer in graph.layers:
        if not isinstance(layer, Reshape):
            continue
        source = made.get(layer.x)
        if isinstance(source, Reshape):
            layer.inputs = [source.x]
            if readers[source.y] == [layer] and not graph.is_output(source.y):
                layer.nodes = source.nodes + layer.nodes
                graph.layers.remove(source)
            return True
        if layer.x.shape == layer.y.shape and not graph.is_output(layer.y):
            _replace(graph, layer.y, layer.x)
            graph.layers.remove(layer)
            heir = source or next(iter(readers.get(layer.y, [])), None)
            if heir is not None:
                heir.nodes += layer.nodes
            return True
    return False


def _replace(graph: LayerGraph, old: Value, new: Value) -> None:
    for layer in graph.layers:
        layer.inputs = [new if v is old else v for v in layer.inputs]


def _sink_reshapes(graph: LayerGraph) -> bool:
    """Moves elementwise layers in front of a Reshape, next to a layer that may take them over.

    x ─ Dense ─ Reshape ─ Add(bias) ─ Relu    becomes    x ─ Dense ─ Add(bias) ─ Relu ─ Reshape
    """
    readers = graph.consumers()
    for position, view in enumerate(graph.layers):
        if not isinstance(view, Reshape) or len(readers.get(view.y, [])) != 1 or graph.is_output(view.y):
            continue
        (layer,) = readers[view.y]
        if len(layer.inputs) != 1 or not _commutes(layer, view):
            continue
        inner = Value(f"{layer.y.name}'", layer.y.dtype, view.x.shape)
        outer, view.outputs = layer.y, [layer.y]
        layer.inputs, layer.outputs = [view.x], [inner]
        view.inputs = [inner]
        graph.layers.remove(layer)
        graph.layers.insert(position, layer)
        assert view.y is outer
        return True
    return False


def _commutes(layer: Layer, view: Reshape) -> bool:
    """Whether an elementwise layer computes the same on the other side of the Reshape."""
    if isinstance(layer, ActivationLayer):
        return True
    if not isinstance(layer, Binary) or layer.constant is None or layer.x.shape != layer.y.shape:
        return False
    if layer.constant.size == 1:
        layer.constant = layer.constant.reshape(())
        return True
    if layer.last_axis() is None or view.x.rank == 0 or view.x.shape[-1] != view.y.shape[-1]:
        return False
    layer.constant = layer.constant.reshape(-1)
    return True


def _fuse(graph: LayerGraph) -> bool:
    """One fusion at a time, the first that is possible."""
    readers = graph.consumers()
    for layer in graph.layers:
        if len(layer.outputs) != 1 or graph.is_output(layer.y) or len(readers.get(layer.y, [])) != 1:
            continue
        (reader,) = readers[layer.y]
        if reader.inputs.count(layer.y) != 1:
            continue
        fused = layer.absorb(reader) or reader.absorb_input(layer)
        if fused is None:
            continue
        fused.outputs = reader.outputs
        fused.anchor = layer.anchor if type(fused) is type(layer) else reader.anchor
        fused.nodes = layer.nodes + reader.nodes
        fused.rules = layer.rules + reader.rules
        graph.layers[graph.layers.index(reader)] = fused
        graph.layers.remove(layer)
        return True
    return False
