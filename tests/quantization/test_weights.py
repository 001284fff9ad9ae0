"""``--weights``: rounding, which layers store small weights, and what the crate, the reports and messages say."""

from __future__ import annotations

import re
from collections.abc import Mapping
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
from tf2rust.ops.core.small_weights import rounded, stored
from tf2rust.quantization.settings import WEIGHTS, Settings
from tf2rust.source import Source, open_onnx

_DTYPES = tuple(WEIGHTS.values())


@pytest.mark.parametrize(
    ("dtype", "number", "expected"),
    [
        ("float16", 0.1, 0.0999755859375),
        ("float16", 1 + 2**-11, 1.0),  # a tie, to even
        ("float16", 1 + 3 * 2**-11, 1 + 2**-9),
        ("float16", 2**-25, 0.0),
        ("float16", 3 * 2**-25, 2**-23),
        ("float16", -65504.0, -65504.0),
        ("bfloat16", 1 + 2**-8, 1.0),
        ("bfloat16", 1 + 3 * 2**-8, 1 + 2**-6),
        ("bfloat16", 2.0**127, 2.0**127),
    ],
)
def test_floats_are_rounded_to_nearest_with_ties_to_even(dtype: str, number: float, expected: float) -> None:
    assert rounded(np.array([[number]], np.float32), dtype, 1) == np.float32(expected)


@pytest.mark.parametrize("dtype", _DTYPES)
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_rounded_weights_are_found_again(dtype: str, axis: int) -> None:
    array = weights(50, 7, 9) * np.float32(3e-3)
    array[4], array[:, 2] = 0, 0
    array[5], array[6] = 1e-39, -6e4  # a scale that is no normal number, and a large one
    made = rounded(array, dtype, axis)
    limit = {"float16": 2**-11 * np.abs(array) + 2**-25, "bfloat16": 2**-8 * np.abs(array) + 1e-40}.get(dtype)
    if limit is None:
        others = tuple(i for i in range(3) if i != axis)
        limit = np.abs(array).max(axis=others, keepdims=True) / 254 * (1 + 1e-6) + 1e-39
    assert (np.abs(made - array) <= limit).all()
    found = stored(made, dtype, axis)
    assert found is not None
    numbers, scales = found
    assert numbers.dtype == dtype
    shape = [1, 1, 1]
    shape[axis] = -1
    back = numbers.astype(np.float32) * (np.float32(1) if scales is None else scales.reshape(shape))
    np.testing.assert_array_equal(back, made)
    assert stored(array, dtype, axis) is None


def _model(change: Mapping[str, np.ndarray] | None = None) -> onnx.ModelProto:
    """An embedding, a convolution with batch normalization and two dense layers over [n, 12] tokens."""
    nodes = [
        node("Gather", ["table", "tokens"], ["embedding"]),
        node("Add", ["embedding", "positions"], ["sum"]),
        node("Transpose", ["sum"], ["channels"], perm=[0, 2, 1]),
        node("Conv", ["channels", "filters"], ["conv"], pads=[4, 4]),
        node("BatchNormalization", ["conv", "gamma", "beta", "mean", "variance"], ["normal"]),
        node("Relu", ["normal"], ["relu"]),
        node("Flatten", ["relu"], ["flat"]),
        node("MatMul", ["flat", "kernel"], ["dense"]),
        node("Add", ["dense", "bias"], ["biased"]),
        node("Tanh", ["biased"], ["tanh"]),
        node("Gemm", ["tanh", "last", "zeros"], ["logits"]),
        node("Softmax", ["logits"], ["y"]),
    ]
    constants = {
        "table": weights(300, 16),
        "filters": weights(32, 16, 9, seed=1) / 9,
        "gamma": weights(32, seed=2),
        "beta": weights(32, seed=3),
        "mean": weights(32, seed=4),
        "variance": np.linspace(0.5, 2, 32, dtype=np.float32),
        "kernel": weights(384, 70, seed=5) / 20,
        "bias": weights(70, seed=6),
        "last": weights(70, 5, seed=7),
        "zeros": np.zeros(5, np.float32),
    }
    inputs = {"tokens": (7, ["n", 12]), "positions": (1, ["n", 12, 16])}
    return graphs.graph(nodes, inputs, {"y": (1, ["n", 5])}, {**constants, **(change or {})})


def _source(folder: Path, model: onnx.ModelProto) -> Source:
    return open_onnx(graphs.save(model, folder / "model.onnx"))


def _converted(folder: Path, kind: str, model: onnx.ModelProto | None = None, **more: Any) -> Converted:
    settings = Settings("", weights=kind, **more)
    return convert(_source(folder, model or _model()), Options(folder / kind, "m", quantization=settings))


