"""LpPool and GlobalLpPool: the p-norm of a window, or of all positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.unary import Unary
from tf2rust.ops.pooling.pooling import Pooling, pooling_window, unfit
from tf2rust.ops.reduction.reduce import chain, reduced
from tf2rust.ops.shape.transpose import wrap_channels_last


@infers("GlobalLpPool")
def _global_lp_pool(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x = infos[node.x]
    return [ValueInfo(x.dtype, reduced(x.shape, range(2, len(x.shape)), True))]


def _powers(x: Value, p: float, b: Builder) -> list[Layer]:
    """|x|ᵖ"""
    if p == 2:
        return [Binary(function="Mul", inputs=[x, x], outputs=[b.temporary(x)])]
    size = Unary(function="Abs", inputs=[x], outputs=[b.temporary(x)])
    return [size] if p == 1 else [size, _power(size.y, b.temporary(x), p)]


def _root(x: Value, y: Value, p: float) -> Layer:
    """The p-th root of x."""
    return Unary(function="Sqrt", inputs=[x], outputs=[y]) if p == 2 else _power(x, y, 1 / p)


def _power(x: Value, y: Value, exponent: float) -> Binary:
    return Binary(function="Pow", constant=np.asarray(exponent, np.float32), inputs=[x], outputs=[y])


@rule(Op("LpPool", Var("x")))
def lp_pool(m: Match, b: Builder) -> RuleResult:
    """The p-th root of the sum of |x|ᵖ."""
    x, y, p = b.value(m["x"]), b.value(m.y), float(m.root.attr("p", 2))
    if reason := unfit(m, x):
        return m.reject(reason)
    if x.dtype != "float32" or p <= 0:
        return m.reject(f"its input {x.dtype} with p = {p:g} is not supported (supported: float32 with a positive p)")
    powers = _powers(x, p, b)
    total = y if p == 1 else b.temporary(y)
    first, last = wrap_channels_last(powers[-1].y, total, b)
    window = pooling_window(m.root, b.infos)
    layers = [*powers, first, Pooling(function="Sum", window=window, inputs=[first.y], outputs=[last.x]), last]
    return layers if p == 1 else [*layers, _root(total, y, p)]


@rule(Op("GlobalLpPool", Var("x")))
def global_lp_pool(m: Match, b: Builder) -> RuleResult:
    x, y, p = b.value(m["x"]), b.value(m.y), float(m.root.attr("p", 2))
    if x.dtype != "float32" or p <= 0 or x.rank < 3:
        return m.reject(f"its input {x.dtype} with p = {p:g} is not supported (supported: float32 with a positive p)")
    powers = _powers(x, p, b)
    total = y if p == 1 else b.temporary(y)
    layers = [*powers, *chain(b, ["Sum"], range(2, x.rank), True, powers[-1].y, total)]
    return layers if p == 1 else [*layers, _root(total, y, p)]
