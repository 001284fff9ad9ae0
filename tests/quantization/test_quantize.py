"""``--quantize``: the quantized model, its agreement with the float model, the options and the errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tests.crates import Crates
from tests.models import graphs
from tests.quantization.models import cnn, images, node, weights
from tf2rust.codegen.report.page import read_report
from tf2rust.conversion import Converted, Options, convert, match_layers
from tf2rust.errors import ConversionError, UsageError
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.weights import whole_model
from tf2rust.quantization.opset import with_channel_scales
from tf2rust.quantization.quantize import quantize as quantize_model
from tf2rust.quantization.result import Quantized
from tf2rust.quantization.samples import collect_evidence
from tf2rust.quantization.settings import MaxLoss, Settings
from tf2rust.source import Source, open_onnx
from tf2rust.stages import silent

Quantize = Callable[..., Quantized]


@pytest.fixture
def quantize(tmp_path: Path) -> Quantize:
    """Quantizes the classifier, or another model, calibrated on arrays."""

    def quantized(
        model: onnx.ModelProto | None = None,
        arrays: dict[str, np.ndarray] | None = None,
        path_to_fv: Path | None = None,
        **settings: Any,
    ) -> Quantized:
        source = with_channel_scales(open_onnx(graphs.save(model or cnn(), tmp_path / "model.onnx")))
        samples = tmp_path / "samples.npz"
        np.savez(samples, **({"image": images(24)} if arrays is None else arrays))
        listing, graph = match_layers(source)
        names = {name: row.name for row in listing.layers for name in row.nodes}
        evidence, _ = collect_evidence(graph, path_to_fv, samples)
        analysis = analyse(source.proto, {}, source.weights)
        return quantize_model(source, analysis, names, evidence, Settings("int8", samples, **settings), silent)

    return quantized


def _constants(found: Quantized) -> dict[str, np.ndarray]:
    read = {t.name: numpy_helper.to_array(t) for t in found.proto.graph.initializer if t.name not in found.weights}
    return read | found.weights


def test_weights_have_a_scale_per_channel_and_biases_that_of_the_sums(quantize: Quantize) -> None:
    constants = _constants(quantize())
    for name, shape in {"c1": (8, 3, 3, 3), "c2": (8, 8, 3, 3), "logits": (5, 12)}.items():
        integers, scales = constants[f"{name}/weights_integers"], constants[f"{name}/weights_scale"]
        assert (integers.dtype, integers.shape, scales.shape) == (np.int8, shape, shape[:1])
        assert np.array_equal(np.abs(integers).max(axis=tuple(range(1, integers.ndim))), [127] * shape[0])
        assert constants[f"{name}/bias_integers"].dtype == np.int32
    sums = constants["image/scale"] * constants["c1/weights_scale"]
    assert np.array_equal(constants["c1/bias_scale"], sums)
    assert {array.dtype.name for array in constants.values()} == {"float32", "uint8", "int8", "int32"}


def test_every_layer_has_a_signal_to_noise_ratio(quantize: Quantize) -> None:
    found = quantize()
    assert [layer.layer for layer in found.layers] == ["c1", "c2", "c3", "logits"]
    assert all(20 < (layer.signal_to_noise or 0) < 90 for layer in found.layers)
    assert found.agreements[0].rows == found.samples == 24


def test_the_same_samples_give_the_same_model(quantize: Quantize) -> None:
    first, second = quantize(), quantize()
    assert first.proto == second.proto
    assert {name: array.tobytes() for name, array in first.weights.items()} == {
        name: array.tobytes() for name, array in second.weights.items()
    }


@pytest.mark.parametrize("method", ["minmax", "percentile", "mse"])
def test_methods(quantize: Quantize, method: str) -> None:
    assert quantize(method=method).agreements[0].signal_to_noise > 35


def test_a_layer_that_is_kept_in_float_has_no_integers(quantize: Quantize) -> None:
    found = quantize(keep_float=["c2"])
    assert "c1/weights_integers" in _constants(found)
    assert "c2/weights_integers" not in _constants(found)
    assert {layer.layer: layer.why_float for layer in found.layers}["c2"] == "--keep_float names it"


@pytest.mark.parametrize("wanted", [MaxLoss(0.004, "rms"), MaxLoss(0.02, "rms"), MaxLoss(0.0)])
def test_layers_are_kept_in_float_until_the_loss_is_small_enough(quantize: Quantize, wanted: MaxLoss) -> None:
    found = quantize(max_loss=wanted)
    assert wanted.of(found.agreements[0]) <= wanted.value
    assert any(name.endswith("weights_integers") for name in _constants(found))


def test_a_loss_that_no_layer_allows(quantize: Quantize) -> None:
    with pytest.raises(
        ConversionError, match=r"--max_loss rms=1e-09 cannot be reached: the loss is .* with all layers"
    ):
        quantize(max_loss=MaxLoss(1e-9, "rms"))


def _of_matmul(
    *more: onnx.NodeProto, dtype: int = 1, shape: graphs.Shape = ("n", 4), **constants: Any
) -> onnx.ModelProto:
    """A MatMul of x [n, 4] to ``h``, and the nodes behind it up to ``y``."""
    nodes = [node("MatMul", ["x", "w"], ["h"]), *more]
    return graphs.graph(nodes, {"x": (1, ["n", 4])}, {"y": (dtype, shape)}, {"w": weights(4, 4), **constants})


ROWS = {"x": np.random.default_rng(8).normal(size=(16, 4)).astype(np.float32)}


def test_a_loss_needs_an_output_of_floats(quantize: Quantize) -> None:
    model = _of_matmul(node("ArgMax", ["h"], ["y"], axis=1), dtype=7, shape=("n", 1))
    with pytest.raises(ConversionError, match=r"--max_loss top1=0\.01 cannot be measured, because no output"):
        quantize(model, ROWS, max_loss=MaxLoss(0.01, "top1"))


@pytest.mark.parametrize(
    ("kind", "missing"),
    [("top1", "no output of the model is a softmax or a probability"), ("auc", "it needs a model with one output and")],
)
def test_a_loss_of_a_kind_that_no_output_has(quantize: Quantize, kind: str, missing: str) -> None:
    with pytest.raises(ConversionError, match=f"--max_loss {kind}=0.5 cannot be measured, because {missing}"):
        quantize(_of_matmul(node("Relu", ["h"], ["y"])), ROWS, max_loss=MaxLoss(0.5, kind))


@pytest.mark.parametrize(
    ("model", "least"),
    [
        pytest.param(_of_matmul(node("Log", ["h"], ["y"])), 30, id="numbers that both models compute as NaN"),
        pytest.param(
            _of_matmul(node("Transpose", ["h"], ["y"]), shape=(4, "n")), 35, id="samples on another axis of the output"
        ),
        pytest.param(
            graphs.graph(
                [node("Gemm", ["x", "w", "b"], ["h"]), node("MatMul", ["h", "w"], ["y"])],
                {"x": (1, [4, 4])},
                {"y": (1, [4, 4])},
                {"w": weights(4, 4), "b": 9 * np.arange(4, dtype=np.float32).reshape(4, 1)},
            ),
            35,
            id="a bias with one number per row",
        ),
        pytest.param(
            _of_matmul(node("Div", ["h", "k"], ["y"]), k=np.full(4, 1e-42, np.float32)),
            35,
            id="a divisor whose reciprocal is infinite",
        ),
    ],
)
def test_unusual_numbers(quantize: Quantize, model: onnx.ModelProto, least: float) -> None:
    assert quantize(model, ROWS).agreements[0].signal_to_noise > least


def test_labels_give_the_auc(quantize: Quantize, tmp_path: Path) -> None:
    nodes = [
        node("Gemm", ["image", "w1", "b1"], ["h"], transB=1),
        node("Relu", ["h"], ["r"]),
        node("Gemm", ["r", "w2"], ["z"], transB=1),
        node("Sigmoid", ["z"], ["y"]),
    ]
    constants = {"w1": weights(16, 6), "b1": weights(16, seed=1), "w2": weights(1, 16, seed=2)}
    model = graphs.graph(nodes, {"image": (1, ["n", 6])}, {"y": (1, ["n", 1])}, constants)
    x = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
    np.savez(tmp_path / "fv.npz", image=x, labels=np.arange(64) % 2)
    (found,) = quantize(model, {"image": x}, path_to_fv=tmp_path / "fv.npz").agreements
    assert found.auc is not None
    assert abs(found.auc[0] - found.auc[1]) < 0.01
    assert found.same_class >= 62


@pytest.mark.parametrize(
    ("arrays", "wrong"),
    [
        ({"image": images(3)}, "There are 3 samples to calibrate with, too few"),
        ({"picture": images(9)}, "no array for the model's input `image`; it contains `picture`"),
        ({"image": images(9)[:, :2]}, r"`image` .* has shape \[9, 2, 8, 8\], but the model's input is \[n, 3, 8, 8\]"),
        ({"image": np.full((9, 3, 8, 8), np.inf, np.float32)}, "`image` is infinite or NaN for a calibration sample"),
        ({"image": np.full((9, 3, 8, 8), 0.5, np.float32)}, "All 9 samples to calibrate with are equal"),
    ],
)
def test_wrong_samples(quantize: Quantize, arrays: dict[str, np.ndarray], wrong: str) -> None:
    with pytest.raises(ConversionError, match=wrong):
        quantize(arrays=arrays)


def test_samples_that_the_model_cannot_run(quantize: Quantize) -> None:
    nodes = [node("Gather", ["table", "tokens"], ["x"]), node("MatMul", ["x", "w"], ["y"])]
    ends = {"tokens": (7, ["n", 4])}, {"y": (1, ["n", 4, 4])}
    model = graphs.graph(nodes, *ends, {"table": weights(5, 4), "w": weights(4, 4)})
    wrong = r"ONNX Runtime cannot run the model on the samples of --calibrate \(Gather node .*; give samples that suit"
    with pytest.raises(ConversionError, match=wrong):
        quantize(model, {"tokens": np.arange(36).reshape(9, 4)})


@pytest.mark.parametrize(
    ("count", "wrong"), [(16, None), (2, "There are 2 samples"), (15, r"shape \[15, 3, 8, 8\], but the model's input")]
)
def test_a_model_with_a_fixed_batch_takes_many_batches(quantize: Quantize, count: int, wrong: str | None) -> None:
    if wrong is None:
        assert quantize(cnn(batch=2), {"image": images(count)}).agreements[0].rows == count
        return
    with pytest.raises(ConversionError, match=wrong):
        quantize(cnn(batch=2), {"image": images(count)})


def test_old_operator_sets_get_scales_per_channel(quantize: Quantize) -> None:
    found = quantize(cnn(opset=11))
    assert found.proto.opset_import[0].version == 13
    assert found.agreements[0].signal_to_noise > 35


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"keep_float": [""]}, "--keep_float '': the model has no such layer"),
        ({"keep_float": ["c9"]}, "--keep_float c9: the model has no such layer; did you mean `c3`?"),
        ({"keep_float": ["c1", "c2", "c3", "logits"]}, "The model has no layer to quantize"),
    ],
)
def test_wrong_layers(quantize: Quantize, settings: dict[str, Any], wrong: str) -> None:
    with pytest.raises(ConversionError, match=wrong):
        quantize(**settings)


def test_a_quantized_model_is_not_quantized_again(quantize: Quantize) -> None:
    found = quantize()
    with pytest.raises(ConversionError, match="The model is quantized already: node `image/QuantizeLinear` is a"):
        quantize(whole_model(found.proto, found.weights))


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ({"quantize": "int4"}, "--quantize int4: must be one of int8, dynamic"),
        (
            {"quantize": "int8", "calibration_method": "kl"},
            "--calibration_method kl: must be one of minmax",
        ),
        ({"quantize": "int8", "max_loss": "1.5"}, "--max_loss 1.5: expected a number from 0 to below 1"),
        ({"quantize": "int8", "max_loss": "top5=0.1"}, "the kinds are top1, rms, auc"),
        ({"keep_float": ["c1"]}, "--keep_float has no meaning without --quantize int8"),
        ({"max_loss": 0.0}, "--max_loss has no meaning without --quantize int8"),
        ({"quantize": "int8", "max_loss": "nan"}, "--max_loss nan: expected a number from 0 to below 1"),
        ({"quantize": "dynamic", "max_loss": "0.1"}, "--max_loss has no meaning with --quantize dynamic"),
    ],
)
def test_wrong_options(given: dict[str, Any], wrong: str) -> None:
    names = ("quantize", "weights", "precision", "calibrate", "calibration_method", "keep_float", "max_loss")
    with pytest.raises(UsageError, match=wrong.replace("?", r"\?")):
        Settings.of(dict.fromkeys(names) | given)


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({}, "--quantize int8 needs samples to calibrate with; give --calibrate or --path_to_fv"),
        ({"stream": "n", "path_to_fv": Path("fv.npz")}, "--quantize needs a model without states"),
    ],
)
def test_options_that_conflict(options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        Options(Path("out"), "m", quantization=Settings("int8"), **options)


def _lstm() -> onnx.ModelProto:
    """A MatMul, an LSTM and a Gemm over sequences [5, n, 4]."""
    nodes = [
        node("MatMul", ["x", "k"], ["h"]),
        node("LSTM", ["h", "w", "r", "b"], ["", "state"], hidden_size=6),
        node("Squeeze", ["state", "zero"], ["last"]),
        node("Gemm", ["last", "v", "c"], ["y"]),
    ]
    constants = {
        "k": weights(4, 8),
        "w": weights(1, 24, 8, seed=1),
        "r": weights(1, 24, 6, seed=2),
        "b": weights(1, 48, seed=3),
        "zero": np.array([0]),
        "v": weights(6, 2, seed=4),
        "c": weights(2, seed=5),
    }
    return graphs.graph(nodes, {"x": (1, [5, "n", 4])}, {"y": (1, ["n", 2])}, constants)


def _model(converted: Converted) -> onnx.ModelProto:
    return onnx.load(converted.model_info / "model.onnx")


def _open(model: onnx.ModelProto, folder: Path) -> Source:
    return open_onnx(graphs.save(model, folder / "dynamic.onnx"))


def test_dynamic_quantization_needs_no_samples(tmp_path: Path) -> None:
    converted = convert(_open(_lstm(), tmp_path), Options(tmp_path / "out", "m", quantization=Settings("dynamic")))
    found = [node.op_type for node in _model(converted).graph.node]
    assert found.count("DynamicQuantizeLinear") == 2
    assert found.count("MatMulInteger") == 2
    assert found.count("DynamicQuantizeLSTM") == 1
    assert converted.agreements[0].signal_to_noise > 35
    section = read_report(converted.model_info / "report.html")["quantization"]
    assert section["mode"] == "dynamic"
    assert [layer["layer"] for layer in section["layers"]] == ["h", "y", "state"]


def test_an_infinite_difference_is_the_limit_of_the_crate(tmp_path: Path) -> None:
    model = graphs.graph(
        [node("MatMul", ["x", "w"], ["y"])],
        {"x": (1, ["n", 4])},
        {"y": (1, ["n", 4])},
        {"w": np.full((4, 4), 3e38, np.float32)},
    )
    converted = convert(_open(model, tmp_path), Options(tmp_path / "out", "m", quantization=Settings("dynamic")))
    text = (converted.crate / "tests" / "predictions.rs").read_text()
    assert "Agreement { largest: f64::INFINITY, rms: f64::INFINITY, classes: 0, same: 0 }" in text


def test_dynamic_quantization_needs_weights(tmp_path: Path) -> None:
    model = graphs.graph([node("Relu", ["x"], ["y"])], {"x": (1, ["n"])}, {"y": (1, ["n"])})
    with pytest.raises(ConversionError, match="--quantize dynamic needs a MatMul, Gemm or LSTM"):
        convert(_open(model, tmp_path), Options(tmp_path / "out", "m", quantization=Settings("dynamic")))


def test_the_agreement_is_in_the_reports(tmp_path: Path) -> None:
    converted = _convert_cnn(Crates(tmp_path))
    (found,) = converted.agreements
    assert converted.as_json()["agreements"] == [found.as_json()]
    for content in (
        read_report(converted.model_info / "report.html"),
        json.loads((converted.model_info / "model_architecture.json").read_text()),
    ):
        section = content["quantization"]
        assert (section["mode"], section["calibration_method"], section["samples"]) == ("int8", "mse", 24)
        assert section["outputs"] == [found.as_json()]
        assert [layer["node"] for layer in section["layers"]] == ["c1", "c2", "c3", "logits"]
    with np.load(converted.crate / "testdata" / "features.npz") as features:
        assert features["float_predictions"].shape == features["predictions"].shape == (24, 5)


@pytest.mark.targets
def test_the_crates_agree_with_the_float_models(tmp_path: Path) -> None:
    crates = Crates(tmp_path)
    _convert_cnn(crates)
    crates.add("dynamic", _open(_lstm(), tmp_path), quantization=Settings("dynamic"))
    crates.build()
    for name in ("cnn", "dynamic"):
        done = crates.cargo("test", "--release", "--test", "predictions", "-p", name, "--", "--nocapture")
        assert "from the float model: at most" in done


def _convert_cnn(crates: Crates) -> Converted:
    """Converts the classifier, calibrated on 24 samples."""
    np.savez(crates.folder / "samples.npz", image=images(24))
    source = open_onnx(graphs.save(cnn(), crates.folder / "cnn.onnx"))
    return crates.add("cnn", source, quantization=Settings("int8", crates.folder / "samples.npz"))
