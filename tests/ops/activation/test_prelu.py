"""Every way to write a PReLU: one layer alone, none behind a layer with a kernel, and the numbers of ONNX Runtime."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.models.graphs import graph, node, save
from tf2rust.conversion import match_layers
from tf2rust.onnx_import.load import run_onnx
from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.linear.affine import Affine
from tf2rust.ops.shape.transpose import Transpose
from tf2rust.source import open_onnx

SLOPES = np.array([0.25, -0.5, 1.0, 0.125, 0.0], np.float32)
X = np.array([[-2.0, 1.0, -0.0, 3.0, -4.0], [0.5, -3.0, -1.5, -0.25, 7.0], [-1.0, -8.0, 2.0, 0.0, -0.5]], np.float32)

NUMBERS = {name: np.array(value, np.float32) for name, value in {"zero": 0, "minus": -1, "half": 0.5}.items()}

Nodes = Sequence[onnx.NodeProto]


def _spelled(*steps: str) -> Nodes:
    """Nodes in a short notation: ``"n = Neg x"``. The last one is y."""
    made = []
    for step in steps:
        name, call = step.split(" = ")
        op, *inputs = call.split()
        made.append(node(op, inputs, [name]))
    return made


FALLING = ("r = Relu x", "n = Neg x", "f = Relu n")
"""r is max(x, 0), and f is −min(x, 0)."""
ABSOLUTE = ("r = Relu x", "a = Abs x", "f = Sub x a")
"""r is max(x, 0), and f is 2 · min(x, 0)."""

ORDERS: dict[str, tuple[Nodes, float]] = {
    "node": (_spelled("y = PRelu x s"), 1),
    "sub": (_spelled(*FALLING, "p = Mul f s", "y = Sub r p"), 1),
    "sub_slope_first": (_spelled(*FALLING, "p = Mul s f", "y = Sub r p"), 1),
    "add": (_spelled(*FALLING, "p = Mul f s", "y = Add r p"), -1),
    "add_relu_last": (_spelled(*FALLING, "p = Mul s f", "y = Add p r"), -1),
    "add_negated": (_spelled(*FALLING, "g = Neg f", "p = Mul g s", "y = Add r p"), 1),
    "add_product_negated": (_spelled(*FALLING, "p = Mul f s", "q = Neg p", "y = Add q r"), 1),
    "sub_both_negated": (_spelled(*FALLING, "g = Neg f", "p = Mul s g", "q = Neg p", "y = Sub r q"), 1),
    "times_minus": (_spelled("r = Relu x", "n = Mul x minus", "f = Relu n", "p = Mul f s", "y = Sub r p"), 1),
    "minimum": (_spelled("r = Relu x", "f = Min x zero", "p = Mul f s", "y = Add p r"), 1),
    "maximum_minimum": (_spelled("r = Max zero x", "f = Min zero x", "p = Mul s f", "y = Add r p"), 1),
    "absolute": (_spelled(*ABSOLUTE, "p = Mul s f", "h = Mul p half", "y = Add r h"), 1),
    "absolute_whole": (_spelled(*ABSOLUTE, "p = Mul f s", "y = Add r p"), 0.5),
    "where_greater": (_spelled("c = Greater x zero", "p = Mul x s", "y = Where c x p"), 1),
    "where_not_less": (_spelled("c = GreaterOrEqual x zero", "p = Mul s x", "y = Where c x p"), 1),
    "where_less": (_spelled("c = Less x zero", "p = Mul x s", "y = Where c p x"), 1),
    "where_not_greater": (_spelled("c = LessOrEqual x zero", "p = Mul s x", "y = Where c p x"), 1),
    "max_of_product": (_spelled("p = Mul s x", "y = Max x p"), 1),
    "max_product_first": (_spelled("p = Mul x s", "y = Max p x"), 1),
}
"""The nodes, and the factor of the slopes in the weight s."""


def _layers(model: onnx.ModelProto, folder: Path) -> list[Layer]:
    return match_layers(open_onnx(save(model, folder / "model.onnx")))[1].layers


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("slopes", [SLOPES, np.float32(0.25)], ids=["channels", "shared"])
def test_orders(order: str, slopes: np.ndarray, tmp_path: Path) -> None:
    """One layer, which computes what ONNX Runtime does."""
    nodes, factor = ORDERS[order]
    read = {name for n in nodes for name in n.input}
    weights = {name: array for name, array in {"s": slopes * np.float32(factor), **NUMBERS}.items() if name in read}
    port = (TensorProto.FLOAT, ("batch", 5))
    model = graph(nodes, {"x": port}, {"y": port}, weights)
    (layer,) = _layers(model, tmp_path)
    found = layer.activation(X) if isinstance(layer, ActivationLayer) else layer.apply(X)
    np.testing.assert_array_equal(found, np.where(X < 0, X * slopes, X))
    np.testing.assert_array_equal(found, run_onnx(model, {"x": X})["y"])


KERNELS = {
    "conv": (node("Conv", ["x", "k"], ["h"]), (5, 3, 3, 3)),
    "grouped": (node("Conv", ["x", "k"], ["h"], group=3), (6, 1, 3, 3)),
    "depthwise": (node("Conv", ["x", "k"], ["h"], group=3), (3, 1, 3, 3)),
    "transposed": (node("ConvTranspose", ["x", "k"], ["h"]), (3, 5, 2, 2)),
    "product": (node("MatMul", ["x", "k"], ["h"]), (6, 5)),
}


@pytest.mark.parametrize("name", KERNELS)
def test_fused(name: str, tmp_path: Path) -> None:
    """A PReLU with a slope per channel is part of the layer before it, behind a residual connection too."""
    first, size = KERNELS[name]
    kernel = np.linspace(-1, 1, int(np.prod(size)), dtype=np.float32).reshape(size)
    filters = size[1] if name in ("transposed", "product") else size[0]
    slopes = np.linspace(-0.5, 0.75, filters, dtype=np.float32).reshape((-1,) if name == "product" else (-1, 1, 1))
    x, y = (TensorProto.FLOAT, ("batch", 3, 6, 6)), (TensorProto.FLOAT, ["batch", None, None, None])
    weights = {"k": kernel, "s": slopes}
    nodes = {"alone": [first, node("PRelu", ["h", "s"], ["y"])]}
    if name == "conv":
        onto = [node("Tanh", ["h"], ["t"]), node("Add", ["t", "other"], ["u"]), node("PRelu", ["u", "s"], ["y"])]
        nodes["residual"] = [first, node(first.op_type, ["x", "k"], ["other"]), *onto]
    for case, steps in nodes.items():
        model = graph(steps, {"x": x}, {"y": y}, weights)
        *_, layer = (layer for layer in _layers(model, tmp_path) if not isinstance(layer, Transpose))
        assert isinstance(layer, Affine), case
        np.testing.assert_array_equal(layer.slopes, slopes.reshape(-1), case)


def test_slopes_that_no_channel_has_stay_apart(tmp_path: Path) -> None:
    slopes = np.linspace(-0.5, 0.75, 80, dtype=np.float32).reshape(5, 4, 4)
    nodes = [node("Conv", ["x", "k"], ["h"]), node("PRelu", ["h", "s"], ["y"])]
    kernel = np.ones((5, 3, 3, 3), np.float32)
    x, y = (TensorProto.FLOAT, ("batch", 3, 6, 6)), (TensorProto.FLOAT, ["batch", 5, 4, 4])
    model = graph(nodes, {"x": x}, {"y": y}, {"k": kernel, "s": slopes})
    assert [layer.kind for layer in _layers(model, tmp_path) if not isinstance(layer, Transpose)] == ["Conv2D", "PReLU"]


def test_a_slope_above_one_is_no_maximum(tmp_path: Path) -> None:
    """max(x, slope · x) is the product for positive x."""
    port = (TensorProto.FLOAT, ("batch", 5))
    model = graph(_spelled("p = Mul s x", "y = Max p x"), {"x": port}, {"y": port}, {"s": SLOPES + 1})
    assert [layer.kind for layer in _layers(model, tmp_path)] == ["Multiply", "Maximum"]