def _arrays(converted: Converted) -> dict[str, np.ndarray]:
    with np.load(converted.crate / "model" / "model_weights.npz") as file:
        return dict(file)


_FIELDS = {
    "f16": [
        "SmallEmbedding<View<'w, F16, 2>>",
        "Conv1d<'w, Matrix<'w, F16>>",
        "Dense<'w, Matrix<'w, F16>>",
        "Dense<'w>",
    ],
    "bf16": [
        "SmallEmbedding<View<'w, BF16, 2>>",
        "Conv1d<'w, Matrix<'w, BF16>>",
        "Dense<'w, Matrix<'w, BF16>>",
        "Dense<'w>",
    ],
    "int8": [
        "SmallEmbedding<ScaledRows<'w>>",
        "Conv1d<'w, ScaledMatrix<'w>>",
        "Dense<'w, ScaledMatrix<'w>>",
        "Dense<'w>",
    ],
}


@pytest.mark.parametrize(("kind", "stored_as"), [("f16", "float16"), ("bf16", "uint16"), ("int8", "int8")])
def test_large_weights_are_stored_small(tmp_path: Path, kind: str, stored_as: str) -> None:
    converted = _converted(tmp_path, kind)
    large = [array for array in _arrays(converted).values() if array.size >= 4096]
    assert sorted(array.size for array in large) == [32 * 16 * 9, 300 * 16, 384 * 70]
    assert {array.dtype.name for array in large} == {stored_as}
    text = (converted.crate / "src" / "model.rs").read_text()
    assert re.findall(r"^    \w+: ((?:SmallEmbedding|Conv1d|Dense)<.*>),$", text, re.MULTILINE) == _FIELDS[kind]
    (agreement,) = converted.agreements
    assert agreement.signal_to_noise > {"f16": 65, "bf16": 45, "int8": 35}[kind]
    assert agreement.same_class >= agreement.rows - 1
    section = read_report(converted.model_info / "report.html")["quantization"]
    assert section["mode"] == f"weights as {WEIGHTS[kind]}"
    assert [layer["layer"] for layer in section["layers"]] == ["conv", "dense", "embedding"]
    assert not any("why_float" in layer for layer in section["layers"])


@pytest.mark.parametrize(
    ("change", "layer", "wrong"),
    [
        ({"kernel": weights(384, 70) * 1e5}, "dense", "its largest weight"),
        ({"variance": np.full(32, 1e-4, np.float32), "gamma": np.full(32, 5e4, np.float32)}, "conv", "its largest"),
    ],
    ids=["dense", "conv"],
)
def test_weights_that_float16_cannot_represent_stay_float32(
    tmp_path: Path, change: Mapping[str, np.ndarray], layer: str, wrong: str
) -> None:
    converted = _converted(tmp_path, "f16", _model(change))
    assert any(
        re.fullmatch(
            rf"the weights of `{layer}` stay float32, because the largest, .* exceeds 65504, the largest "
            r"float16 number; --weights bf16 stores them\.",
            note,
        )
        for note in converted.notes
    )
    section = read_report(converted.model_info / "report.html")["quantization"]
    (found,) = [one for one in section["layers"] if "why_float" in one]
    assert found["layer"] == layer
    assert found["why_float"].startswith(wrong)
    bf16 = _converted(tmp_path, "bf16", _model(change))
    assert not [note for note in bf16.notes if "stay float32" in note]


def test_a_layer_can_keep_its_weights(tmp_path: Path) -> None:
    converted = _converted(tmp_path, "int8", keep_float=["dense"])
    assert sorted(array.size for array in _arrays(converted).values() if array.dtype == np.int8) == [4608, 4800]
    with pytest.raises(ConversionError, match="--keep_float nothing: the model has no such layer"):
        _converted(tmp_path, "int8", keep_float=["nothing"])


