"""Repairs what exporters write against the format, and drops what nothing reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

import onnx

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.weights import without_weights
from tf2rust.stages import brief


def tidy(proto: onnx.ModelProto) -> None:
    """Sorts the nodes of ``proto``, makes negative sizes symbolic, and removes what no output needs.

    Raises ConversionError if the nodes form a cycle, or if two weights or two outputs have the same name.
    """
    # Training information is not part of what the model computes.
    proto.ClearField("training_info")
    for info in [*proto.graph.input, *proto.graph.output, *proto.graph.value_info]:
        for dim in info.type.tensor_type.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value < 0:
                dim.ClearField("dim_value")
    _refuse_doubles(proto.graph)
    _drop_unread_weights(proto.graph)
    for graph in graphs_of(proto.graph):
        _sort(graph)


def declare_outputs(proto: onnx.ModelProto) -> None:
    """Adds inferred types to the outputs of ``proto`` without a type; raises ConversionError if a type cannot be
    inferred.

    Debuggers append such outputs to inspect intermediate values, and ONNX Runtime accepts them.
    """
    untyped = [o for o in proto.graph.output if o.type.WhichOneof("value") is None]
    if not untyped:
        return
    declared = [*proto.graph.input, *proto.graph.value_info, *_inferred(proto)]
    types = {info.name: info.type for info in declared if info.type.WhichOneof("value")}
    for output in untyped:
        if output.name not in types:
            raise ConversionError(
                f"The output `{brief(output.name)}` has no type, and its type cannot be inferred; export the model "
                "with the types of its outputs."
            )
        output.type.CopyFrom(types[output.name])


def _inferred(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    light = without_weights(proto)
    outputs = [o for o in light.graph.output if o.type.WhichOneof("value")]
    copy = onnx.ModelProto.FromString(light.SerializeToString())
    del copy.graph.output[:]
    copy.graph.output.extend(outputs)
    try:
        return list(onnx.shape_inference.infer_shapes(copy).graph.value_info)
    except onnx.shape_inference.InferenceError:
        return []


def _refuse_doubles(graph: onnx.GraphProto) -> None:
    for what, values in (("weights", graph.initializer), ("outputs", graph.output)):
        names: set[str] = set()
        for value in values:
            if value.name in names:
                raise ConversionError(f"Two {what} have the name `{brief(value.name)}`; export the model again.")
            names.add(value.name)


def _drop_unread_weights(graph: onnx.GraphProto) -> None:
    """Removes unread weights, and inputs with such a weight as their default value."""
    read = {o.name for o in graph.output} | {name for node in graph.node for name in _read_by(node)}
    unread = {t.name for t in graph.initializer} - read
    if unread:
        _keep(graph.initializer, lambda tensor: tensor.name not in unread)
        _keep(graph.input, lambda info: info.name not in unread)


def _keep(field: Any, wanted: Callable[[Any], bool]) -> None:
    """Removes unwanted elements from a repeated field without copying the others."""
    for i in reversed(range(len(field))):
        if not wanted(field[i]):
            del field[i]


def _sort(graph: onnx.GraphProto) -> None:
    """Sorts the nodes topologically, if they are not sorted already."""
    makers = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    needs = {i: sorted({makers[n] for n in _read_by(node) if n in makers}) for i, node in enumerate(graph.node)}
    if all(maker < i for i, own in needs.items() for maker in own):
        return
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        node = graph.node[error.args[1][0]]
        raise ConversionError(
            f"The node `{brief(node.name or node.op_type)}` depends on its own result: the graph has a cycle; "
            "export the model again."
        ) from error
    nodes = [onnx.NodeProto.FromString(graph.node[i].SerializeToString()) for i in order]
    graph.ClearField("node")
    graph.node.extend(nodes)


def _read_by(node: onnx.NodeProto) -> set[str]:
    """The names that a node reads, including those that its bodies capture."""
    read = set(node.input)
    for graph in node_bodies(node):
        made = {name for inner in graph.node for name in inner.output}
        made |= {value.name for value in [*graph.input, *graph.initializer]}
        inside = {o.name for o in graph.output}.union(*(_read_by(inner) for inner in graph.node))
        read |= inside - made
    return read


def graphs_of(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and its subgraphs."""
    yield graph
    for node in graph.node:
        for body in node_bodies(node):
            yield from graphs_of(body)


def node_bodies(node: onnx.NodeProto) -> Iterable[onnx.GraphProto]:
    """The subgraphs of a node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
