"""PReLU and leaky ReLU that exporters write as several nodes. A PRelu node is a function of two tensors."""

from __future__ import annotations

import numpy as np

from tf2rust.ops.activation.activation import activation_layer
from tf2rust.ops.core.pattern import Const, Match, Op, Optional, Scalar, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary

X, SLOPE = Var("x"), Const("slope")
ZERO = Scalar("zero", 0.0)

_RELU = Op("Relu", X, name="rising")
# max(x, 0), a multiple of min(x, 0), and that multiple.
_PIECES = {
    "neg": (_RELU, Op("Relu", Op("Neg", X, name="mirrored"), name="falling"), -1.0),
    "times_minus_one": (
        _RELU,
        Op("Relu", Op("Mul", X, Scalar("minus_one", -1.0), name="mirrored"), name="falling"),
        -1.0,
    ),
    "min": (_RELU, Op("Min", X, ZERO, name="falling"), 1.0),
    "max_min": (Op("Max", X, ZERO, name="rising"), Op("Min", X, ZERO, name="falling"), 1.0),
    "abs": (_RELU, Op("Sub", X, Op("Abs", X), name="falling"), 2.0),
}


def _sum(rising: Op, falling: Op) -> Op:
    """The two pieces, with a change of sign before and after the slopes, and possibly another factor."""
    product = Op("Mul", Optional(Op("Neg", falling, name="negated")), SLOPE, name="product")
    scaled = Optional(Op("Mul", product, Scalar("factor"), name="scaled"))
    return Op("Add|Sub", rising, Optional(Op("Neg", scaled, name="turned")), name="sum")


def _pieces(m: Match, b: Builder, multiple: float) -> RuleResult:
    factor = multiple * (m.scalar("factor") if m.has("scaled") else 1.0)
    flips = (m.root.op == "Sub") + m.has("negated") + m.has("turned")
    return _prelu(m, b, m.const("slope") * np.float32(-factor if flips % 2 else factor))


for _name, (_rising, _falling, _multiple) in _PIECES.items():

    @rule(_sum(_rising, _falling), name=f"prelu_{_name}")
    def _(m: Match, b: Builder, multiple: float = _multiple) -> RuleResult:
        """max(x, 0) + slope · min(x, 0)."""
        return _pieces(m, b, multiple)


_PRODUCT = Op("Mul", X, SLOPE, name="product")


@rule(Op("Where", Op("Greater|GreaterOrEqual", X, ZERO), X, _PRODUCT))
def prelu_where_positive(m: Match, b: Builder) -> RuleResult:
    """PReLU as PyTorch decomposes it."""
    return _prelu(m, b, m.const("slope"))


@rule(Op("Where", Op("Less|LessOrEqual", X, ZERO), _PRODUCT, X))
def prelu_where_negative(m: Match, b: Builder) -> RuleResult:
    return _prelu(m, b, m.const("slope"))


@rule(Op("Max", X, _PRODUCT))
def prelu_max(m: Match, b: Builder) -> RuleResult:
    """max(x, slope · x), for slopes up to 1."""
    slope = m.const("slope")
    if not (slope <= 1).all():
        return m.reject(f"the slope {slope.max():g} is above 1")
    return _prelu(m, b, slope)


def _prelu(m: Match, b: Builder, slope: np.ndarray) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    if x.shape != y.shape:
        return m.reject(f"the slopes broadcast {x.shape} to {y.shape}")
    if slope.size == 1:
        alpha = float(slope.reshape(()))
        return activation_layer(m, b, "leaky_relu", alpha) if alpha else activation_layer(m, b, "relu")
    if x.dtype != "float32":
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32)")
    return Binary(function="PRelu", constant=slope, inputs=[x], outputs=[y])
