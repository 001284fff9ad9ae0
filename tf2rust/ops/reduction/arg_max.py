"""ArgMax and ArgMin: the index of the largest or smallest element along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.reduction.along_axis import AlongAxis
from tf2rust.ops.reduction.reduce import reduced


@dataclass(eq=False, kw_only=True)
class ArgReduce(AlongAxis):
    """The index of the ``greatest`` or smallest element along ``axis``; the ``last`` or first of equal ones."""

    greatest: bool
    last: bool

    @property
    def kind(self) -> str:
        return "ArgMax" if self.greatest else "ArgMin"


@infers("ArgMax", "ArgMin")
def _arg_reduce(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    shape = infos.shape(node.x)
    axis = normal_axis(node.attr("axis", 0), len(shape))
    return [ValueInfo("int64", reduced(shape, [axis], bool(node.attr("keepdims", 1))))]


@rule(Op("ArgMax|ArgMin", Var("x"), name="arg_reduce"))
def arg_reduce(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    if x.dtype not in NUMBERS:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(NUMBERS)})")
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    m.root.has("keepdims")
    greatest, last = m.root.op == "ArgMax", bool(m.root.attr("select_last_index", 0))
    return ArgReduce(axis=axis, greatest=greatest, last=last, inputs=[x], outputs=[y])
