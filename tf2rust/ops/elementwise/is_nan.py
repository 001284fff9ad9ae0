"""IsNaN and IsInf."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.comparison import Compare, Logic
from tf2rust.ops.generator.constant import constant
from tf2rust.ops.shape.expand import Expand

_FLOATS = ("float32", "float64")


@infers("IsNaN", "IsInf")
def _kind_of_number(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    return [ValueInfo("bool", infos.shape(node.x))]


@rule(Op("IsNaN", Var("x")))
def is_nan(m: Match, b: Builder) -> RuleResult:
    """A number is NaN if it differs from itself."""
    x = b.value(m["x"])
    if x.dtype not in _FLOATS:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {' and '.join(_FLOATS)})")
    return Compare(function="NotEqual", inputs=[x, x], outputs=[b.value(m.y)])


@rule(Op("IsInf", Var("x")))
def is_inf(m: Match, b: Builder) -> RuleResult:
    """x = ∞ or x = −∞, or only one of the two."""
    x, y = b.value(m["x"]), b.value(m.y)
    negative, positive = (bool(m.root.attr(f"detect_{sign}", 1)) for sign in ("negative", "positive"))
    if x.dtype not in _FLOATS:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {' and '.join(_FLOATS)})")
    if not negative and not positive:
        never = constant(np.asarray(False))
        return [never, Expand(inputs=[never.y], outputs=[y])]
    infinities = [constant(np.asarray(sign * np.inf, x.dtype)) for sign in [1] * positive + [-1] * negative]
    found = [b.temporary(y) for _ in infinities] if len(infinities) > 1 else [y]
    layers: list[Layer] = [*infinities]
    for infinity, out in zip(infinities, found, strict=True):
        layers.append(Compare(function="Equal", inputs=[x, infinity.y], outputs=[out]))
    return [*layers, Logic(function="Or", inputs=found, outputs=[y])] if len(found) > 1 else layers
