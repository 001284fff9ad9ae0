"""Repairs files that deviate from the ONNX format, but that ONNX Runtime runs."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import Any

import onnx

from tf2rust.onnx_import.tidy import graphs, keep, node_bodies
from tf2rust.stages import brief

_ALIAS = "ai.onnx"
"""The long spelling of the default domain."""
_OPSETS = 3
"""The version of the format that introduced operator sets; earlier files use operator set 1."""
_INITIALIZERS_ALONE = 4
"""The version of the format from which initializers do not have to be inputs too."""
_HINT = "consumed_inputs"
"""An attribute of operator sets up to 5: which inputs may be overwritten. It does not change the result."""


def repair(proto: onnx.ModelProto) -> list[str]:
    """Repairs ``proto`` in place, and returns a note for each repair that a user should know of."""
    for graph in graphs(proto.graph):
        _repair_nodes(graph.node)
    for function in proto.functions:
        _repair_nodes(function.node)
        _merge_opsets(function)
        function.domain = _plain(function.domain)
    _merge_opsets(proto)
    _import_domains(proto)
    _raise_format(proto)
    graph = proto.graph
    graph.name = graph.name or "graph"
    _rename_nodes(graph)
    _drop_captured_inputs(graph, set())
    return [*_drop_doubles(graph), *_free_sizes(graph)]


def _plain(domain: str) -> str:
    return "" if domain == _ALIAS else domain


def _repair_nodes(nodes: Iterable[onnx.NodeProto]) -> None:
    for node in nodes:
        if node.domain == _ALIAS:
            node.domain = ""
        keep(node.attribute, lambda attribute: attribute.name != _HINT)
        if node.op_type == "Split":  # ONNX Runtime 1.32 crashes on a Split with an output without a name
            _name_outputs(node)


def _name_outputs(node: onnx.NodeProto) -> None:
    name = next(filter(None, node.output), "")
    for i, output in enumerate(node.output):
        node.output[i] = output or f"{name}/unread_{i}"


def _merge_opsets(holder: onnx.ModelProto | onnx.FunctionProto) -> None:
    """Imports the default domain under one spelling; of several versions, the last counts, as in ONNX Runtime."""
    if all(item.domain != _ALIAS for item in holder.opset_import):
        return
    versions = {_plain(item.domain): item.version for item in holder.opset_import}
    del holder.opset_import[:]
    holder.opset_import.extend(onnx.helper.make_opsetid(domain, version) for domain, version in versions.items())


def _import_domains(proto: onnx.ModelProto) -> None:
    """Imports the latest version of domains that nodes use without an import."""
    is_old = proto.ir_version < _OPSETS
    if not proto.opset_import and not is_old:
        return
    known = {item.domain for item in proto.opset_import}
    used = {node.domain for graph in graphs(proto.graph) for node in graph.node}
    for domain in sorted((used | ({""} if is_old else set())) - known):
        version = 1 if is_old else _latest(domain)
        proto.opset_import.append(onnx.helper.make_opsetid(domain, version))


def _latest(domain: str) -> int:
    return max((s.since_version for s in onnx.defs.get_all_schemas_with_history() if s.domain == domain), default=1)


def _raise_format(proto: onnx.ModelProto) -> None:
    """Sets the version of the format to the first that allows what the file contains."""
    if not proto.HasField("ir_version"):
        return
    given = {info.name for info in proto.graph.input}
    alone = any(tensor.name not in given for tensor in proto.graph.initializer)
    proto.ir_version = max(proto.ir_version, _INITIALIZERS_ALONE if alone else _OPSETS)


def _rename_nodes(graph: onnx.GraphProto) -> None:
    """Numbers the nodes that have the name of an earlier node."""
    taken = {node.name for node in graph.node}
    seen = {""}
    for node in graph.node:
        name, number = node.name, 1
        while node.name in seen:
            if not name:
                break
            number += 1
            if (other := f"{name}_{number}") not in taken:
                node.name = other
        seen.add(node.name)


def _drop_captured_inputs(graph: onnx.GraphProto, outer: Container[str]) -> None:
    """Removes the inputs of If branches that are values from outside: branches have no inputs, and read such values
    directly.
    """
    known = _Names(graph, outer)
    for node in graph.node:
        for body in node_bodies(node):
            if node.op_type == "If":
                keep(body.input, lambda info: info.name not in known)
            _drop_captured_inputs(body, known)


class _Names:
    """The names that are visible in a graph and in its subgraphs."""

    def __init__(self, graph: onnx.GraphProto, outer: Container[str]) -> None:
        self.outer = outer
        self.own = {info.name for info in (*graph.input, *graph.initializer)}
        self.own |= {name for node in graph.node for name in node.output}

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self.outer


def _drop_doubles(graph: onnx.GraphProto) -> Iterator[str]:
    """Keeps one output and one initializer of each name: of equal outputs the first, of initializers the last."""
    for name in _drop_named_before(graph.output):
        yield f"the model lists its output `{brief(name)}` more than once; the crate has it once."
    graph.initializer.reverse()
    for name in _drop_named_before(graph.initializer):
        yield f"the model has several weights named `{brief(name)}`; the last is used, as in ONNX Runtime."
    graph.initializer.reverse()


def _drop_named_before(field: Any) -> list[str]:
    """Removes the elements with the name of an earlier element. Returns these names."""
    seen: set[str] = set()
    doubles: list[str] = []

    def is_first(name: str) -> bool:
        first = name not in seen
        seen.add(name)
        if not first and name not in doubles:
            doubles.append(name)
        return first

    flags = [is_first(item.name) for item in field]
    for i in reversed(range(len(flags))):
        if not flags[i]:
            del field[i]
    return doubles


def _free_sizes(graph: onnx.GraphProto) -> Iterator[str]:
    """Makes declared sizes symbolic that stand for unknown sizes.

    These are sizes below 0 and, if the batch is 0 in an input and in all outputs, sizes of 0.
    """
    infos = [*graph.input, *graph.output, *graph.value_info]
    lowest = 1 if _is_batch_zero(graph) else 0
    for info in infos:
        for dim in info.type.tensor_type.shape.dim:
            if dim.HasField("dim_value") and dim.dim_value < lowest:
                dim.ClearField("dim_value")
    if lowest:
        yield "the model declares sizes of 0, also for the batch; the crate takes any size there."


def _is_batch_zero(graph: onnx.GraphProto) -> bool:
    inputs, outputs = ([info.type.tensor_type.shape.dim for info in field] for field in (graph.input, graph.output))
    return any(len(dims) > 1 and _is_zero(dims[0]) for dims in inputs) and all(
        not dims or _is_zero(dims[0]) or not dims[0].HasField("dim_value") for dims in outputs
    )


def _is_zero(dim: onnx.TensorShapeProto.Dimension) -> bool:
    return dim.HasField("dim_value") and dim.dim_value == 0
