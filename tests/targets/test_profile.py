"""``tf2rust profile`` of a crate that cargo builds and measures."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crates import TARGET, TF_LAYERS
from tests.models import graphs
from tf2rust.conversion import Options, convert
from tf2rust.converted.profiling import profile
from tf2rust.source import open_onnx


@pytest.mark.targets
def test_the_time_of_every_layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARGO_TARGET_DIR", str(TARGET))
    source = open_onnx(graphs.save(graphs.mlp(), tmp_path / "mlp.onnx"))
    convert(source, Options(tmp_path / "out", "measured", tf_layers=TF_LAYERS))
    runs = profile(tmp_path / "out")
    assert [run.batch for run in runs] == [1, 64]
    for run in runs:
        assert [layer.kind for layer in run.layers] == ["Dense", "Dense", "Softmax"]
        assert all(layer.seconds > 0 and layer.calls > 0 for layer in run.layers)
        assert run.layers[0].multiply_adds == run.layers[0].calls * run.batch * 5 * 4
    assert not (tmp_path / "out" / "rust_generated_code" / "profile.json").exists()