def _one(*nodes: onnx.NodeProto, shape: list[int | str], **constants: np.ndarray) -> onnx.ModelProto:
    ends = {"x": (1, shape)}, {nodes[-1].output[0]: (1, ["n", *map(str, range(len(shape) - 1))])}
    return graphs.graph(nodes, *ends, constants)


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (
            _one(
                node("Conv", ["x", "w"], ["conv"], pads=[1, 1, 1, 1]),
                node("Flatten", ["conv"], ["flat"]),
                node("MatMul", ["flat", "k"], ["y"]),
                shape=["n", 16, 6, 6],
                w=weights(32, 16, 3, 3),
                k=weights(32 * 36, 4),
            ),
            "it uses Winograd's algorithm, which needs float32 weights",
        ),
        (
            _one(
                node("Mul", ["x", "factors"], ["scaled"]),
                node("MatMul", ["scaled", "w"], ["first"]),
                node("Relu", ["first"], ["relu"]),
                node("MatMul", ["relu", "k"], ["y"]),
                shape=["n", 80],
                factors=weights(80, seed=8),
                w=weights(80, 80),
                k=weights(80, 60),
            ),
            "another layer is a part of its weights",
        ),
    ],
    ids=["Winograd", "fused"],
)
def test_weights_that_are_not_stored_small_are_not_rounded(tmp_path: Path, model: onnx.ModelProto, reason: str) -> None:
    converted = _converted(tmp_path, "bf16", model)
    section = read_report(converted.model_info / "report.html")["quantization"]
    assert [layer.get("why_float") for layer in section["layers"]] == [reason, None]
    floats = [array for array in _arrays(converted).values() if array.dtype == np.float32 and array.size >= 4096]
    assert len(floats) == 1
    assert (floats[0].view(np.uint32) & 0xFFFF).any()


def test_recurrent_layers_are_listed(tmp_path: Path) -> None:
    nodes = [
        node("LSTM", ["x", "w", "r"], ["", "state"], hidden_size=32),
        node("Squeeze", ["state", "zero"], ["last"]),
        node("Gemm", ["last", "v"], ["y"]),
    ]
    constants = {"w": weights(1, 128, 40), "r": weights(1, 128, 32), "zero": np.array([0]), "v": weights(32, 128)}
    model = graphs.graph(nodes, {"x": (1, [5, "n", 40])}, {"y": (1, ["n", 128])}, constants)
    converted = _converted(tmp_path, "f16", model)
    section = read_report(converted.model_info / "report.html")["quantization"]
    found = {layer["node"]: layer.get("why_float") for layer in section["layers"]}
    assert found == {"y": None, "state": "LSTM computes with float32 weights"}


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (
            _one(node("MatMul", ["x", "w"], ["y"]), shape=["n", 8], w=weights(8, 8)),
            "no weights to store as float16: --weights needs a Conv, MatMul, Gemm or Gather with at least 4096",
        ),
        (
            _one(node("MatMul", ["x", "w"], ["y"]), shape=["n", 80], w=weights(80, 80) * 1e5),
            "no weights to store as float16: `y` keeps float32, because its largest weight, .* exceeds 65504; convert",
        ),
        (
            _one(
                node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]),
                shape=["n", 16, 6, 6],
                w=weights(32, 16, 3, 3),
            ),
            "`y` keeps float32, because it uses Winograd's algorithm, which needs float32 weights; convert",
        ),
        (
            graphs.graph(
                [node("QuantizeLinear", ["x", "s"], ["y"])],
                {"x": (1, ["n"])},
                {"y": (2, ["n"])},
                {"s": np.array(0.5, np.float32)},
            ),
            "The model is quantized already",
        ),
    ],
)
def test_models_without_large_weights(tmp_path: Path, model: onnx.ModelProto, wrong: str) -> None:
    with pytest.raises(ConversionError, match=wrong):
        _converted(tmp_path, "f16", model)


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"weights": "fp16"}, "--weights fp16: must be one of f16, bf16, int8"),
        ({"weights": ""}, "--weights '': must be one of"),
        ({"weights": "f16", "quantize": "int8"}, "give --quantize or --weights, not both"),
        ({"weights": "f16", "max_loss": 0.1}, "--max_loss has no meaning with --weights; remove it"),
    ],
)
def test_wrong_options(given: dict[str, Any], wrong: str) -> None:
    names = ("quantize", "weights", "precision", "calibrate", "calibration_method", "keep_float", "max_loss")
    with pytest.raises(UsageError, match=wrong):
        Settings.of(dict.fromkeys(names) | given)


def test_models_with_states() -> None:
    with pytest.raises(UsageError, match="--weights needs a model without states"):
        Options(Path("out"), "m", stream="n", quantization=Settings("", weights="f16"))


@pytest.mark.targets
def test_the_crates_agree_with_the_float_models(tmp_path: Path) -> None:
    crates = Crates(tmp_path)
    for kind in WEIGHTS:
        crates.add(kind, _source(tmp_path, _model()), quantization=Settings("", weights=kind))
    crates.build()
    for isa in ("avx512", "avx2", "scalar"):
        crates.environment["TF_LAYERS_ISA"] = isa
        for kind in WEIGHTS:
            done = crates.cargo("test", "--release", "--test", "predictions", "-p", kind, "--", "--nocapture")
            assert "from the float model: at most" in done
