"""Models that share a backbone: the same weights in front of different heads."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto

from tests.models.graphs import graph, node

UNITS = 128


def classifier() -> onnx.ModelProto:
    """A binary classifier: ``x`` [batch, 64] to ``score`` [batch, 1]."""
    return _model("score", 1, [node("Sigmoid", ["head"], ["score"])])


def regression() -> onnx.ModelProto:
    """Three numbers: ``x`` [batch, 64] to ``y`` [batch, 3]."""
    return _model("y", 3, [node("Identity", ["head"], ["y"])])


def _model(output: str, width: int, end: list[onnx.NodeProto]) -> onnx.ModelProto:
    rng = np.random.default_rng(7)
    backbone = {"w1": rng.standard_normal((64, UNITS)) / 8, "w2": rng.standard_normal((UNITS, UNITS)) / 11}
    weights = backbone | {"w3": np.random.default_rng(width).standard_normal((UNITS, width))}
    nodes = [
        node("MatMul", ["x", "w1"], ["a"]),
        node("Relu", ["a"], ["b"]),
        node("MatMul", ["b", "w2"], ["c"]),
        node("Tanh", ["c"], ["d"]),
        node("MatMul", ["d", "w3"], ["head"]),
        *end,
    ]
    ends = [{name: (TensorProto.FLOAT, ["batch", size])} for name, size in (("x", 64), (output, width))]
    return graph(nodes, *ends, {name: array.astype(np.float32) for name, array in weights.items()})
