"""``tf2rust.convert`` from Python."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import tf2rust
from tests.models import graphs


def test_convert(tmp_path: Path) -> None:
    model = graphs.save(graphs.mlp(), tmp_path / "mlp.onnx")
    converted = tf2rust.convert(model, tmp_path / "out", "my-model", enable_inplace=False, dims={"batch": 2})
    assert converted.crate == tmp_path / "out" / "rust_generated_code"
    assert "struct MyModelModel" in (converted.crate / "src" / "model.rs").read_text()
    assert [row.kind for row in converted.listing.layers] == ["Dense", "Dense", "Softmax"]


def test_quantize(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).normal(size=(16, 5)).astype(np.float32)
    options = {"quantize": "int8", "calibrate": rows, "calibration_method": "minmax", "max_loss": 0.5}
    converted = tf2rust.convert(graphs.mlp(), tmp_path / "out", "m", **options)  # type: ignore[arg-type]
    (found,) = converted.agreements
    assert found.signal_to_noise > 25
    assert found.rows == 16


def test_a_missing_file_is_a_conversion_error(tmp_path: Path) -> None:
    for name in ("absent.onnx", "absent.keras"):
        with pytest.raises(tf2rust.ConversionError, match="absent"):
            tf2rust.convert(tmp_path / name, tmp_path / "out", "m")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"model_name": " "}, "--model_name is empty"),
        ({"model_name": 5}, "--model_name is empty or not a string"),
        ({"dims": {"batch": "3"}}, "--dim batch='3': the size must be an integer"),
        ({"dims": {"batch": -3}}, "--dim batch=-3"),
        ({"dims": {"batch": True}}, "--dim batch=True"),
        ({"dims": {"batch": None}}, "--dim batch=None"),
        ({"dims": {"batch": 1 << 31}}, "from 1 to 2147483647"),
        ({"dims": {"batch": (1, 1 << 31)}}, "from 1 to 2147483647"),
        ({"dims": {"batch": (4, 2)}}, "two sizes, the smaller first"),
        ({"dims": {"batch": (1, 2, 3)}}, "two sizes, the smaller first"),
        ({"dims": {"batch": (2, 4)}, "stream": "batch"}, "--dim batch: --stream takes chunks of any length"),
        ({"tf_layers": "nowhere"}, "nowhere: the folder has no Cargo.toml"),
        ({"rates": {"low": "0.1"}}, "a rate between 0 and 1"),
        ({"rates": {"low": float("nan")}}, "a rate between 0 and 1"),
        ({"rates": {"lowest": 0.5}}, "a rate between 0 and 1"),
        ({"rates": {"low": 0.5}}, "the rates must descend"),
        ({"rates": {"low": 0.05}, "thresholds": "thresholds.json"}, "give thresholds or rates"),
        ({"binary_classification": "false"}, "--binary_classification 'false'"),
        ({"quantize": "int4"}, "--quantize int4: must be one of int8, dynamic"),
        ({"quantize": "int8"}, "--quantize int8 needs samples to calibrate with"),
        ({"quantize": "int8", "max_loss": 2}, "--max_loss 2: expected a number from 0 to below 1"),
        (
            {"quantize": "int8", "calibrate": np.ones((9, 4)), "keep_float": ["a", 5]},
            "--keep_float 5: must be the name",
        ),
        ({"path_to_fv": {"x": [[1, 2], [3]]}}, "path_to_fv: the values are not an array"),
        ({"thresholds": {"low": "x"}}, "thresholds: give a path, or a number for each level"),
        ({"labels": 5}, "labels: give a path or the class names by index"),
        ({"max_memory": 0}, "--max_memory 0"),
        ({"time_limit": -1}, "--time_limit -1"),
    ],
)
def test_options_of_no_meaning(tmp_path: Path, options: dict[str, object], sentence: str) -> None:
    model = graphs.save(graphs.mlp(), tmp_path / "mlp.onnx")
    with pytest.raises(tf2rust.UsageError, match=re.escape(sentence)):
        tf2rust.convert(model, tmp_path / "out", **{"model_name": "m", **options})  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_numbers_of_numpy_and_limits_as_numbers(tmp_path: Path) -> None:
    model = graphs.save(graphs.mlp(), tmp_path / "mlp.onnx")
    dims = {"batch": np.int64(2)}
    converted = tf2rust.convert(
        model,
        tmp_path / "out",
        "m",
        dims=dims,  # type: ignore[arg-type]
        rates={"low": 0.05},
        max_memory=8 << 30,
        time_limit=600,
    )
    assert converted.crate.is_dir()
