"""The attribute ``post_transform`` of classifiers and regressors."""

from __future__ import annotations

from tf2rust.ops.core.function_body import Body
from tf2rust.ops.core.inference import Node

_BY_NUMBER = {0: "NONE", 1: "SOFTMAX", 2: "LOGISTIC", 3: "SOFTMAX_ZERO"}
"""The numbers that ``TreeEnsemble`` has instead of names."""


def post_transform(node: Node, body: Body, scores: str) -> str | None:
    """Applies the attribute ``post_transform`` to the scores; None for an unknown value."""
    kind = node.attr("post_transform", "NONE")
    match _BY_NUMBER.get(kind, kind):
        case "NONE":
            return scores
        case "LOGISTIC":
            return body.op("Sigmoid", scores)
        case "SOFTMAX":
            return body.op("Softmax", scores, axis=-1)
        case "SOFTMAX_ZERO":
            return _softmax_zero(body, scores)
    return None


def _softmax_zero(body: Body, scores: str) -> str:
    """The softmax of the scores other than 0; scores of 0 stay 0.

    ONNX does not define it further. As in ONNX Runtime, a score is 0 up to 1e-7, and becomes s · e⁻ᵐ / Σ, where m is
    the largest score and Σ the sum of the other numerators.
    """
    largest = body.op("ReduceMax", scores, body.constant([-1], "int64"), keepdims=1)
    powers = body.op("Exp", body.op("Sub", scores, largest))
    is_zero = body.op("LessOrEqual", body.op("Abs", scores), body.constant(1e-7))
    total = body.op("Where", is_zero, body.constant(0.0), powers)
    total = body.op("ReduceSum", total, body.constant([-1], "int64"), keepdims=1)
    zeros = body.op("Mul", scores, body.op("Exp", body.op("Neg", largest)))
    return body.op("Div", body.op("Where", is_zero, zeros, powers), total)
