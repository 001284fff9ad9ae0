"""Which weights share an entry, and which initializers they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.crates import ROOT
from tests.models.graphs import graph, node, save
from tf2rust.codegen.architecture import architecture
from tf2rust.codegen.model import build
from tf2rust.codegen.render import architecture_hash
from tf2rust.conversion import match_layers
from tf2rust.source import open_onnx

F = TensorProto.FLOAT
ZOO = ROOT / "tests" / "zoo" / "models"
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


ORIGINS = {
    "dynamo_mlp": {
        *("0 kernel", "0 bias", "1 gamma", "1 beta", "3 kernel", "3 bias"),
        *("8 kernel", "8 bias", "10 kernel", "10 bias"),  # 5 is a BatchNormalization, which is fused into 6.
    },
    "dynamo_cnn": {"0 kernel", "0 bias", "4 kernel", "4 bias", "10 bias"},  # 10 reads channels in another order.
}


@pytest.mark.parametrize("name", ORIGINS)
def test_other_weights_replace_initializers(name: str, tmp_path: Path) -> None:
    """The axes that are recorded for one model put the initializers of another into the NPZ file of that."""
    proto = onnx.load(ZOO / f"{name}.onnx")
    _, layers = match_layers(open_onnx(ZOO / f"{name}.onnx"))
    for tensor in proto.graph.initializer:
        if tensor.data_type == F:
            array = onnx.numpy_helper.to_array(tensor)
            tensor.CopyFrom(onnx.numpy_helper.from_array(np.float32(0.9) * array + np.float32(0.01), tensor.name))
    initializers = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in proto.graph.initializer}
    _, others = match_layers(open_onnx(save(proto, tmp_path / "model.onnx")))
    found = set()
    for layer, other in zip(layers.walk(), others.walk(), strict=True):
        arrays = {weight.role: np.asarray(weight.array) for weight in other.weights()}
        for role, origin in layer.origins.items():
            expected = initializers[origin.initializer].transpose(origin.axes).reshape(arrays[role].shape)
            np.testing.assert_array_equal(arrays[role], expected)
            found.add(f"{layer.name} {role}")
    assert found == ORIGINS[name]


def test_the_architecture_has_the_initializers_and_its_hash_does_not(tmp_path: Path) -> None:
    digests = set()
    for names in (CASES["separate"][0], ("k1 kernel", "b1", "k2 kernel", "b2")):
        _, layers = match_layers(open_onnx(save(_two_dense(*names), tmp_path / "model.onnx")))
        model = build(layers, inplace=True, memdrop=True)
        weights = architecture(model, layers, origins=True)["layers"][0]["weights"]
        assert weights["kernel"]["initializer"] == {"name": names[0], "axes": [0, 1]}
        assert weights["bias"]["initializer"] == {"name": names[1], "axes": [0]}
        digests.add(architecture_hash(model, layers))
    assert len(digests) == 1
