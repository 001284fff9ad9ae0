"""Hardmax: 1 at the first maximum along an axis, and 0 elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.core.dims import product
from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.inference import normal_axis
from tf2rust.ops.core.layer import Layer, Perm
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.reduction.along_axis import AlongAxis
from tf2rust.ops.shape.reshape import Reshape


@dataclass(eq=False, kw_only=True)
class Hardmax(AlongAxis):
    """1 at the first maximum along ``axis``, and 0 elsewhere."""

    kind = "Hardmax"

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        return None if perm is None else (replace(self, axis=perm[self.axis]), perm)


@rule(Op("Hardmax", Var("x")))
def hardmax(m: Match, b: Builder) -> RuleResult:
    """Before operator set 13, the axis and all axes after it count as one."""
    x, y = b.value(m["x"]), b.value(m.y)
    if x.dtype not in NUMBERS:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(NUMBERS)})")
    before = m.root.version < 13
    axis = normal_axis(m.root.attr("axis", 1 if before else -1), x.rank)
    if not before or axis == x.rank - 1:
        return Hardmax(axis=axis, inputs=[x], outputs=[y])
    flat = (product(x.shape[:axis]), product(x.shape[axis:]))
    first = Reshape(inputs=[x], outputs=[b.temporary(x, flat)])
    layer = Hardmax(axis=1, inputs=[first.y], outputs=[b.temporary(x, flat)])
    return [first, layer, Reshape(inputs=[layer.y], outputs=[y])]
