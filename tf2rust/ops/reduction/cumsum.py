"""CumSum and CumProd: cumulative sums and products along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.inference import infers, normal_axis, same_shape
from tf2rust.ops.core.layer import Layer, Perm
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.reduction.along_axis import AlongAxis


@dataclass(eq=False, kw_only=True)
class Cumulative(AlongAxis):
    """Running sums or products along ``axis``, or along the axis that is a second input."""

    product: bool
    exclusive: bool
    reverse: bool

    @property
    def kind(self) -> str:
        return "CumProd" if self.product else "CumSum"

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        return {1: [self.x.rank - 1]} if len(self.inputs) > 1 else {}

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        return None if perm is None or len(perms) > 1 else (replace(self, axis=perm[self.axis]), perm)


infers("Hardmax", "CumSum", "CumProd")(same_shape)


@rule(Op("CumSum|CumProd", Var("x"), Var("axis"), name="cumulative"))
def cumulative(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    if x.dtype not in NUMBERS:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(NUMBERS)})")
    axis = b.infos.const(m["axis"])
    if not x.rank:
        return m.reject("its input is a scalar, which has no axis")
    return Cumulative(
        axis=0 if axis is None else normal_axis(int(axis.reshape(())), x.rank),
        product=m.root.op == "CumProd",
        exclusive=bool(m.root.attr("exclusive", 0)),
        reverse=bool(m.root.attr("reverse", 0)),
        inputs=[x] if axis is not None else [x, b.value(m["axis"])],
        outputs=[y],
    )
