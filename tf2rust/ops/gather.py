"""Gather: the parts of a tensor along an axis that indices name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.arithmetic import INTEGERS
from tf2rust.ops.core.dims import Expr, product
from tf2rust.ops.core.facts import normal_axis
from tf2rust.ops.core.layer import Layer, RustCall
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.core.rust import rust_str
from tf2rust.ops.select import DTYPES


@dataclass(eq=False, kw_only=True)
class Gather(Layer):
    """``x[..., indices, ...]`` along ``axis``; negative indices count from the end, others outside are an error."""

    kind = "Gather"
    only_moves = True
    axis: int

    def is_rowwise(self, by_row: Sequence[bool]) -> bool:
        """Either each row is picked from, the same for all; or each row has indices into one and the same tensor."""
        x, indices = self.inputs
        if tuple(by_row) == (True, False):
            return self.axis > 0 and x.shape[0] == self.y.shape[0]
        return tuple(by_row) == (False, True) and self.axis == 0 and indices.shape[0] == self.y.shape[0]

    def index_limits(self) -> dict[int, int | Expr]:
        return {1: self.x.shape[self.axis]}

    def rust_call(self, call: RustCall) -> str:
        shape = self.x.shape
        split = call.dims((product(shape[: self.axis]), shape[self.axis], product(shape[self.axis + 1 :])))
        x, indices = call.inputs
        return f"gather({rust_str(self.inputs[1].name)}, {split}, {x}, {indices}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"gather"}


@rule(Op("Gather", Var("x"), Var("indices")))
def gather(m: Match, b: Builder) -> Yield:
    x, indices = b.value(m["x"]), b.value(m["indices"])
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    if x.dtype not in DTYPES or indices.dtype not in INTEGERS:
        return m.reject(
            f"it gathers {x.dtype} by {indices.dtype}; the dtypes there are {', '.join(DTYPES)} by integers"
        )
    return Gather(axis=axis, inputs=[x, indices], outputs=[b.value(m.root.ir.outputs[0])])
