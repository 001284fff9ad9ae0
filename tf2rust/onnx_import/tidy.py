"""Sorts the nodes of a model, drops what no output needs, and declares outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

import onnx

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.weights import without_weights
from tf2rust.stages import brief


def tidy(proto: onnx.ModelProto) -> list[str]:
    """Sorts the nodes of ``proto``, and removes weights and unknown nodes that no output needs.

    Returns a note for each kind of change that a user should know of. Raises ConversionError if the nodes form a cycle.
    """
    # Training information is not part of what the model computes.
    proto.ClearField("training_info")
    notes = list(_drop_unknown_nodes(proto))
    _drop_unread_weights(proto.graph)
    resorted = [_sort(graph) for graph in graphs(proto.graph)]
    if any(resorted):
        notes.append("the nodes of the model were not in topological order; they were sorted.")
    return notes


def declare_outputs(proto: onnx.ModelProto) -> None:
    """Adds types and shapes to the outputs of ``proto`` that lack them, as far as ONNX' own inference knows them.

    Debuggers append such outputs to inspect intermediate values, and ONNX Runtime accepts them. Other outputs without a
    type stay as they are: the operators that compute them may be known to ONNX Runtime alone.
    """
    undeclared = [o for o in proto.graph.output if not _is_declared(o)]
    if not undeclared:
        return
    declared = [*proto.graph.input, *proto.graph.value_info, *_inferred(proto)]
    types = {info.name: info.type for info in declared if info.type.WhichOneof("value")}
    for output in undeclared:
        if output.name in types:
            output.type.CopyFrom(types[output.name])
        elif not output.type.tensor_type.elem_type:
            output.ClearField("type")


def _is_declared(info: onnx.ValueInfoProto) -> bool:
    kind = info.type.tensor_type
    is_tensor = info.type.WhichOneof("value") == "tensor_type"
    return bool(kind.elem_type and kind.HasField("shape")) if is_tensor else info.type.WhichOneof("value") is not None


def _inferred(proto: onnx.ModelProto) -> list[onnx.ValueInfoProto]:
    light = without_weights(proto)
    outputs = [o for o in light.graph.output if _is_declared(o)]
    copy = onnx.ModelProto.FromString(light.SerializeToString())
    del copy.graph.output[:]
    copy.graph.output.extend(outputs)
    try:
        return list(onnx.shape_inference.infer_shapes(copy).graph.value_info)
    except onnx.shape_inference.InferenceError:
        return []


def _drop_unknown_nodes(proto: onnx.ModelProto) -> Iterator[str]:
    """Removes nodes of operators that ONNX does not define, if no output needs them; yields a note for each."""
    graph = proto.graph
    functions = {(f.domain, f.name) for f in proto.functions}
    unknown = [
        (node.domain, node.op_type) not in functions and not onnx.defs.has(node.op_type, node.domain)
        for node in graph.node
    ]
    if not any(unknown):
        return
    needed = _needed(graph)
    for i in reversed(range(len(unknown))):
        if unknown[i] and i not in needed:
            name, op = graph.node[i].name, brief(graph.node[i].op_type)
            yield f"the node `{brief(name or op)}` ({op}) was dropped: no output needs it."
            del graph.node[i]


def _needed(graph: onnx.GraphProto) -> set[int]:
    """The indices of the nodes that an output depends on."""
    makers = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    waiting = [makers[o.name] for o in graph.output if o.name in makers]
    needed = set(waiting)
    while waiting:
        new = {makers[name] for name in read_names(graph.node[waiting.pop()]) if name in makers} - needed
        needed |= new
        waiting += new
    return needed


def _drop_unread_weights(graph: onnx.GraphProto) -> None:
    """Removes unread weights, and inputs with such a weight as their default value."""
    read = {o.name for o in graph.output} | {name for node in graph.node for name in read_names(node)}
    unread = {t.name for t in graph.initializer} - read
    if unread:
        keep(graph.initializer, lambda tensor: tensor.name not in unread)
        keep(graph.input, lambda info: info.name not in unread)


def keep(field: Any, wanted: Callable[[Any], bool]) -> None:
    """Removes unwanted elements from a repeated field without copying the others."""
    for i in reversed(range(len(field))):
        if not wanted(field[i]):
            del field[i]


def _sort(graph: onnx.GraphProto) -> bool:
    """Sorts the nodes topologically, if they are not sorted already. Returns whether they were not."""
    makers = {name: i for i, node in enumerate(graph.node) for name in node.output if name}
    needs = {i: sorted({makers[n] for n in read_names(node) if n in makers}) for i, node in enumerate(graph.node)}
    if all(maker < i for i, own in needs.items() for maker in own):
        return False
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
    return True


def read_names(node: onnx.NodeProto) -> set[str]:
    """The names that a node reads, including those that its bodies capture."""
    read = set(node.input)
    for graph in node_bodies(node):
        made = {name for inner in graph.node for name in inner.output}
        made |= {value.name for value in [*graph.input, *graph.initializer]}
        inside = {o.name for o in graph.output}.union(*(read_names(inner) for inner in graph.node))
        read |= inside - made
    return read


def graphs(graph: onnx.GraphProto) -> Iterator[onnx.GraphProto]:
    """The graph and its subgraphs."""
    yield graph
    for node in graph.node:
        for body in node_bodies(node):
            yield from graphs(body)


def node_bodies(node: onnx.NodeProto) -> Iterable[onnx.GraphProto]:
    """The subgraphs of a node."""
    for attribute in node.attribute:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs


def all_nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """The nodes of a graph and of its subgraphs."""
    for node in graph.node:
        yield node
        for body in node_bodies(node):
            yield from all_nodes(body)
