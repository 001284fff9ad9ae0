"""Weights outside the graph: nothing is lost, and the weights are never all copied."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from tests.crates import TF_LAYERS
from tests.models import graphs
from tf2rust.conversion import Options, convert
from tf2rust.errors import ConversionError
from tf2rust.onnx_import import weights
from tf2rust.onnx_import.load import OnnxRuntime, run_onnx
from tf2rust.onnx_import.weights import LARGE, split_weights, whole_model, without_weights
from tf2rust.source import open_onnx

DTYPES = ["float16", "float32", "float64", "bool", "int8", "uint8", "int16", "uint32", "int64", "uint64"]


def _dense(units: int, layers: int) -> onnx.ModelProto:
    kernel = np.random.default_rng(1).standard_normal((layers, units, units)).astype(np.float32) / units
    nodes = [graphs.node("MatMul", [f"x{i}", f"w{i}"], [f"x{i + 1}"]) for i in range(layers)]
    ends = [{name: (TensorProto.FLOAT, ["n", units])} for name in ("x0", f"x{layers}")]
    return graphs.graph(nodes, ends[0], ends[1], {f"w{i}": kernel[i] for i in range(layers)})


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_model_that_was_split_is_the_same_in_one_piece(dtype: str) -> None:
    model = graphs.mlp()
    array = (np.arange(2000).reshape(50, 40) % 3).astype(dtype)
    model.graph.initializer.append(numpy_helper.from_array(array, "large"))
    model.metadata_props.add(key="who", value="nobody")
    light, arrays = split_weights(model)
    np.testing.assert_array_equal(arrays["large"], array, strict=True)
    assert light.ByteSize() < LARGE
    assert whole_model(light, arrays) == model


def test_what_is_small_or_no_plain_array_stays_in_the_graph() -> None:
    model = _dense(2, 1)
    model.graph.initializer.append(onnx.helper.make_tensor("listed", TensorProto.FLOAT, [300], [0.5] * 300))
    model.graph.initializer.append(onnx.helper.make_tensor("text", TensorProto.STRING, [300], [b"abcdef"] * 300))
    light, arrays = split_weights(model)
    assert arrays == {}
    assert light == model


def test_bytes_that_do_not_fit_the_shape_are_refused(tmp_path: Path) -> None:
    model = _dense(32, 1)
    model.graph.initializer[0].raw_data = model.graph.initializer[0].raw_data[:-4]
    with pytest.raises(ConversionError, match=r"weights `w0` have 4092 bytes, but float32 \[32, 32\] requires 4096"):
        open_onnx(graphs.save(model, tmp_path / "model.onnx"))


def test_onnx_runtime_reads_the_arrays() -> None:
    model = _dense(32, 2)
    inputs = {"x0": np.random.default_rng(2).standard_normal((3, 32)).astype(np.float32)}
    light, arrays = split_weights(model)
    np.testing.assert_array_equal(OnnxRuntime(light, arrays)(inputs)["x2"], run_onnx(model, inputs)["x2"])


@pytest.mark.parametrize("ir_version", [3, 8])
def test_without_weights_they_are_inputs(ir_version: int) -> None:
    model = _dense(32, 2)
    model.ir_version = ir_version
    if ir_version == 3:
        model.graph.input.add().CopyFrom(onnx.helper.make_tensor_value_info("w0", TensorProto.FLOAT, [32, 32]))
    light = without_weights(split_weights(model)[0])
    assert sorted(v.name for v in light.graph.input) == ["w0", "w1", "x0"]
    assert not light.graph.initializer
    onnx.checker.check_model(light, full_check=True)


def test_a_conversion_holds_the_weights_once(tmp_path: Path) -> None:
    model = _dense(1024, 8)
    size = model.ByteSize()
    path = graphs.save(model, tmp_path / "model.onnx")
    tracemalloc.start()
    converted = convert(open_onnx(path), Options(tmp_path / "out", "dense", tf_layers=TF_LAYERS))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The arrays, what takes no more room in a larger model (1.5 MB for the templates alone), and one kernel or two.
    assert peak < size + 16_000_000
    written = onnx.load_model(converted.model_info / "model.onnx")
    assert written == model


def test_beyond_the_limit_of_protobuf_the_weights_have_a_file_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _dense(32, 2)
    path = graphs.save(model, tmp_path / "model.onnx")
    monkeypatch.setattr(weights, "MOST_BYTES", 8000)
    converted = convert(open_onnx(path), Options(tmp_path / "out", "dense", tf_layers=TF_LAYERS))
    written = converted.model_info / "model.onnx"
    assert written.stat().st_size < 1000
    assert (converted.model_info / "model.onnx.data").stat().st_size == 2 * 32 * 32 * 4
    loaded = onnx.load_model(written)
    for tensor in loaded.graph.initializer:
        tensor.ClearField("data_location")
    assert loaded == model
    again = open_onnx(written)
    np.testing.assert_array_equal(again.weights["w1"], numpy_helper.to_array(model.graph.initializer[1]))


def test_beyond_the_limit_of_protobuf_only_onnx_runtime_runs_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    light, arrays = split_weights(_dense(32, 2))
    monkeypatch.setattr(weights, "MOST_BYTES", 8000)
    with pytest.raises(ConversionError, match=r"cannot run a model with 0\.0 GB of weights"):
        whole_model(light, arrays)
    assert OnnxRuntime(light, arrays)({"x0": np.ones((1, 32), np.float32)})["x2"].shape == (1, 32)


@pytest.mark.parametrize("one_file", [True, False])
def test_external_data_in_one_or_several_files(one_file: bool, tmp_path: Path) -> None:
    model = _dense(32, 3)
    whole = graphs.save(model, tmp_path / "whole.onnx")
    path = tmp_path / "parts" / "model.onnx"
    path.parent.mkdir()
    onnx.save_model(model, str(path), save_as_external_data=True, all_tensors_to_one_file=one_file, size_threshold=0)
    assert len(list(path.parent.iterdir())) == (2 if one_file else 4)
    crates = [convert(open_onnx(p), Options(tmp_path / p.stem, "m", tf_layers=TF_LAYERS)).crate for p in (whole, path)]
    first, second = ((crate / "model" / "model_weights.npz").read_bytes() for crate in crates)
    assert first == second
