"""Nodes of ONNX Runtime's domain that are refused, with the reason, and how refusals and layers name them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.models.graphs import graph, node, save
from tests.ops.nodes import floats
from tf2rust.conversion import match_layers
from tf2rust.source import open_onnx

X = {"x": (TensorProto.FLOAT, ["batch", 4, 6])}
Y = {"y": (TensorProto.FLOAT, ["batch", 4, 6])}
GAMMA = {"gamma": floats(6)}


def contrib(op: str, inputs: list[str], outputs: list[str] | None = None, **attributes: object) -> onnx.NodeProto:
    return node(op, inputs, outputs or ["y"], domain="com.microsoft", **attributes)


REFUSED: dict[str, tuple[onnx.NodeProto, str]] = {
    "attribute": (contrib("Gelu", ["x"], alpha=0.5), "its attribute `alpha` is not supported"),
    "input": (contrib("Gelu", ["x", "gamma"]), "its input 1 (`gamma`) is not supported"),
    "output": (
        contrib("SkipLayerNormalization", ["x", "x", "gamma"], ["y", "mean"]),
        "its output 1 (`mean`) is not supported",
    ),
    "absent_input": (contrib("BiasGelu", ["x"]), "its input 1 is absent"),
    "activation": (contrib("FusedConv", ["x", "x"], activation="Mish"), "its activation is Mish (supported: Clip, "),
    "number_of_bits": (
        contrib("MatMulNBits", ["x", "gamma", "gamma"], K=6, N=6, bits=3, block_size=16),
        "its weights have 3 bits (supported: 2, 4, 8)",
    ),
    "weights_as_input": (
        contrib("MatMulNBits", ["x", "x", "gamma"], K=6, N=6, bits=4, block_size=16),
        "its input 1 is not a constant",
    ),
    "scale_of_several_numbers": (
        contrib("QLinearAdd", ["x", "gamma", "", "x", "gamma", "", "gamma"]),
        "its input 6 is a scale of shape [6], but must be one number",
    ),
    "shared_cache": (
        contrib("Attention", ["x", "x"], num_heads=2, past_present_share_buffer=1),
        "its attribute `past_present_share_buffer` is 1, but only 0 is supported",
    ),
    "packed_heads": (contrib("MultiHeadAttention", ["x"], num_heads=2), "are packed into one input"),
    "heads_of_odd_width": (
        contrib("Attention", ["x", "weights"], num_heads=4),
        "its hidden sizes [6, 6, 6] do not divide 18 columns among 4 heads",
    ),
    "unknown": (contrib("GreedySearch", ["x"]), "no rule supports this operator"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_reason(name: str, tmp_path: Path) -> None:
    refused, reason = REFUSED[name]
    model = graph([refused], X, Y, {**GAMMA, "weights": floats(6, 18)})
    found, _ = match_layers(open_onnx(save(model, tmp_path / "model.onnx")))
    assert [(u.node, u.op) for u in found.unmatched] == [(refused.name, f"com.microsoft.{refused.op_type}")]
    assert reason in found.unmatched[0].reason


SCALED: dict[str, tuple[list[str], dict[str, object]]] = {
    "QLinearAdd": (["u", "s", "", "u", "s", "", "?"], {}),
    "QLinearMul": (["u", "s", "", "u", "?", "", "s"], {}),
    "QLinearSigmoid": (["u", "s", "", "?"], {}),
    "QLinearSoftmax": (["u", "s", "", "?"], {"opset": 13}),
    "QLinearGlobalAveragePool": (["u", "?", "", "s"], {}),
    "QLinearConcat": (["?", "", "u", "s", ""], {"axis": 1}),
    "QGemm": (["u", "s", "", "w", "?", "", "", "s"], {}),
    "MatMulIntegerToFloat": (["u", "w", "s", "?"], {}),
    "DynamicQuantizeMatMul": (["x", "w", "?"], {}),
    "QAttention": (["x", "w", "s", "s", "?"], {"num_heads": 1}),
}
"""Operators with a scale that integers cannot have, at the input `?`."""


@pytest.mark.parametrize("op", SCALED)
@pytest.mark.parametrize("scale", [0.0, -0.1, 1e-42, np.inf, np.nan])
def test_a_scale_that_integers_cannot_have(op: str, scale: float, tmp_path: Path) -> None:
    inputs, attributes = SCALED[op]
    ports = {"u": (TensorProto.UINT8, [4, 6]), "x": (TensorProto.FLOAT, [4, 6])}
    numbers = {"s": np.float32(0.1), "?": np.float32(scale), "w": np.ones((6, 6), np.int8)}
    model = graph([contrib(op, inputs, **attributes)], ports, Y, {k: np.asarray(v) for k, v in numbers.items()})
    found, _ = match_layers(open_onnx(save(model, tmp_path / "model.onnx")))
    assert f"its scale `?` is {np.float32(scale):g}, but must be a positive, normal number" in found.unmatched[0].reason


W, S = np.zeros((6, 1, 8), np.uint8), np.ones((6, 1), np.float32)
N_BITS = {"K": 6, "N": 6, "bits": 4, "block_size": 16}
FOUR = {"K": 6, "N": 6, "block_size": 16, "quant_type": 1}
BLOCKS: dict[str, tuple[onnx.NodeProto, dict[str, np.ndarray], str]] = {
    "scales": (contrib("MatMulNBits", ["x", "w", "s"], **N_BITS), {"s": S * np.inf}, "are not all finite"),
    "zeros": (contrib("MatMulNBits", ["x", "w", "s", "z"], **N_BITS), {"z": S * np.nan}, "are not all finite"),
    "integers": (
        contrib("MatMulNBits", ["x", "w", "s"], **N_BITS),
        {"w": W.view(np.int8)},
        "but must be uint8",
    ),
    "bytes": (contrib("MatMulNBits", ["x", "w", "s"], **N_BITS), {"w": W[..., 1:]}, "has 42 elements, but"),
    "number_of_scales": (contrib("MatMulNBits", ["x", "w", "s"], **N_BITS), {"s": S[1:]}, "has 5 elements, but"),
    "no_block": (contrib("MatMulNBits", ["x", "w", "s"], **{**N_BITS, "block_size": 0}), {}, "must be positive"),
    "format": (contrib("MatMulBnb4", ["x", "w", "s"], **{**FOUR, "quant_type": 2}), {}, "0 for FP4, 1 for NF4"),
    "factors": (
        contrib("MatMulBnb4", ["x", "w", "s"], **FOUR),
        {"w": W.reshape(-1)[:18]},
        "has 6 elements, but",
    ),
    "rank_of_scales": (
        contrib("GatherBlockQuantized", ["w", "i", "s"]),
        {"w": W[:, 0], "s": S[0]},
        "of shape [1], but its table has blocks of shape [6, 1]",
    ),
    "quantized_axis": (contrib("GatherBlockQuantized", ["w", "i", "s"], quantize_axis=3), {}, "axis 3 does not exist"),
}
"""Weights in blocks that do not fit the attributes."""


@pytest.mark.parametrize("name", BLOCKS)
def test_weights_in_blocks(name: str, tmp_path: Path) -> None:
    item, arrays, reason = BLOCKS[name]
    weights = {"w": W, "s": S, "z": S, "i": np.zeros(3, np.int64)} | arrays
    found, _ = match_layers(open_onnx(save(graph([item], X, Y, weights), tmp_path / "model.onnx")))
    assert reason in found.unmatched[0].reason


def test_what_a_definition_needs_is_named(tmp_path: Path) -> None:
    integers = (TensorProto.INT64, ["batch", 4])
    model = graph([contrib("Gelu", ["a"])], {"a": integers}, {"y": integers})
    found, _ = match_layers(open_onnx(save(model, tmp_path / "model.onnx")))
    (refused,) = found.unmatched
    assert (refused.node, refused.op) == ("node/y", "com.microsoft.Gelu")
    assert refused.reason.startswith("its definition needs ")
    assert "int64" in refused.reason


def test_a_node_behind_a_refused_one_is_not_blamed(tmp_path: Path) -> None:
    nodes = [node("Bernoulli", ["x"], ["a"]), contrib("Gelu", ["a"])]
    found, _ = match_layers(open_onnx(save(graph(nodes, X, Y), tmp_path / "model.onnx")))
    assert [u.op for u in found.unmatched if u.blocked_by is None] == ["Bernoulli"]


def test_layers_name_the_node_and_its_weights(tmp_path: Path) -> None:
    nodes = [
        contrib("SkipLayerNormalization", ["x", "x", "gamma", "beta"], ["n"]),
        contrib("FusedMatMul", ["n", "kernel"], alpha=0.5),
    ]
    nodes[0].name, nodes[1].name = "encoder/norm", "encoder/project"
    model = graph(nodes, X, Y, {**GAMMA, "beta": floats(6, seed=2), "kernel": floats(6, 6)})
    found, layers = match_layers(open_onnx(save(model, tmp_path / "model.onnx")))
    assert not found.unmatched
    owners = {node.rpartition("/")[0] for node in found.nodes()}
    assert owners == {"encoder/norm", "encoder/project"}
    sources = {layer.kind: layer.sources for layer in layers.layers}
    assert sources["LayerNormalization"] == {"gamma", "beta"}
    assert sources["Dense"] == {"kernel"}


def test_layouts_for_one_processor(tmp_path: Path) -> None:
    model = graph([node("ReorderOutput", ["x"], ["y"], domain="com.microsoft.nchwc", channels=4)], X, Y)
    found, _ = match_layers(open_onnx(save(model, tmp_path / "model.onnx")))
    assert "save it again with a graph optimization level up to ORT_ENABLE_EXTENDED" in found.unmatched[0].reason


@pytest.mark.parametrize("opset", [14, 17])
def test_operators_in_the_domain_of_onnx(opset: int, tmp_path: Path) -> None:
    """ONNX Runtime writes them without a domain, also where ONNX does not have them."""
    nodes = [
        node("SimplifiedLayerNormalization", ["x", "gamma"], ["n"], axis=-1),
        node("LayerNormalization", ["n", "gamma"], ["y"], axis=-1),
    ]
    model = graph(nodes[1:], {"n": X["x"]}, Y, GAMMA, opset=17)
    model.graph.node.insert(0, nodes[0])
    model.graph.input[0].name = "x"
    model.opset_import[0].version = opset
    found, layers = match_layers(open_onnx(save(model, tmp_path / "model.onnx")))
    assert not found.unmatched
    assert [layer.kind for layer in layers.layers] == ["RMSNormalization", "LayerNormalization"]
