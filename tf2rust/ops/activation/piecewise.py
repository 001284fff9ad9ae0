"""Piecewise linear activations in the form that Keras writes: clipping, thresholds, shrinking, ReLU with options."""

from __future__ import annotations

from tf2rust.ops.activation.activation import activation_layer as _layer
from tf2rust.ops.core.pattern import Match, Op, Optional, Pattern, Scalar, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.where import choices_read, chosen

X = Var("x")
ZERO = Scalar("zero", 0.0)


def _compare(op: str, bound: Scalar, name: str, x: Pattern = X) -> Op:
    """A comparison with a number, which several Wheres can share."""
    return Op(op, x, bound, name=name, shared=True)


@rule(Op("Max", Op("Min", X, Scalar("high")), Scalar("low")))
def clip_min_first(m: Match, b: Builder) -> RuleResult:
    """max(min(x, high), low): hard_tanh or clip."""
    return _clip(m, b)


@rule(Op("Min", Op("Max", X, Scalar("low")), Scalar("high")))
def clip_max_first(m: Match, b: Builder) -> RuleResult:
    return _clip(m, b)


def _clip(m: Match, b: Builder) -> RuleResult:
    low, high = m.scalar("low"), m.scalar("high")
    if low > high:
        return m.reject(f"the lower bound {low:g} is above the upper bound {high:g}")
    return _layer(m, b, "clip", low, high)


@rule(chosen(_compare("Greater", Scalar("theta"), "above"), X, Scalar("value")))
def threshold(m: Match, b: Builder) -> RuleResult:
    """x if x > theta, otherwise a constant."""
    choices_read(m)
    theta, value = m.scalar("theta"), m.scalar("value")
    return _layer(m, b, "threshold", theta, value) if value else _layer(m, b, "thresholded_relu", theta)


@rule(Op("Mul", X, Op("Cast", Op("Greater", X, Scalar("theta")))))
def threshold_as_product(m: Match, b: Builder) -> RuleResult:
    """x · (x > theta), which is NaN if x is."""
    m.node("Cast").has("to")
    if m.scalar("theta") < 0:
        return m.reject(f"its threshold {m.scalar('theta'):g} is negative")
    return _layer(m, b, "relu_with", float("inf"), 0.0, m.scalar("theta"))


# The positive part of a ReLU in three forms: without a threshold, with one, and with one as tf_keras writes it.
_RISING = {
    "relu": Op("Relu", X, name="rising"),
    "threshold": chosen(_compare("Greater", Scalar("theta"), "above"), X, ZERO),
    "threshold_keras2": Op("ThresholdedRelu", X, name="rising"),
}
# The distance below the threshold, as a positive number, times the slope.
_FALLING = Op(
    "Mul",
    Op("Relu", Optional(Op("Add", Op("Neg", X), Scalar("from"), name="shifted")), name="below"),
    Scalar("slope"),
    name="falling",
)


def _clipped(rising: Op) -> Op:
    return Op("Max", Op("Min", rising, Scalar("max"), name="low"), ZERO, name="clipped")


def _relu(m: Match, b: Builder) -> RuleResult:
    """ReLU of Keras with its options: threshold, maximum, negative slope."""
    choices_read(m)
    theta = m.scalar("theta") if m.has("theta") else 0.0
    if m.has("rising") and m.node("rising").op == "ThresholdedRelu":
        theta = m.node("rising").attr("alpha", 1.0)
    high = m.scalar("max") if m.has("max") else float("inf")
    slope = m.scalar("slope") if m.has("slope") else 0.0
    if m.has("falling") and abs((m.scalar("from") if m.has("shifted") else 0.0) - theta) > 1e-6 * abs(theta):
        return m.reject("its two pieces do not meet at the threshold")
    if high < 0:
        return m.reject(f"its maximum {high:g} is negative")
    if theta == 0 and slope == 0:
        return _layer(m, b, "clip", 0.0, high)
    return _layer(m, b, "relu_with", high, slope, theta)


for _name, _rising in _RISING.items():
    rule(_clipped(_rising), name=f"{_name}_max")(_relu)
    if _name != "relu":  # which is a leaky ReLU
        rule(Op("Sub", _rising, _FALLING), name=f"{_name}_slope")(_relu)
    rule(Op("Sub", _clipped(_rising), _FALLING), name=f"{_name}_max_slope")(_relu)


@rule(chosen(Op("Greater", Op("Abs", X, shared=True), Scalar("lambda"), name="outside", shared=True), X, ZERO))
def hard_shrink(m: Match, b: Builder) -> RuleResult:
    """x if |x| > lambda, otherwise 0."""
    choices_read(m)
    return _layer(m, b, "hard_shrink", m.scalar("lambda"))


@rule(
    chosen(
        _compare("Greater", Scalar("lambda"), "above"),
        Op("Sub", X, Scalar("lambda"), name="lowered"),
        chosen(
            _compare("Less", Scalar("minus_lambda"), "below"),
            Op("Add", X, Scalar("lambda"), name="raised"),
            ZERO,
            name="inner",
        ),
    )
)
def soft_shrink(m: Match, b: Builder) -> RuleResult:
    """x − lambda above lambda, x + lambda below −lambda, 0 in between."""
    choices_read(m, "chosen", "inner")
    size = m.scalar("lambda")
    if m.scalar("minus_lambda") != -size or size < 0:
        return m.reject("its bounds are not −lambda and lambda")
    return _layer(m, b, "soft_shrink", size)


@rule(Op("Sub", X, Op("Tanh", X)))
def tanh_shrink(m: Match, b: Builder) -> RuleResult:
    return _layer(m, b, "tanh_shrink")


@rule(
    chosen(
        _compare("LessOrEqual", Scalar("minus_one", -1.0), "below"),
        ZERO,
        chosen(
            _compare("Less", Scalar("one", 1.0), "inside"),
            Op(
                "Mul",
                Op("Pow", Op("Add", X, Scalar("one", 1.0), name="shifted"), Scalar("two", 2.0)),
                Scalar("quarter", 0.25),
                name="curve",
            ),
            X,
            name="inner",
        ),
    )
)
def sparse_plus(m: Match, b: Builder) -> RuleResult:
    """0 for x < −1, (x + 1)² / 4 for x ≤ 1, and x otherwise."""
    choices_read(m, "chosen", "inner")
    return _layer(m, b, "sparse_plus")


_LINE = Op("Mul", Op("Add", X, Scalar("one", 1.0), name="shifted"), Scalar("half", 0.5), name="line")


@rule(
    chosen(
        _compare("LessOrEqual", Scalar("minus_one", -1.0), "below"),
        ZERO,
        chosen(_compare("GreaterOrEqual", Scalar("one", 1.0), "above"), Scalar("full", 1.0), _LINE, name="inner"),
    )
)
def sparse_sigmoid(m: Match, b: Builder) -> RuleResult:
    """0 for x < −1, (x + 1) / 2 for x ≤ 1, and 1 otherwise: a hard sigmoid."""
    choices_read(m, "chosen", "inner")
    return _layer(m, b, "hard_sigmoid", 0.5, 0.5)
