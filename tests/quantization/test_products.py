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
LINE = node("Conv", ["line", "w"], ["c"], pads=[0, 1, 0, 1])
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
        pytest.param(
            [LINE, node("Squeeze", ["c", "two"], ["s"]), node("Add", ["k", "s"], ["a"]), node("Relu", ["a"], ["y"])],
            "Unsqueeze Conv Relu Squeeze",
            id="squeeze",
        ),
        pytest.param(
            [
                LINE,
                node("Transpose", ["c"], ["t"], perm=[2, 0, 3, 1]),
                node("Mul", ["t", "v"], ["m"]),
                node("Clip", ["m", "low", "one"], ["y"]),
            ],
            "Unsqueeze Conv Clip Transpose",
            id="transpose",
        ),
        pytest.param(
            [
                LINE,
                node("Unsqueeze", ["c", "one_two"], ["u"]),
                node("Transpose", ["u"], ["t"], perm=[0, 3, 1, 2, 4, 5]),
                node("Sub", ["t", "plane"], ["y"]),
            ],
            "Unsqueeze Conv Unsqueeze Transpose",
            id="two moves",
        ),
        pytest.param(
            [LINE, node("Transpose", ["c"], ["t"], perm=[0, 2, 3, 1]), node("Add", ["t", "five"], ["y"])],
            "Unsqueeze Conv Transpose Add",
            id="along a line",
        ),
        pytest.param(
            [LINE, node("Transpose", ["c"], ["t"], perm=[0, 3, 2, 1]), node("Clip", ["t", "low", "x_max"], ["y"])],
            "Unsqueeze Conv Transpose ReduceMax Clip",
            id="a limit that is no constant",
        ),
        pytest.param(
            [
                LINE,
                node("Squeeze", ["c", "two"], ["s"]),
                node("Add", ["s", "k"], ["a"]),
                node("Add", ["a", "s"], ["y"]),
            ],
            "Unsqueeze Conv Squeeze Add Add",
            id="two readers",
        ),
    ],
)
def test_convolutions_whose_axes_are_arranged(tmp_path: Path, nodes: list[onnx.NodeProto], left: str) -> None:
    nodes = [node("Unsqueeze", ["x", "two"], ["line"]), *nodes]
    if any("x_max" in one.input for one in nodes):
        nodes.insert(-1, node("ReduceMax", ["x"], ["x_max"], keepdims=0))
    constants = {
        "w": weights(4, 3, 1, 3),
        "two": np.array([2]),
        "one_two": np.array([1, 2]),
        "k": weights(4, 1, seed=2),
        "plane": weights(4, 1, 1, 1, 1, seed=2),
        "v": weights(4, seed=2),
        "five": weights(5, 1, seed=2),
        "low": np.float32(-0.1),
        "one": np.float32(1),
    }
    _check(tmp_path, nodes, ["n", 3, 5], constants, (2, 3, 5), left)


@pytest.mark.parametrize(
    ("nodes", "left"),
    [
        pytest.param(
            [DENSE, node("Reshape", ["c", "rows"], ["r"]), node("Add", ["r", "v"], ["a"]), node("Relu", ["a"], ["y"])],
            "MatMul Add Relu Reshape",
            id="reshaped",
        ),
        pytest.param(
            [DENSE, node("Reshape", ["c", "halves"], ["r"]), node("Add", ["r", "two"], ["y"])],
            "MatMul Reshape Add",
            id="reshaped to other channels",
        ),
        pytest.param([DENSE, node("Sub", ["c", "v"], ["y"])], "MatMul Add", id="difference"),
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
    constants = {
        "d": D,
        "v": weights(4, seed=7),
        "two": weights(2, seed=7),
        "rows": np.array([1, -1, 4]),
        "halves": np.array([-1, 2]),
        **BN,
    }
    _check(tmp_path, nodes, ROWS, constants, (5, 3), left)


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
