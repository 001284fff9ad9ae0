"""A softmax between two products: the remaining layers of small graphs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.models.graphs import graph, node
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.match import match
from tf2rust.passes.optimise import optimise

F = TensorProto.FLOAT


def _attention(
    scale: float | list[float] = 0.5,
    heads: tuple[int, ...] = (2, 6, 5),
    axis: int = -1,
    outputs: tuple[str, ...] = ("y",),
    shared_keys: bool = False,
) -> onnx.ModelProto:
    """Products of ``q``, ``k`` and ``v`` with batch and heads as one axis, and a softmax of another shape."""
    weights = {
        "scale": np.array(scale, np.float32),
        "heads": np.array([-1, *heads]),
        "rows": np.array([-1, 6, 5]),
    }
    nodes = [
        node("MatMul", ["q", "k"], ["products"]),
        node("Reshape", ["products", "heads"], ["scores"]),
        node("Mul", ["scores", "scale"], ["scaled"]),
        node("Softmax", ["scaled"], ["softmax"], axis=axis),
        node("Reshape", ["softmax", "rows"], ["weights"]),
        node("MatMul", ["weights", "v"], ["y"]),
    ]
    inputs: dict[str, tuple[int, Sequence[int | str]]] = {
        "q": (F, ["n", 6, 8]),
        "k": (F, [1 if shared_keys else "n", 8, 5]),
        "v": (F, ["n", 5, 3]),
    }
    shapes: dict[str, list[int | str]] = {"y": ["n", 6, 3], "weights": ["n", 6, 5]}
    return graph(nodes, inputs, {name: (F, shapes[name]) for name in outputs}, weights)


MERGED = Counter(["Reshape"] * 4 + ["Attention"])
APART = Counter(["MatMul", "Reshape", "Multiply", "Softmax", "Reshape", "MatMul"])
GRAPHS: dict[str, tuple[onnx.ModelProto, Counter[str]]] = {
    "heads": (_attention(), MERGED),
    "one head": (_attention(heads=(6, 5)), MERGED),
    "a factor for each key": (_attention([1, 2, 3, 4, 5]), APART),
    "a softmax over the queries": (_attention(axis=-2), APART),
    "rows of other lengths": (_attention(heads=(2, 3, 10)), APART),
    "weights that are an output": (_attention(outputs=("y", "weights")), APART),
    "keys for the whole batch": (_attention(shared_keys=True), APART),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_attention(name: str) -> None:
    model, expected = GRAPHS[name]
    matched = match(analyse(model))
    layers = optimise(matched.graph).layers
    listed = [node for layer in layers for node in layer.nodes] + matched.constants + matched.shapes
    assert Counter(listed) == Counter(node.name for node in model.graph.node)
    assert Counter(layer.kind for layer in layers) == expected
