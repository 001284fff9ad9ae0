"""``model_architecture.json`` and ``computation_graph.json``: the model as data for other tools."""

from __future__ import annotations

from typing import Any

from tf2rust.codegen.model import Model
from tf2rust.codegen.variables import Port
from tf2rust.ops.core.dims import plain_shape
from tf2rust.ops.core.layer import Layer, LayerGraph, Value

FORMAT_VERSION = 1


def architecture(model: Model, graph: LayerGraph, *, origins: bool = False) -> dict[str, Any]:
    """The inputs, the outputs, and the kind, shapes, parameters and weights of each layer.

    The states say which input the next call gets from which output. Shapes are lists of numbers and expressions over
    the symbolic dimensions. Weights are named by their NPZ keys. Loops and Ifs have a list of layers for each of their
    bodies. With ``origins``, a weight that is an initializer of the model has its name and the order of its axes.
    """
    states = [{"input": state.input.name, "output": state.output.name} for state in model.states]
    return {
        "version": FORMAT_VERSION,
        "free_dimensions": model.symbolic,
        "inputs": [_port(p) for p in model.all_inputs],
        "outputs": [_port(p) for p in model.all_outputs],
        **({"states": states} if states else {}),
        "layers": [_layer(model, layer, origins) for layer in graph.layers],
    }


def _layer(model: Model, layer: Layer, origins: bool) -> dict[str, Any]:
    keys = model.weights.keys(layer)
    weights: dict[str, dict[str, Any]] = {
        w.role: {"key": keys[w.role], "shape": list(w.array.shape)} for w in layer.weights()
    }
    for role, origin in layer.origins.items() if origins else ():
        weights[role]["initializer"] = {"name": origin.initializer, "axes": list(origin.axes)}
    bodies = [[_layer(model, inner, origins) for inner in body.layers] for body in layer.bodies()]
    return {
        "name": model.names[layer],
        "kind": layer.kind,
        "inputs": [_tensor(v) for v in layer.inputs],
        "outputs": [_tensor(v) for v in layer.outputs],
        "parameters": layer.params(),
        "weights": weights,
        **({"bodies": bodies} if bodies else {}),
    }


def computation_graph(model: Model, graph: LayerGraph) -> dict[str, Any]:
    """The inbound and outbound layers of each layer, by name, including the model's inputs and outputs."""
    made: dict[Value, str] = {v: p.name for v, p in zip(graph.inputs, model.all_inputs, strict=True)}
    inbounds: dict[str, list[str]] = {}
    for layer in graph.layers:
        inbounds[model.names[layer]] = [made[v] for v in layer.inputs]
        made.update((v, model.names[layer]) for v in layer.outputs)
    outbounds: dict[str, list[str]] = {name: [] for name in inbounds}
    for name, sources in inbounds.items():
        for source in sources:
            outbounds.setdefault(source, []).append(name)
    return {
        "version": FORMAT_VERSION,
        "inputs": {p.name: outbounds.get(p.name, []) for p in model.all_inputs},
        "outputs": {name: made[v] for name, v in graph.outputs},
        "layers": {name: {"inbounds": inbounds[name], "outbounds": outbounds[name]} for name in inbounds},
    }


def _port(port: Port) -> dict[str, Any]:
    return {"name": port.name, "dtype": port.dtype, "shape": plain_shape(port.shape)}


def _tensor(value: Value) -> dict[str, Any]:
    return {"dtype": value.dtype, "shape": plain_shape(value.shape)}
