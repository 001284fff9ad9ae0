"""ScatterElements and ScatterND: updates of elements and slices that indices select."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.dtypes import DTYPES, NUMBERS
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers, normal_axis, same_shape
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.indexing.gather import NDIndexed, check_depth, dtype_problem

_UPDATES = {"none": "Replace", "add": "Add", "mul": "Mul", "max": "Max", "min": "Min"}


@dataclass(eq=False, kw_only=True)
class ScatterElements(Layer):
    """x with each update applied to the element that its index on ``axis`` selects; ``update`` is the reduction."""

    kind = "ScatterElements"
    axis: int
    update: str

    def index_limits(self) -> dict[int, Dim]:
        return {1: self.x.shape[self.axis]}


@dataclass(eq=False, kw_only=True)
class ScatterND(NDIndexed):
    """x with each slice of the updates applied to the slice that its index tuple selects."""

    kind = "ScatterND"
    update: str = "Replace"


infers("ScatterElements", "Scatter")(same_shape)


@infers("ScatterND")
def _scatter_nd(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data, indices = (infos[v] for v in node.operands(2))
    check_depth(data, indices, 0)
    return [ValueInfo(data.dtype, data.shape)]


def _problem(x: Value, indices: Value, update: str) -> str | None:
    if update not in _UPDATES:
        return f"its reduction {update} is not supported (supported: {', '.join(_UPDATES)})"
    return dtype_problem(x, indices, DTYPES if update == "none" else NUMBERS)


@rule(Op("ScatterElements|Scatter", Var("x"), Var("indices"), Var("updates"), name="scatter"))
def scatter_elements(m: Match, b: Builder) -> RuleResult:
    x, indices, updates = (b.value(m[name]) for name in ("x", "indices", "updates"))
    update = m.root.attr("reduction", "none")
    if reason := _problem(x, indices, update):
        return m.reject(reason)
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    y = b.value(m.y)
    return ScatterElements(axis=axis, update=_UPDATES[update], inputs=[x, indices, updates], outputs=[y])


@rule(Op("ScatterND", Var("x"), Var("indices"), Var("updates")))
def scatter_nd(m: Match, b: Builder) -> RuleResult:
    x, indices, updates = (b.value(m[name]) for name in ("x", "indices", "updates"))
    update = m.root.attr("reduction", "none")
    if reason := _problem(x, indices, update):
        return m.reject(reason)
    y = b.value(m.y)
    return ScatterND(update=_UPDATES[update], inputs=[x, indices, updates], outputs=[y])
