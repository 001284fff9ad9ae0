"""GELU and its tanh approximation: single ONNX nodes, or the subgraphs that exporters write for them."""

from __future__ import annotations

import numpy as np

from tf2rust.ops.activation.activation import ActivationLayer, activation_layer
from tf2rust.ops.core.pattern import Const, Match, Op, Scalar, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary

X = Var("x")


@rule(Op("Gelu", X))
def gelu_op(m: Match, b: Builder) -> RuleResult:
    return activation_layer(m, b, "gelu_tanh" if m.root.attr("approximate", "none") == "tanh" else "gelu")


_CUBIC = Op(
    "Mul",
    Scalar("sqrt_2_over_pi", float(np.sqrt(2 / np.pi))),
    Op("Add", X, Op("Mul", X, Op("Mul", X, Op("Mul", Scalar("c", 0.044715), X, name="cx"), name="cx2"), name="cx3")),
    name="inner",
)


@rule(Op("Mul", X, Op("Mul", Scalar("half", 0.5), Op("Add", Scalar("one", 1.0), Op("Tanh", _CUBIC)), name="gate")))
def gelu_tanh_cubic(m: Match, b: Builder) -> RuleResult:
    """0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), with the cube as products."""
    return activation_layer(m, b, "gelu_tanh")


_POWER = Op(
    "Mul",
    Op("Add", X, Op("Mul", Op("Pow", X, Scalar("three", 3.0)), Scalar("c", 0.044715), name="cubic")),
    Scalar("sqrt_2_over_pi", float(np.sqrt(2 / np.pi))),
    name="inner",
)


@rule(
    Op(
        "Mul",
        Op("Mul", X, Scalar("half", 0.5), name="half_x"),
        Op("Add", Op("Tanh", _POWER), Scalar("one", 1.0), name="gate"),
    )
)
def gelu_tanh(m: Match, b: Builder) -> RuleResult:
    """The same with a power, as tf2onnx writes it."""
    return activation_layer(m, b, "gelu_tanh")


@rule(
    Op(
        "Mul",
        Op("Mul", X, Scalar("half", 0.5), name="half_x"),
        Op(
            "Sub",
            Scalar("one", 1.0),
            Op("Erf", Op("Mul", Op("Neg", X), Scalar("rsqrt2", float(np.sqrt(0.5))), name="scaled")),
        ),
    )
)
def gelu_erfc(m: Match, b: Builder) -> RuleResult:
    """0.5 x erfc(−x / √2), as Keras 3 writes it."""
    return activation_layer(m, b, "gelu")


@rule(
    Op(
        "Mul",
        Op("Mul", X, Scalar("half", 0.5), name="half_x"),
        Op("Add", Scalar("one", 1.0), Op("Erf", Op("Mul|Div", X, Scalar("s"), name="scaled"))),
    )
)
def gelu_erf(m: Match, b: Builder) -> RuleResult:
    """0.5 x (1 + erf(x / √2))."""
    return _gelu(m, b)


@rule(
    Op(
        "Mul",
        Op(
            "Mul",
            X,
            Op("Add", Scalar("one", 1.0), Op("Erf", Op("Mul|Div", X, Scalar("s"), name="scaled"))),
            name="gated",
        ),
        Scalar("half", 0.5),
    )
)
def gelu_erf_half_last(m: Match, b: Builder) -> RuleResult:
    """The same with the factor 0.5 at the end, as PyTorch writes it."""
    return _gelu(m, b)


@rule(
    Op(
        "Mul",
        Op("Mul", X, Scalar("half", 0.5), name="half_x"),
        Op(
            "Mul",
            Op(
                "Sub",
                Scalar("one", 1.0),
                Op("Erf", Op("Mul", Op("Neg", X), Scalar("rsqrt2", float(np.sqrt(0.5))), name="scaled")),
            ),
            Const("factor"),
            name="factored",
        ),
    )
)
def gelu_erfc_times_constant(m: Match, b: Builder) -> RuleResult:
    """The same with the factor of a following BatchNormalization, which grappler moves inside."""
    gelu = activation_layer(m, b, "gelu")
    if not isinstance(gelu, ActivationLayer):
        return gelu
    gelu.outputs = [b.temporary(gelu.y, gelu.x.shape)]
    return [
        gelu,
        Binary(function="Mul", constant=m.const("factor"), inputs=gelu.outputs, outputs=[b.value(m.y)]),
    ]


def _gelu(m: Match, b: Builder) -> RuleResult:
    scale = m.scalar("s") if m.node("scaled").op == "Mul" else 1 / m.scalar("s")
    if abs(scale - np.sqrt(0.5)) > 1e-6:
        return m.reject(f"it scales by {scale:g}, but GELU scales by 0.7071")
    return activation_layer(m, b, "gelu")
