"""``tf2rust.convert`` from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

import tf2rust
from tests.models import graphs


def test_convert(tmp_path: Path) -> None:
    model = graphs.save(graphs.mlp(), tmp_path / "mlp.onnx")
    converted = tf2rust.convert(model, tmp_path / "out", "my-model", enable_inplace=False, dims={"batch": 2})
    assert converted.crate == tmp_path / "out" / "rust_generated_code"
    assert "struct MyModelModel" in (converted.crate / "src" / "model.rs").read_text()
    assert [row.kind for row in converted.listing.layers] == ["Dense", "Dense", "Softmax"]


def test_a_missing_file_is_a_conversion_error(tmp_path: Path) -> None:
    for name in ("absent.onnx", "absent.keras"):
        with pytest.raises(tf2rust.ConversionError, match="absent"):
            tf2rust.convert(tmp_path / name, tmp_path / "out", "m")
