"""If with a condition that is known only at run time."""

from __future__ import annotations

from collections.abc import Sequence

import onnx_ir as ir

from tf2rust.ops.control.layers import If, actual, body_graph
from tf2rust.ops.control.loop_body import check_element
from tf2rust.ops.core.dims import format_shape
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, infers_body_inputs
from tf2rust.ops.core.layer import Dims
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@infers_body_inputs("If")
def _given(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    return []


def _branches(node: Node) -> tuple[ir.Graph, ir.Graph]:
    then, otherwise = (node.ir.attributes[name].value for name in ("then_branch", "else_branch"))
    assert isinstance(then, ir.Graph)
    assert isinstance(otherwise, ir.Graph)
    return then, otherwise


@infers("If")
def _if(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    then, otherwise = _branches(node)
    found = []
    for name, a, b in zip(node.outputs, then.outputs, otherwise.outputs, strict=True):
        first, second = infos[a], infos[b]
        check_element(first, then, infos)
        shape = _unified(first.shape, second.shape, infos)
        if first.dtype != second.dtype or shape is None:
            raise InferenceError(
                f"the output `{name.name}` of its branches is {first.dtype} {format_shape(first.shape)} in one and "
                f"{second.dtype} {format_shape(second.shape)} in the other; they must agree, because the condition "
                "is known only at run time"
            )
        found.append(ValueInfo(first.dtype, shape))
    return found


def _unified(a: Dims, b: Dims, infos: ValueInfos) -> Dims | None:
    """The shape that both are; None if they differ."""
    if len(a) != len(b):
        return None
    dims = [infos.assumptions.unify(*pair) for pair in zip(a, b, strict=True)]
    known = tuple(d for d in dims if d is not None)
    return known if len(known) == len(dims) else None


@rule(Op("If", Var("condition")), name="if")
def if_(m: Match, b: Builder) -> RuleResult:
    """Both branches; one of them runs."""
    used = [i for i, v in enumerate(m.root.outputs) if v.is_graph_output() or v.uses()]
    for attribute in ("then_branch", "else_branch"):
        m.root.has(attribute)
    condition = b.value(m["condition"])
    if condition.dtype != "bool":
        return m.reject(f"its condition is {condition.dtype}, but must be bool")
    graphs, inputs = [], [condition]
    for graph in _branches(m.root):
        wanted = [graph.outputs[i] for i in used]
        body = b.body(m.root, graph, wanted)
        graphs.append(body_graph(body, [], wanted))
        inputs += actual(body, b)
    outputs = [b.value(m.root.outputs[i]) for i in used]
    return If(then=graphs[0], otherwise=graphs[1], inputs=inputs, outputs=outputs)
