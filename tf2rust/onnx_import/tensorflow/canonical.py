"""One order and one set of names for graphs of one structure.

tf2onnx numbers and orders nodes differently in every run. Here both come from the graph alone: depth first from
the outputs, in their order, producers before consumers; names after the layer and the op.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import onnx
from onnx import helper, numpy_helper

# The first that holds opset 18; the newest would follow the installed onnx package.
_IR_VERSION = 8


def canonicalise(proto: onnx.ModelProto, node_layers: Mapping[str, str]) -> tuple[onnx.ModelProto, dict[str, str]]:
    """``proto`` in canonical order and names, and ``node_layers`` by the new node names.

    Graphs of equal structure, weights, interface and layers come out byte for byte equal. Nodes are called
    ``<layer>/<OpType>``, then ``<layer>/<OpType>_1`` and so on; values after their node; weights after the first
    node that takes them and its word for that input. What no output needs is dropped, equal weights are merged,
    constants and the weights of subgraphs become initializers of the model, and the free first dimension of the
    inputs is called ``batch``. The inputs and outputs keep their names and order.
    """
    result = onnx.ModelProto()
    result.CopyFrom(proto)
    graph = result.graph
    opsets = {entry.domain: entry.version for entry in proto.opset_import}
    interface = {value.name: value.name for value in (*graph.input, *graph.output)}
    names = _Names(node_layers, opsets, taken_values=set(interface))
    scope = _Scope(graph, names, None, dict(interface))
    nodes = scope.rename()
    # An output that is a constant keeps its name, whatever other weight is equal to it.
    constants = [
        _stored(scope.weights[value.name], value.name) for value in graph.output if value.name in scope.weights
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
    )
    return model, names.layers


@dataclass
class _Names:
    """Names given out so far, over the graph and all its subgraphs, and what bears them."""

    node_layers: Mapping[str, str]
    opsets: Mapping[str, int]
    taken_values: set[str]
    taken_nodes: set[str] = field(default_factory=set)
    layers: dict[str, str] = field(default_factory=dict)
    weights: dict[bytes, onnx.TensorProto] = field(default_factory=dict)

    def node(self, node: onnx.NodeProto) -> str:
        layer = self.node_layers.get(node.name)
        name = _free(f"{layer}/{node.op_type}" if layer else node.op_type, self.taken_nodes)
        if layer:
            self.layers[name] = layer
        return name

    def value(self, wanted: str) -> str:
        return _free(wanted, self.taken_values)

    def weight(self, tensor: onnx.TensorProto, wanted: str) -> str:
        """The name of the one initializer with this content, which may have got its name before."""
        key = hashlib.sha256(_stored(tensor, "").SerializeToString(deterministic=True)).digest()
        if key not in self.weights:
            self.weights[key] = _stored(tensor, self.value(wanted))
        return self.weights[key].name

    def role(self, node: onnx.NodeProto, index: int) -> str:
        """What the op calls its input ``index``: ``W``, ``bias``; the number itself where inputs are alike."""
        version = self.opsets.get(node.domain, 0)
        if onnx.defs.has(node.op_type, version, node.domain):
            inputs = onnx.defs.get_schema(node.op_type, version, node.domain).inputs
            if index < len(inputs) and inputs[index].option != onnx.defs.OpSchema.FormalParameterOption.Variadic:
                return inputs[index].name
        return str(index)


class _Scope:
    """A graph or subgraph while its contents get their new names; ``values`` maps old names of its own to new ones."""

    def __init__(self, graph: onnx.GraphProto, names: _Names, outer: _Scope | None, values: dict[str, str]) -> None:
        self.names, self.outer, self.values = names, outer, values
        self.weights = {tensor.name: tensor for tensor in graph.initializer}
        constants = [node for node in graph.node if _is_constant(node)]
        self.weights |= {node.output[0]: node.attribute[0].t for node in constants}
        self.nodes = _ordered(graph)

    def rename(self) -> list[onnx.NodeProto]:
        """Rename the nodes, all values and subgraphs; gives the nodes in order."""
        for node in self.nodes:
            node.name = self.names.node(node)
            inputs = [
                self.resolve(name, f"{node.name}/{self.names.role(node, i)}") for i, name in enumerate(node.input)
            ]
            outputs = [self._output(node, index) for index in range(len(node.output))]
            del node.input[:], node.output[:], node.metadata_props[:]
            node.input.extend(inputs)
            node.output.extend(outputs)
            node.doc_string = ""
            attributes = sorted(node.attribute, key=lambda attribute: attribute.name)
            for attribute in attributes:
                attribute.doc_string = ""
                if attribute.type == onnx.AttributeProto.TENSOR:
                    attribute.t.CopyFrom(_stored(attribute.t, ""))
                elif attribute.type == onnx.AttributeProto.GRAPH:
                    self._rename_subgraph(attribute.g, f"{node.name}/{attribute.name}")
            copies = [onnx.AttributeProto.FromString(attribute.SerializeToString()) for attribute in attributes]
            del node.attribute[:]
            node.attribute.extend(copies)
        return self.nodes

    def resolve(self, old: str, wanted: str) -> str:
        """The new name of a value; a weight that is met for the first time is kept as ``wanted``."""
        if not old:
            return ""
        if old in self.weights and old not in self.values:
            self.values[old] = self.names.weight(self.weights[old], wanted)
        if old in self.values:
            return self.values[old]
        if self.outer is None:
            raise ValueError(f"value {old!r} is used but made by no node")
        return self.outer.resolve(old, wanted)

    def _output(self, node: onnx.NodeProto, index: int) -> str:
        old = node.output[index]
        if old and old not in self.values:
            self.values[old] = self.names.value(node.name if len(node.output) == 1 else f"{node.name}:{index}")
        return self.values[old] if old else ""

    def _rename_subgraph(self, graph: onnx.GraphProto, name: str) -> None:
        inputs = {value.name: self.names.value(f"{name}/{index}") for index, value in enumerate(graph.input)}
        inner = _Scope(graph, self.names, self, inputs)
        nodes = inner.rename()
        for index, value in enumerate((*graph.input, *graph.output)):
            value.name = inner.resolve(value.name, f"{name}/{index}")
        _replace(graph, name, nodes)


def _ordered(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    """Copies of the nodes that the outputs need, depth first; without recursion, for graphs are deep."""
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
            order.append(onnx.NodeProto.FromString(node.SerializeToString()))
        else:
            stack.append((value, True))
            stack.extend((name, False) for name in reversed([*node.input, *_captured(node)]))
    return order


def _captured(node: onnx.NodeProto) -> Iterator[str]:
    """The values that the subgraphs of ``node`` take, some of them from outside, in canonical order."""
    for attribute in sorted(node.attribute, key=lambda attribute: attribute.name):
        if attribute.type == onnx.AttributeProto.GRAPH:
            for inner in _ordered(attribute.g):
                yield from inner.input
                yield from _captured(inner)


def _replace(graph: onnx.GraphProto, name: str, nodes: list[onnx.NodeProto]) -> None:
    del graph.node[:], graph.initializer[:], graph.value_info[:], graph.metadata_props[:]
    graph.node.extend(nodes)
    graph.name, graph.doc_string = name, ""
    for value in (*graph.input, *graph.output):
        value.doc_string = ""


def _name_dimensions(graph: onnx.GraphProto) -> None:
    """Call the inputs' free first dimension ``batch`` and others after their input; those of outputs stay unnamed.

    Which of the inputs' dimensions an output's free dimension depends on, and how, is for shape inference to find.
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


def _stored(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    """The tensor in the one form that ``numpy_helper`` writes."""
    return numpy_helper.from_array(numpy_helper.to_array(tensor), name)


def _free(wanted: str, taken: set[str]) -> str:
    name, count = wanted, 0
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name)
    return name
