"""Builds function bodies of operators, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tf2rust.ops.core.inference import Node

Outputs = Sequence[str] | None
"""The names of a function body's outputs; None if these attributes are not supported."""


class Body:
    """A function body under construction. Each call adds a node and returns the name of its output."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []

    def constant(self, values: Any, dtype: str = "float32") -> str:
        return self.op("Constant", value=numpy_helper.from_array(np.asarray(values, dtype)))

    def op(self, kind: str, *inputs: str, **attributes: Any) -> str:
        name = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def cast(self, x: str, dtype: str) -> str:
        return self.op("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def floats(self, x: str) -> str:
        return self.cast(x, "float32")


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
