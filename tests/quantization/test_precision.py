"""``--precision bf16``: which products are in bfloat16, and what the crate, the reports and messages say."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.crates import Crates
from tests.models import graphs
from tests.quantization.models import node, weights
from tf2rust.codegen.report.page import read_report
from tf2rust.conversion import Converted, Options, convert
from tf2rust.errors import ConversionError, UsageError
from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.ops.core.small_weights import rounded
from tf2rust.quantization.settings import BF16, Settings
from tf2rust.source import Source, open_onnx

_PRECISION = Settings("", weights=BF16, precision=BF16)


def _model(*nodes: onnx.NodeProto, shape: list[int | str], rank: int = 2, **constants: np.ndarray) -> onnx.ModelProto:
    ends = {"x": (1, shape)}, {nodes[-1].output[0]: (1, ["n", *map(str, range(rank - 1))])}
    return graphs.graph(nodes, *ends, constants)


def _trunk() -> onnx.ModelProto:
    """A padded convolution with a residual connection, a small one, and two products of the same input."""
    return _model(
        node("Pad", ["x", "pads"], ["padded"]),
        node("Conv", ["padded", "w"], ["conv"]),
        node("BatchNormalization", ["conv", "gamma", "beta", "mean", "variance"], ["norm"]),
        node("Add", ["norm", "x"], ["sum"]),
        node("Relu", ["sum"], ["relu"]),
        node("Conv", ["relu", "narrow"], ["small"]),
        node("Flatten", ["small"], ["flat"]),
        node("Gemm", ["flat", "a", "bias"], ["first"]),
        node("MatMul", ["flat", "b"], ["second"]),
        node("Mul", ["first", "second"], ["y"]),
        shape=["n", 32, 7, 6],
        pads=np.array([0, 0, 1, 1, 0, 0, 1, 1]),
        w=weights(32, 32, 3, 3) / 8,
        gamma=weights(32, seed=2) + 1,
        beta=weights(32, seed=3),
        mean=weights(32, seed=4),
        variance=np.linspace(0.5, 2, 32, dtype=np.float32),
        narrow=weights(5, 32, 1, 1, seed=5),
        a=weights(210, 40, seed=6),
        bias=weights(40, seed=7),
        b=weights(210, 40, seed=8),
    )


def _source(folder: Path, model: onnx.ModelProto) -> Source:
    return open_onnx(graphs.save(model, folder / "model.onnx"))


def _converted(folder: Path, model: onnx.ModelProto, settings: Settings | None = _PRECISION) -> Converted:
    return convert(_source(folder, model), Options(folder / "out", "m", quantization=settings))


def _fields(converted: Converted) -> list[str]:
    text = (converted.crate / "src" / "model.rs").read_text()
    return re.findall(r"^    \w+: ((?:Conv\dd|Dense)<.*>),$", text, re.MULTILINE)


_BF16 = "'w, RoundingMatrix<'w>"
_TRUNK = [f"Conv2d<{_BF16}>", "Conv2d<'w>", f"Dense<{_BF16}>", f"Dense<{_BF16}>"]


def test_large_products_are_in_bfloat16(tmp_path: Path) -> None:
    """Padding, normalization and sums are fused as usual, and the reports tell which products are narrow."""
    converted = _converted(tmp_path, _trunk())
    assert _fields(converted) == _TRUNK
    assert not [row for row in converted.listing.layers if row.kind in ("Pad", "Unary")]
    narrow = [row.kind for row in converted.listing.layers if row.parameters.get("precision") == "bfloat16"]
    assert narrow == ["Conv2D", "Dense", "Dense"]
    with np.load(converted.crate / "model" / "model_weights.npz") as file:
        dtypes = {array.dtype.name for array in file.values() if array.size >= 4096}
    assert dtypes == {"uint16"}
    (agreement,) = converted.agreements
    assert 30 < agreement.signal_to_noise < 60
    section = read_report(converted.model_info / "report.html")["quantization"]
    assert section["mode"] == "products of bfloat16"
    assert not any("why_float" in layer for layer in section["layers"])


def test_the_reference_rounds_inputs_and_weights(tmp_path: Path) -> None:
    """The written graph computes products of rounded numbers, and converts to the same layers without the option."""
    converted = _converted(tmp_path, _trunk())
    proto = onnx.load(converted.model_info / "model.onnx")
    roundings = [node for node in proto.graph.node if node.op_type == "RoundToBFloat16"]
    assert [list(node.input) for node in roundings] == [["padded"], ["flat"]]
    x = weights(3, 40, 8) * 3
    one = _model(node("MatMul", ["x", "w"], ["y"]), shape=["n", 40, 8], rank=3, w=weights(8, 512))
    made = _converted(tmp_path, one)
    found = OnnxRuntime(onnx.load(made.model_info / "model.onnx"), {})({"x": x})["y"]
    exact = rounded(x, "bfloat16", 0).astype(np.float64) @ rounded(weights(8, 512), "bfloat16", 1).astype(np.float64)
    assert np.abs(found - exact).max() < 1e-5
    again = convert(open_onnx(made.model_info / "model.onnx"), Options(tmp_path / "again", "m"))
    assert _fields(again) == [f"Dense<{_BF16}>"]


@pytest.mark.parametrize(
    ("model", "fields", "reasons"),
    [
        (
            _model(
                node("Mul", ["x", "factors"], ["scaled"]),
                node("MatMul", ["scaled", "w"], ["y"]),
                shape=["n", 80],
                factors=weights(80, seed=8),
                w=weights(80, 80),
            ),
            [f"Dense<{_BF16}>"],
            [None],
        ),
        (
            _model(
                node("Conv", ["x", "w"], ["conv"], pads=[1, 1, 1, 1]),
                node("Conv", ["conv", "d"], ["y"], group=32, kernel_shape=[12, 12]),
                shape=["n", 16, 12, 12],
                rank=4,
                w=weights(32, 16, 3, 3),
                d=weights(32, 1, 12, 12),
            ),
            [f"Conv2d<{_BF16}>"],
            [None, "DepthwiseConv2D computes with float32 weights"],
        ),
    ],
    ids=["factors in front stay", "no Winograd, depthwise"],
)
def test_what_surrounds_a_product(
    tmp_path: Path, model: onnx.ModelProto, fields: list[str], reasons: list[str | None]
) -> None:
    converted = _converted(tmp_path, model)
    assert _fields(converted) == fields
    section = read_report(converted.model_info / "report.html")["quantization"]
    assert [layer.get("why_float") for layer in section["layers"]] == reasons


def test_a_layer_can_stay_in_float32(tmp_path: Path) -> None:
    settings = Settings("", keep_float=["first"], weights=BF16, precision=BF16)
    converted = _converted(tmp_path, _trunk(), settings)
    assert _fields(converted) == [*_TRUNK[:2], "Dense<'w>", _TRUNK[3]]


def test_models_without_large_products(tmp_path: Path) -> None:
    small = _model(node("MatMul", ["x", "w"], ["y"]), shape=["n", 8], w=weights(8, 8))
    with pytest.raises(ConversionError, match="--precision needs a Conv, MatMul or Gemm with at least 4096"):
        _converted(tmp_path, small)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"precision": "f16"}, "--precision f16: must be bf16"),
        ({"precision": ""}, "--precision '': must be bf16"),
        ({"precision": "bf16", "quantize": "int8"}, "give --quantize or --precision, not both"),
        ({"precision": "bf16", "weights": "bf16"}, "give --weights or --precision, not both"),
        ({"precision": "bf16", "max_loss": 0.1}, "--max_loss has no meaning with --precision; remove it"),
    ],
)
def test_wrong_options(given: dict[str, Any], wrong: str) -> None:
    names = ("quantize", "weights", "precision", "calibrate", "calibration_method", "keep_float", "max_loss")
    with pytest.raises(UsageError, match=wrong):
        Settings.of(dict.fromkeys(names) | given)


def test_the_record_names_the_option() -> None:
    assert {name: value for name, value in _PRECISION.named().items() if value} == {"precision": "bf16"}


@pytest.mark.targets
def test_the_crate_agrees_with_the_float_model(tmp_path: Path) -> None:
    crates = Crates(tmp_path)
    crates.add("trunk", _source(tmp_path, _trunk()), quantization=_PRECISION)
    crates.build()
    for isa in ("avx512bf16", "avx2", "scalar"):
        crates.environment["TF_LAYERS_ISA"] = isa
        done = crates.cargo("test", "--release", "--test", "predictions", "-p", "trunk", "--", "--nocapture")
        assert "from the float model: at most" in done
