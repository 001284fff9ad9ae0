"""Canonical order and names for graphs of equal structure.

tf2onnx numbers and orders nodes differently in every run. Here, both depend only on the graph: nodes are ordered depth
first from the outputs, producers before consumers, and named after the layer and the op.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import onnx
from onnx import helper

from tf2rust.onnx_import.tensorflow.bodies import normalise_bodies
from tf2rust.onnx_import.tensorflow.naming import Names, stored_tensor

# The first IR version with opset 18; the newest would depend on the installed onnx package.
_IR_VERSION = 8


def canonicalise(proto: onnx.ModelProto, node_layers: Mapping[str, str]) -> tuple[onnx.ModelProto, dict[str, str]]:
    """Returns ``proto`` in canonical form, and ``node_layers`` by the new node names.

    Graphs of equal structure, weights, interface and layers become identical byte for byte. Nodes are named
    ``<layer>/<OpType>``, ``<layer>/<OpType>_1`` and so on; values after their node; weights after the first node that
    reads them and the name of that input. Unused nodes are dropped. Equal weights are merged, and so are equal nodes of
    one layer. Constants and weights in subgraphs become initializers of the model. The inputs' symbolic first dimension
    is named ``batch``. Inputs and outputs keep their names and order.
    """
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    graph = result.graph
    normalise_bodies(graph)
    opsets = {entry.domain: entry.version for entry in proto.opset_import}
    interface = {value.name: value.name for value in (*graph.input, *graph.output)}
    names = Names(node_layers, opsets, taken_values=set(interface))
    scope = _Scope(graph, names, None, dict(interface))
    nodes = scope.rename()
    # A constant output keeps its name, even if another weight is equal.
    constants = [
        stored_tensor(scope.weights[value.name], value.name) for value in graph.output if value.name in scope.weights
    ]
    _replace(graph, "model", nodes)
    graph.initializer.extend([*names.weights.values(), *constants])
    _name_dimensions(graph)
    used = {node.domain for node in _all_nodes(graph)} | {""}
    model = helper.make_model(
        graph,
        producer_name="tf2onnx",
        ir_version=_IR_VERSION,
        opset_imports=[helper.make_opsetid(domain, opsets[domain]) for domain in sorted(used)],
        functions=sorted(proto.functions, key=lambda function: function.name),
    )
    return model, names.layers


class _Scope:
    """A graph or subgraph during the renaming; ``values`` maps its old names to new ones."""

    def __init__(self, graph: onnx.GraphProto, names: Names, outer: _Scope | None, values: dict[str, str]) -> None:
        self.names, self.outer, self.values = names, outer, values
        self.weights = {tensor.name: tensor for tensor in graph.initializer}
        constants = [node for node in graph.node if _is_constant(node)]
        self.weights |= {node.output[0]: node.attribute[0].t for node in constants}
        self.nodes = _ordered(graph)
        self.merged: dict[tuple[str | bytes | None, ...], onnx.NodeProto] = {}

    def rename(self) -> list[onnx.NodeProto]:
        """Renames nodes, values and subgraphs. Returns the nodes in order, without duplicates in a layer."""
        kept = []
        for node in self.nodes:
            layer = self.names.node_layers.get(node.name)
            name = self.names.node(node.op_type, layer)
            inputs = [self.resolve(value, f"{name}/{self.names.role(node, i)}") for i, value in enumerate(node.input)]
            attributes = [self._attribute(attribute, name) for attribute in _by_name(node.attribute)]
            key = (layer, node.domain, node.op_type, *inputs, *(each.SerializeToString() for each in attributes))
            twin = self.merged.get(key)
            if twin is not None and not any(value in self.values for value in node.output):
                self.names.release(name)
                self.values |= dict(zip(node.output, twin.output, strict=True))
                continue
            several = len(node.output) > 1
            outputs = [self._output(value, f"{name}:{i}" if several else name) for i, value in enumerate(node.output)]
            renamed = onnx.NodeProto(op_type=node.op_type, domain=node.domain, name=name, input=inputs, output=outputs)
            renamed.attribute.extend(attributes)
            self.merged[key] = renamed
            kept.append(renamed)
        return kept

    def resolve(self, old: str, wanted: str) -> str:
        """The new name of a value; a new weight is kept as ``wanted``."""
        if not old:
            return ""
        if old in self.weights and old not in self.values:
            self.values[old] = self.names.weight(self.weights[old], wanted)
        if old in self.values:
            return self.values[old]
        if self.outer is None:
            raise ValueError(f"value {old!r} is used but no node computes it")
        return self.outer.resolve(old, wanted)

    def _output(self, old: str, wanted: str) -> str:
        if old and old not in self.values:
            self.values[old] = self.names.value(wanted)
        return self.values[old] if old else ""

    def _attribute(self, old: onnx.AttributeProto, node: str) -> onnx.AttributeProto:
        new = onnx.AttributeProto()
        new.CopyFrom(old)
        new.doc_string = ""
        if new.type == onnx.AttributeProto.TENSOR:
            new.t.CopyFrom(stored_tensor(old.t, ""))
        elif new.type == onnx.AttributeProto.GRAPH:
            self._rename_subgraph(new.g, f"{node}/{new.name}")
        return new

    def _rename_subgraph(self, graph: onnx.GraphProto, name: str) -> None:
        inputs = {value.name: self.names.value(f"{name}/{index}") for index, value in enumerate(graph.input)}
        inner = _Scope(graph, self.names, self, inputs)
        nodes = inner.rename()
        for index, value in enumerate((*graph.input, *graph.output)):
            for dimension in value.type.tensor_type.shape.dim:
                dimension.ClearField("dim_param")
            value.name = inner.resolve(value.name, f"{name}/{index}")
        _replace(graph, name, nodes)


def _ordered(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """The nodes that the outputs need, depth first, without recursion because graphs are deep."""
    producers = {
        output: index
        for index, node in enumerate(graph.node)
        if not _is_constant(node)
        for output in node.output
        if output
    }
    order: list[onnx.NodeProto] = []
    done: set[int] = set()
    stack = [(value.name, False) for value in reversed(graph.output)]
    while stack:
        value, inputs_done = stack.pop()
        index = producers.get(value)
        if index is None or index in done:
            continue
        node = graph.node[index]
        if inputs_done:
            done.add(index)
            order.append(node)
        else:
            stack.append((value, True))
            stack.extend((name, False) for name in reversed([*node.input, *_captured(node)]))
    return order


def _captured(node: onnx.NodeProto) -> Iterator[str]:
    """The values that the subgraphs of ``node`` read, some of them from outside, in canonical order."""
    for attribute in _by_name(node.attribute):
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in _ordered(attribute.g):
                yield from inner.input
                yield from _captured(inner)


def _by_name(attributes: Iterable[onnx.AttributeProto]) -> list[onnx.AttributeProto]:
    return sorted(attributes, key=lambda attribute: attribute.name)


def _replace(graph: onnx.GraphProto, name: str, nodes: list[onnx.NodeProto]) -> None:
    del graph.node[:], graph.initializer[:], graph.value_info[:], graph.metadata_props[:]
    graph.node.extend(nodes)
    graph.name, graph.doc_string = name, ""
    for value in (*graph.input, *graph.output):
        value.doc_string = ""


def _name_dimensions(graph: onnx.GraphProto) -> None:
    """Names the inputs' symbolic first dimension ``batch``, and others after their input; those of outputs stay
    unnamed.

    Shape inference determines how the dimensions of outputs depend on the inputs.
    """
    for value in (*graph.input, *graph.output):
        is_input = value in graph.input
        for axis, dimension in enumerate(value.type.tensor_type.shape.dim):
            if not dimension.HasField("dim_value"):
                dimension.Clear()
                if is_input:
                    dimension.dim_param = "batch" if axis == 0 else f"{value.name}_dim{axis}"


def _all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _all_nodes(attribute.g)


def _is_constant(node: onnx.NodeProto) -> bool:
    return node.op_type == "Constant" and node.domain == "" and node.attribute[0].name == "value"
