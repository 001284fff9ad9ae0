"""Activation functions: single ONNX nodes, or the subgraphs that exporters write for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.core.activation import Activation
from tf2rust.ops.core.inference import InferenceError, infers, same_shape
from tf2rust.ops.core.layer import Layer, Perm, Value
from tf2rust.ops.core.pattern import Match, Op, Optional, Scalar, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.where import choices_read, chosen

X = Var("x")


@dataclass(eq=False, kw_only=True)
class ActivationLayer(Layer):
    """A standalone activation function."""

    kind = "Activation"
    activation: Activation

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        return (replace(self), perms[0]) if perms[0] is not None else None

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)

    def fuse_producer(self, producer: Layer) -> Layer | None:
        """Fuses a residual sum: the sum and the clamp in one pass over memory."""
        if not isinstance(producer, Binary) or producer.constant is not None or producer.function != "Add":
            return None
        return replace(producer, function="AddRelu") if self.activation == Activation("relu") else None

    def inplace_input(self) -> Value | None:
        return self.x


def activation_layer(m: Match, b: Builder, name: str, *args: float) -> RuleResult:
    """The activation ``name`` of the matched ``x``."""
    x = b.value(m["x"])
    if x.dtype != "float32":
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32)")
    return ActivationLayer(
        activation=Activation(name, tuple(float(np.float32(a)) for a in args)),
        inputs=[x],
        outputs=[b.value(m.y)],
    )


# ONNX operator -> the activation, and its attributes with ONNX's defaults in the order of the parameters.
_SINGLE: dict[str, tuple[str, tuple[tuple[str, float], ...]]] = {
    "Relu": ("relu", ()),
    "LeakyRelu": ("leaky_relu", (("alpha", 0.01),)),
    "ThresholdedRelu": ("thresholded_relu", (("alpha", 1.0),)),
    "Elu": ("elu", (("alpha", 1.0),)),
    "Celu": ("celu", (("alpha", 1.0),)),
    "Sigmoid": ("sigmoid", ()),
    "HardSigmoid": ("hard_sigmoid", (("alpha", 0.2), ("beta", 0.5))),
    "HardSwish": ("hard_swish", ()),
    "Softplus": ("softplus", ()),
    "Softsign": ("softsign", ()),
    "Tanh": ("tanh", ()),
    "Exp": ("exponential", ()),
    "Mish": ("mish", ()),
}
infers(*_SINGLE, "Selu", "Clip", "Gelu", "Swish")(same_shape)


@rule(Op("|".join(_SINGLE), X, name="activation"))
def activation(m: Match, b: Builder) -> RuleResult:
    name, attributes = _SINGLE[m.root.op]
    return activation_layer(m, b, name, *(m.root.attr(a, default) for a, default in attributes))


@rule(Op("Selu", X))
def selu(m: Match, b: Builder) -> RuleResult:
    """With other constants than the usual ones, gamma · elu(x)."""
    alpha, gamma = m.root.attr("alpha", 1.6732631921768188), m.root.attr("gamma", 1.0507010221481323)
    if abs(alpha - 1.67326324) <= 1e-5 and abs(gamma - 1.05070098) <= 1e-5:
        return activation_layer(m, b, "selu")
    layer = activation_layer(m, b, "elu", alpha)
    if not isinstance(layer, ActivationLayer):
        return layer
    y, layer.outputs = layer.y, [b.temporary(layer.y)]
    return [layer, Binary(function="Mul", constant=np.asarray(gamma, np.float32), inputs=[layer.y], outputs=[y])]


@rule(Op("Clip", X, more=True))
def clip(m: Match, b: Builder) -> RuleResult:
    def bound(index: int, name: str, default: float) -> float:
        value = m.root.input(index)
        if value is None:
            return float(m.root.attr(name, default))
        fill = b.infos[value].fill
        if fill is None:
            raise InferenceError(f"its {name} is not a constant number")
        return fill

    numbers = np.finfo(np.float32)  # ONNX's bounds if none is given
    low, high = bound(1, "min", float(numbers.min)), bound(2, "max", float(numbers.max))
    return activation_layer(m, b, "clip", low, high)


@rule(Op("Mul", X, Op("Sigmoid", Optional(Op("Mul", X, Scalar("beta", 1.0), name="scaled")))))
def silu(m: Match, b: Builder) -> RuleResult:
    """x · sigmoid(beta x) with beta = 1."""
    return activation_layer(m, b, "silu")


@rule(Op("Mul", X, Op("Tanh", Op("Softplus", X))))
def mish(m: Match, b: Builder) -> RuleResult:
    return activation_layer(m, b, "mish")


@rule(Op("Neg", Op("Softplus", Op("Neg", X, name="inner"))))
def log_sigmoid(m: Match, b: Builder) -> RuleResult:
    return activation_layer(m, b, "log_sigmoid")


_ELU = Op("Elu", X, shared=True)


@rule(chosen(Op("Greater", X, Scalar("zero", 0.0), shared=True), _ELU, Op("Mul", _ELU, Scalar("alpha"), name="scaled")))
def elu_alpha(m: Match, b: Builder) -> RuleResult:
    """elu(x) above 0, alpha · elu(x) below."""
    choices_read(m)
    return activation_layer(m, b, "elu", m.scalar("alpha") * m.node("Elu").attr("alpha", 1.0))


_BELOW = Op("Exp", Optional(Op("Mul", Op("Min", X, Scalar("zero", 0.0)), Scalar("inverse"), name="divided")))
_MINUS_ONE = Op("Sub", _BELOW, Scalar("one", 1.0))


@rule(Op("Add", Op("Max", X, Scalar("zero", 0.0)), Optional(Op("Mul", _MINUS_ONE, Scalar("alpha"), name="multiplied"))))
def celu(m: Match, b: Builder) -> RuleResult:
    """max(x, 0) + alpha · (exp(min(x, 0) / alpha) − 1)."""
    alpha = m.scalar("alpha") if m.has("multiplied") else 1.0
    inverse = m.scalar("inverse") if m.has("divided") else 1.0
    if abs(alpha * inverse - 1) > 1e-6:
        return m.reject(f"x is multiplied by {inverse:g} inside and by {alpha:g} outside, which do not cancel")
    return activation_layer(m, b, "celu", alpha)


_SQUARE = Op("Mul", X, X, name="square")


@rule(
    Op(
        "Mul",
        Op("Add", X, Op("Sqrt", Op("Add", _SQUARE, Scalar("b"), name="moved")), name="sum"),
        Scalar("half", 0.5),
    )
)
def squareplus(m: Match, b: Builder) -> RuleResult:
    """(x + √(x² + b)) / 2."""
    if m.scalar("b") < 0:
        return m.reject(f"b is {m.scalar('b'):g}, and a negative number has no square root")
    return activation_layer(m, b, "squareplus", m.scalar("b"))


_RELU6_OF_X_PLUS_3 = Op("Clip", Op("Add", X, Scalar("three", 3.0)), Scalar("zero", 0.0), Scalar("six", 6.0))


@rule(Op("Mul", _RELU6_OF_X_PLUS_3, Scalar("sixth", 1 / 6)))
def hard_sigmoid(m: Match, b: Builder) -> RuleResult:
    """Keras 3: relu6(x + 3) / 6."""
    return activation_layer(m, b, "hard_sigmoid", 1 / 6, 0.5)


@rule(Op("Mul", Op("Clip", X, Scalar("zero", 0.0), Scalar("six", 6.0)), Scalar("sixth", 1 / 6)))
def hard_sigmoid_of_moved(m: Match, b: Builder) -> RuleResult:
    """The same, with the 3 merged into another constant by grappler."""
    return activation_layer(m, b, "hard_sigmoid", 1 / 6, 0.0)


@rule(Op("Mul", X, Op("Mul", _RELU6_OF_X_PLUS_3, Scalar("sixth", 1 / 6), name="gate"), name="product"))
def hard_swish(m: Match, b: Builder) -> RuleResult:
    return activation_layer(m, b, "hard_swish")


@rule(Op("Mul", X, Op("HardSigmoid", X, name="gate")))
def hard_swish_by_gate(m: Match, b: Builder) -> RuleResult:
    """x · hard_sigmoid(x) with the slope 1/6."""
    alpha, beta = m.node("gate").attr("alpha", 0.2), m.node("gate").attr("beta", 0.5)
    if abs(alpha - 1 / 6) > 1e-6 / 6 or beta != 0.5:
        return m.reject(f"the gate is clip({alpha:g} x + {beta:g}, 0, 1), not clip(x / 6 + 0.5, 0, 1)")
    return activation_layer(m, b, "hard_swish")


@rule(
    Op(
        "Max",
        Op("Min", Op("Add", Op("Mul", X, Scalar("alpha")), Scalar("beta")), Scalar("one", 1.0)),
        Scalar("zero", 0.0),
    )
)
def hard_sigmoid_keras2(m: Match, b: Builder) -> RuleResult:
    """Keras 2: clip(0.2 x + 0.5, 0, 1)."""
    return activation_layer(m, b, "hard_sigmoid", m.scalar("alpha"), m.scalar("beta"))
