"""Gather, GatherElements and GatherND: elements and slices that indices name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import Dim, format_shape
from tf2rust.ops.core.dtypes import DTYPES, INTEGERS
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@dataclass(eq=False, kw_only=True)
class Gather(Layer):
    """``x[..., indices, ...]`` along ``axis``; negative indices count from the end, others outside are an error."""

    kind = "Gather"
    is_data_movement = True
    axis: int

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        """Either each row is picked from, the same for all; or each row has indices into one and the same tensor."""
        x, indices = self.inputs
        if tuple(batched) == (True, False):
            return self.axis > 0 and x.shape[0] == self.y.shape[0]
        return tuple(batched) == (False, True) and self.axis == 0 and indices.shape[0] == self.y.shape[0]

    def index_limits(self) -> dict[int, Dim]:
        return {1: self.x.shape[self.axis]}


def dtype_problem(x: Value, indices: Value, known: Sequence[str]) -> str | None:
    """Why elements of x cannot be picked by these indices, as a clause; None where they can."""
    if x.dtype not in known or indices.dtype not in INTEGERS:
        return f"it is of {x.dtype} by {indices.dtype}; what is there is {', '.join(known)} by integers"
    return None


@rule(Op("Gather", Var("x"), Var("indices")))
def gather(m: Match, b: Builder) -> RuleResult:
    x, indices = b.value(m["x"]), b.value(m["indices"])
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    if x.dtype not in DTYPES or indices.dtype not in INTEGERS:
        return m.reject(
            f"it gathers {x.dtype} by {indices.dtype}; the dtypes there are {', '.join(DTYPES)} by integers"
        )
    return Gather(axis=axis, inputs=[x, indices], outputs=[b.value(m.y)])


@dataclass(eq=False, kw_only=True)
class GatherElements(Layer):
    """Element (i, j, …) is that of x where the place on ``axis`` is the index there."""

    kind = "GatherElements"
    axis: int

    def index_limits(self) -> dict[int, Dim]:
        return {1: self.x.shape[self.axis]}


@dataclass(eq=False, kw_only=True)
class NDIndexed(Layer):
    """The last axis of the indices, the second input, holds tuples that name slices of the first."""

    batch: int = 0

    def index_limits(self) -> dict[int, Dim]:
        """The smallest of the axes that tuples point into."""
        sizes = [d for d in self.x.shape[self.batch :] if isinstance(d, int)]
        return {1: min(sizes)} if sizes else {}


@dataclass(eq=False, kw_only=True)
class GatherND(NDIndexed):
    """The slices of x that tuples of indices name, behind ``batch`` axes that both have."""

    kind = "GatherND"


def check_depth(data: ValueInfo, indices: ValueInfo, batch: int) -> None:
    """Raises InferenceError unless the last axis of ``indices`` holds places in the axes of ``data``."""
    depth = indices.shape[-1] if indices.shape else 0
    if isinstance(depth, int) and not 1 <= depth <= len(data.shape) - batch:
        raise InferenceError(
            f"its indices {format_shape(indices.shape)} hold no places in {len(data.shape) - batch} axes: their last "
            "axis counts the axes that each names"
        )


@infers("GatherElements")
def _gather_elements(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data, indices = (infos[v] for v in node.operands())
    return [ValueInfo(data.dtype, indices.shape)]


@infers("GatherND")
def _gather_nd(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data, indices = (infos[v] for v in node.operands())
    check_depth(data, indices, node.attr("batch_dims", 0))
    depth = indices.shape[-1]
    if not isinstance(depth, int):
        raise InferenceError(f"its index tuples have the symbolic length {depth}; bind it with --dim")
    return [ValueInfo(data.dtype, (*indices.shape[:-1], *data.shape[node.attr("batch_dims", 0) + depth :]))]


@rule(Op("GatherElements", Var("x"), Var("indices")))
def gather_elements(m: Match, b: Builder) -> RuleResult:
    x, indices = b.value(m["x"]), b.value(m["indices"])
    if reason := dtype_problem(x, indices, DTYPES):
        return m.reject(reason)
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    return GatherElements(axis=axis, inputs=[x, indices], outputs=[b.value(m.y)])


@rule(Op("GatherND", Var("x"), Var("indices")))
def gather_nd(m: Match, b: Builder) -> RuleResult:
    x, indices = b.value(m["x"]), b.value(m["indices"])
    if reason := dtype_problem(x, indices, DTYPES):
        return m.reject(reason)
    batch = m.root.attr("batch_dims", 0)
    return GatherND(batch=batch, inputs=[x, indices], outputs=[b.value(m.y)])
