"""Weights that are equal today, but are different weights of the model, stay apart; shared ones are stored once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.models.graphs import graph, node, save
from tf2rust.codegen.model import build
from tf2rust.conversion import match_layers
from tf2rust.source import open_onnx

F = TensorProto.FLOAT
ONES, ZEROS = np.ones((4, 3), np.float32), np.zeros(3, np.float32)


def _two_dense(*names: str) -> onnx.ModelProto:
    """Two Dense layers with the kernels and biases of these names, all of the same values."""
    kernel, bias, other_kernel, other_bias = names
    nodes = [
        node("MatMul", ["x", kernel], ["a"]),
        node("Add", ["a", bias], ["y"]),
        node("Transpose", [other_kernel], ["turned"], perm=[1, 0]),
        node("Transpose", ["turned"], ["back"], perm=[1, 0]),
        node("MatMul", ["v", "back"], ["b"]),
        node("Add", ["b", other_bias], ["z"]),
    ]
    weights = {name: ONES if "kernel" in name else ZEROS for name in names}
    values = {"x": (F, ["n", 4]), "v": (F, ["n", 4])}
    return graph(nodes, values, {"y": (F, ["n", 3]), "z": (F, ["n", 3])}, weights)


CASES = {
    "separate": (("kernel", "bias", "other_kernel", "other_bias"), 4),
    "shared": (("kernel", "bias", "kernel", "bias"), 2),
}


@pytest.mark.parametrize("name", CASES)
def test_equal_weights(name: str, tmp_path: Path) -> None:
    weights, count = CASES[name]
    _, layers = match_layers(open_onnx(save(_two_dense(*weights), tmp_path / "model.onnx")))
    assert [layer.kind for layer in layers.layers] == ["Dense", "Dense"]
    assert len(build(layers, inplace=True, memdrop=True).weights.entries) == count
