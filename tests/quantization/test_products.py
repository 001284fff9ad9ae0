"""Products take in the scales and biases behind them, and compute the same as before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.quantization.models import float_graph, node, opened, weights
from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.quantization.products import find_products, write_products

W, D = weights(4, 3, 3, 3), weights(3, 4)
C = weights(4, 1, 1, seed=2)
BN = {
    "gamma": weights(4, seed=3),
    "beta": weights(4, seed=4),
    "mean": weights(4, seed=5),
    "var": np.ones(4, np.float32),
}
CONV = node("Conv", ["x", "w"], ["c"])
DENSE = node("MatMul", ["x", "d"], ["c"])
NORMALIZED = node("BatchNormalization", ["c", *BN], ["y"])
IMAGE, ROWS = ["n", 3, 6, 6], ["n", 3]


@pytest.mark.parametrize(
    ("nodes", "left"),
    [
        pytest.param([CONV, NORMALIZED], "Conv", id="normalization"),
        pytest.param([CONV, node("Add", ["c", "k"], ["y"])], "Conv", id="bias"),
        pytest.param([CONV, node("Add", ["k", "c"], ["y"])], "Conv", id="bias first"),
        pytest.param([CONV, node("Sub", ["k", "c"], ["y"])], "Conv", id="subtracted from a constant"),
        pytest.param([CONV, node("Div", ["c", "k"], ["y"])], "Conv", id="quotient"),
        pytest.param([CONV, node("Div", ["k", "c"], ["y"])], "Conv Div", id="reciprocal"),
        pytest.param([CONV, node("Mul", ["c", "row"], ["y"])], "Conv Mul", id="along another axis"),
        pytest.param(
            [CONV, node("Mul", ["c", "k"], ["m"]), node("Add", ["m", "one"], ["y"])], "Conv", id="scale and shift"
        ),
        pytest.param(
            [CONV, node("Relu", ["c"], ["r"]), node("Mul", ["r", "k"], ["y"])], "Conv Relu Mul", id="behind a relu"
        ),
        pytest.param(
            [CONV, node("Mul", ["c", "k"], ["m"]), node("Add", ["m", "c"], ["y"])], "Conv Mul Add", id="two readers"
        ),
    ],
)
def test_convolutions(tmp_path: Path, nodes: list[onnx.NodeProto], left: str) -> None:
    constants = {"w": W, "k": C, "one": np.float32(1), "row": weights(4, seed=8), **BN}
    _check(tmp_path, nodes, IMAGE, constants, (2, 3, 6, 6), left)


@pytest.mark.parametrize(
    ("nodes", "left"),
    [
        pytest.param([DENSE, node("Add", ["c", "v"], ["y"])], "MatMul Add", id="bias"),
        pytest.param(
            [DENSE, node("Add", ["v", "c"], ["b"]), node("Mul", ["b", "v"], ["y"])], "MatMul Add", id="bias and scale"
        ),
        pytest.param(
            [DENSE, node("Mul", ["c", "v"], ["m"]), node("Add", ["m", "v"], ["y"])], "MatMul Add", id="scale and bias"
        ),
        pytest.param(
            [DENSE, node("Add", ["c", "v"], ["b"]), node("BatchNormalization", ["b", *BN], ["y"])],
            "MatMul Add",
            id="normalization",
        ),
        pytest.param([node("Gemm", ["x", "d", "v"], ["g"]), node("Sub", ["g", "v"], ["y"])], "Gemm", id="gemm"),
        pytest.param(
            [node("Gemm", ["x", "d", "v"], ["y"], alpha=0.5)], "Gemm", id="gemm with a factor, which is no product"
        ),
    ],
)
def test_dense_layers(tmp_path: Path, nodes: list[onnx.NodeProto], left: str) -> None:
    _check(tmp_path, nodes, ROWS, {"d": D, "v": weights(4, seed=7), **BN}, (5, 3), left)


def _check(
    tmp_path: Path,
    nodes: list[onnx.NodeProto],
    shape: list[int | str],
    constants: dict[str, np.ndarray],
    size: tuple[int, ...],
    left: str,
) -> None:
    source = opened(tmp_path, nodes, shape, constants)
    graph = float_graph(source)
    products = find_products(graph)
    write_products(graph, products)
    assert " ".join(one.op_type for one in graph.nodes) == left
    x = {"x": np.random.default_rng(1).normal(size=size).astype(np.float32)}
    np.testing.assert_allclose(OnnxRuntime(*graph.model())(x)["y"], source.run(x)["y"], rtol=1e-4, atol=1e-5)
