"""Shrink: moves numbers towards 0, and sets those near 0 to 0."""

from __future__ import annotations

import numpy as np

from tf2rust.ops.core.inference import infers, same_shape
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.comparison import Compare
from tf2rust.ops.elementwise.where import Where
from tf2rust.ops.generator.constant import constant

infers("Shrink")(same_shape)


@rule(Op("Shrink", Var("x")))
def shrink(m: Match, b: Builder) -> RuleResult:
    """x + bias if x < −lambd, x − bias if x > lambd, otherwise 0."""
    x, y = b.value(m["x"]), b.value(m.y)
    lambd, bias = m.root.attr("lambd", 0.5), m.root.attr("bias", 0.0)
    if x.dtype != "float32":
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32)")
    bounds = [constant(np.asarray(n, np.float32)) for n in (-lambd, lambd, 0.0)]
    flags = [b.temporary(x, dtype="bool") for _ in range(2)]
    raised, lowered, upper = b.temporary(x), b.temporary(x), b.temporary(x)
    offset = np.asarray(bias, np.float32)
    return [
        *bounds,
        Compare(function="Less", inputs=[x, bounds[0].y], outputs=[flags[0]]),
        Compare(function="Greater", inputs=[x, bounds[1].y], outputs=[flags[1]]),
        Binary(function="Add", constant=offset, inputs=[x], outputs=[raised]),
        Binary(function="Sub", constant=offset, inputs=[x], outputs=[lowered]),
        Where(inputs=[flags[1], lowered, bounds[2].y], outputs=[upper]),
        Where(inputs=[flags[0], raised, upper], outputs=[y]),
    ]
