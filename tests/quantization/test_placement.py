"""Which values are quantized, and which of them share a scale."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.models import graphs
from tests.quantization.models import cnn, float_graph, node, opened, weights
from tf2rust.quantization.placement import place
from tf2rust.quantization.products import find_products, write_products
from tf2rust.source import open_onnx

IMAGE = {
    "w": weights(3, 3, 1, 1),
    "v": weights(3, 3, 1, 1, seed=1),
    "k": weights(3, 1, 1, seed=2),
    "two": np.float32(2),
}


def conv(x: str, y: str, w: str = "w") -> onnx.NodeProto:
    return node("Conv", [x, w], [y])


@pytest.mark.parametrize(
    ("nodes", "expected"),
    [
        pytest.param([conv("x", "y")], "x", id="the last product gives floats"),
        pytest.param([conv("x", "a"), conv("a", "y", "v")], "x a", id="products in sequence"),
        pytest.param([conv("x", "a"), node("Relu", ["a"], ["r"]), conv("r", "y", "v")], "x r", id="a relu"),
        pytest.param(
            [conv("x", "a"), node("Relu", ["a"], ["r"]), node("Add", ["a", "r"], ["s"]), conv("s", "y", "v")],
            "x a s",
            id="a relu beside its input is a function of one value",
        ),
        pytest.param(
            [conv("x", "a"), node("Sigmoid", ["a"], ["b"]), node("Mul", ["a", "b"], ["c"]), conv("c", "y", "v")],
            "x a c",
            id="a swish is a table",
        ),
        pytest.param(
            [conv("x", "a"), node("Mul", ["a", "two"], ["b"]), node("Tanh", ["b"], ["c"]), conv("c", "y", "v")],
            "x b c",
            id="a factor belongs to the product",
        ),
        pytest.param(
            [node("Mul", ["x", "two"], ["a"]), node("Add", ["a", "k"], ["b"]), conv("b", "y")],
            "b",
            id="preparation of the input stays float",
        ),
        pytest.param(
            [conv("x", "a"), node("Softmax", ["a"], ["b"]), conv("b", "y", "v")],
            "x b",
            id="a softmax in float",
        ),
        pytest.param(
            [conv("x", "a"), node("Softmax", ["a"], ["b"]), node("Add", ["a", "b"], ["c"]), conv("c", "y", "v")],
            "x a b c",
            id="a sum of integers and floats",
        ),
        pytest.param(
            [
                node("MaxPool", ["x"], ["p"], kernel_shape=[1, 1]),
                conv("p", "a"),
                node("MaxPool", ["a"], ["b"], kernel_shape=[2, 2]),
                node("Concat", ["b", "b"], ["c"], axis=2),
                conv("c", "y", "v"),
            ],
            "p a=b=c",
            id="data movement behind a product shares a scale",
        ),
        pytest.param(
            [conv("x", "a"), node("AveragePool", ["a"], ["b"], kernel_shape=[2, 2]), conv("b", "y", "v")],
            "x a b",
            id="a mean has a scale of its own",
        ),
    ],
)
def test_values(tmp_path: Path, nodes: list[onnx.NodeProto], expected: str) -> None:
    graph = float_graph(opened(tmp_path, nodes, ["n", 3, 8, 8], IMAGE))
    products = find_products(graph)
    write_products(graph, products)
    graph.index()
    families: dict[str, list[str]] = {}
    for value, family in place(graph, products, ()).values.items():
        families.setdefault(family, []).append(value)
    assert " ".join("=".join(values) for values in families.values()) == expected


@pytest.mark.parametrize(
    ("kept", "expected"),
    [
        ([], "image r1 c2 swish sum=pool r3 mean=flat"),
        (["c2"], "image r1 swish sum=pool r3 mean=flat"),
        (["logits"], "image r1 c2 swish sum=pool"),
        (["sum"], "image r1 pool r3 mean=flat"),
    ],
)
def test_layers_in_float(tmp_path: Path, kept: list[str], expected: str) -> None:
    graph = float_graph(open_onnx(graphs.save(cnn(), tmp_path / "model.onnx")))
    products = find_products(graph)
    write_products(graph, products)
    graph.index()
    families: dict[str, list[str]] = {}
    for value, family in place(graph, products, kept).values.items():
        families.setdefault(family, []).append(value)
    assert " ".join("=".join(values) for values in families.values()) == expected
