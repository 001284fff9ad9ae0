"""The attribute ``post_transform`` of classifiers and regressors."""

from __future__ import annotations

from tf2rust.ops.core.function_body import Body
from tf2rust.ops.core.inference import Node


def post_transform(node: Node, body: Body, scores: str) -> str | None:
    """Applies the attribute ``post_transform`` to the scores; None for an unknown value."""
    kind = node.attr("post_transform", "NONE")
    match ("NONE", "SOFTMAX", "LOGISTIC")[kind] if kind in (0, 1, 2) else kind:
        case "NONE":
            return scores
        case "LOGISTIC":
            return body.op("Sigmoid", scores)
        case "SOFTMAX":
            return body.op("Softmax", scores, axis=-1)
    return None
