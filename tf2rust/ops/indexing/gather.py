"""Gather, GatherElements and GatherND: reading by index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import Dim, format_shape
from tf2rust.ops.core.dtypes import DTYPES, INTEGERS, TEXT
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@dataclass(eq=False, kw_only=True)
class Gather(Layer):
    """``x[..., indices, ...]`` along ``axis``.

    Negative indices count from the end; others outside the axis are an error.
    """

    kind = "Gather"
    is_data_movement = True
    axis: int

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        """Either all samples share the indices, or all samples index the same tensor."""
        x, indices = self.inputs
        if tuple(batched) == (True, False):
            return self.axis > 0 and x.shape[0] == self.y.shape[0]
        return tuple(batched) == (False, True) and self.axis == 0 and indices.shape[0] == self.y.shape[0]

    def index_limits(self) -> dict[int, Dim]:
        return {1: self.x.shape[self.axis]}


def dtype_problem(x: Value, indices: Value, known: Sequence[str]) -> str | None:
    """Why these indices cannot select elements of x, as a clause; None if they can."""
    if x.dtype not in known or indices.dtype not in INTEGERS:
        return (
            f"it indexes {x.dtype} by {indices.dtype}, which is not supported (supported: {', '.join(known)} by "
            "integers)"
        )
    return None


@rule(Op("Gather", Var("x"), Var("indices")))
def gather(m: Match, b: Builder) -> RuleResult:
    x, indices = b.value(m["x"]), b.value(m["indices"])
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    if x.dtype not in (*DTYPES, TEXT) or indices.dtype not in INTEGERS:
        return m.reject(
            f"it indexes {x.dtype} by {indices.dtype}, which is not supported (supported: {', '.join(DTYPES)} by "
            "integers)"
        )
    return Gather(axis=axis, inputs=[x, indices], outputs=[b.value(m.y)])


@dataclass(eq=False, kw_only=True)
class GatherElements(Layer):
    """Element (i, j, …) is that of x with the position on ``axis`` replaced by the index there."""

    kind = "GatherElements"
    takes_text = True
    axis: int

    def index_limits(self) -> dict[int, Dim]:
        return {1: self.x.shape[self.axis]}


@dataclass(eq=False, kw_only=True)
class NDIndexed(Layer):
    """The last axis of the indices, the second input, holds tuples that select slices of the first input."""

    batch: int = 0

    def index_limits(self) -> dict[int, Dim]:
        """The smallest axis that the tuples index."""
        sizes = [d for d in self.x.shape[self.batch :] if isinstance(d, int)]
        return {1: min(sizes)} if sizes else {}


@dataclass(eq=False, kw_only=True)
class GatherND(NDIndexed):
    """The slices of x at index tuples, after ``batch`` common axes."""

    kind = "GatherND"
    takes_text = True


def check_depth(data: ValueInfo, indices: ValueInfo, batch: int) -> None:
    """Raises InferenceError unless the last axis of ``indices`` holds index tuples for ``data``."""
    depth = indices.shape[-1] if indices.shape else 0
    if isinstance(depth, int) and not 1 <= depth <= len(data.shape) - batch:
        raise InferenceError(
            f"its indices {format_shape(indices.shape)} do not index {len(data.shape) - batch} axes: their last "
            f"axis must have 1 to {len(data.shape) - batch} elements"
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
    if reason := dtype_problem(x, indices, (*DTYPES, TEXT)):
        return m.reject(reason)
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    return GatherElements(axis=axis, inputs=[x, indices], outputs=[b.value(m.y)])


@rule(Op("GatherND", Var("x"), Var("indices")))
def gather_nd(m: Match, b: Builder) -> RuleResult:
    x, indices = b.value(m["x"]), b.value(m["indices"])
    if reason := dtype_problem(x, indices, (*DTYPES, TEXT)):
        return m.reject(reason)
    batch = m.root.attr("batch_dims", 0)
    return GatherND(batch=batch, inputs=[x, indices], outputs=[b.value(m.y)])
