"""``tf2rust verify --layers``: which results belong to a layer, and how an error is measured."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.crates import TARGET, TF_LAYERS
from tests.models import graphs
from tests.models.states import STATEFUL
from tf2rust.cli import app
from tf2rust.conversion import Options, convert, match_layers
from tf2rust.errors import ConversionError
from tf2rust.layer_errors import LayerError, _error, _results, _with_outputs, as_text, layer_errors
from tf2rust.source import open_onnx

ULP = 2.0**-23
"""The distance of neighbouring float32 numbers from 1 to 2."""


@pytest.mark.parametrize(
    ("found", "wide", "expected"),
    [
        ([1.0, -1.5], [1.0, -1.5], (1.5, 0.0, 0.0)),
        ([1.0, -1.5], [1.0 + 3 * ULP, -1.5], (1.5, 3 * ULP, 3.0)),
        ([0.0, 1.0], [ULP / 2, 1.0], (1.0, ULP / 2, 0.5)),
        ([4.0, 5.0], [4.0, 5.0 + 4 * ULP], (5.0 + 4 * ULP, 4 * ULP, 1.0)),
        ([np.inf, np.nan, 1.0], [np.inf, np.nan, 1.0 + ULP], (1.0 + ULP, ULP, 1.0)),
        ([0.0], [0.0], (0.0, 0.0, 0.0)),
    ],
)
def test_errors_are_measured_at_the_largest_result(
    found: list[float], wide: list[float], expected: tuple[float, float, float]
) -> None:
    error = _error("a", "Dense", "float64", [(np.array(found, np.float32), np.array(wide))])
    assert error is not None
    assert (error.magnitude, error.largest, error.ulps) == pytest.approx(expected)


@pytest.mark.parametrize("array", [np.zeros(3, np.int64), np.zeros(0, np.float32)])
def test_results_without_numbers_in_float32_are_left_out(array: np.ndarray) -> None:
    assert _error("a", "Shape", "float64", [(array, array)]) is None
    assert _error("a", "Shape", "float64", []) is None


def test_a_layer_hands_over_what_others_read(tmp_path: Path) -> None:
    """A layer of several nodes has the result of its last node, and the model's own outputs are not repeated."""
    source = open_onnx(graphs.save(graphs.mlp(), tmp_path / "mlp.onnx"))
    _, graph = match_layers(source)
    results = {layer.kind + str(i): names for i, (layer, names) in enumerate(_results(source.proto, graph))}
    assert [len(names) for names in results.values()] == [1, 1, 1]
    inspected = _with_outputs(source, [name for names in results.values() for name in names])
    outputs = [output.name for output in inspected.proto.graph.output]
    assert len(set(outputs)) == len(outputs) == 3
    assert {name for names in results.values() for name in names} == set(outputs)
    assert all(output.type.tensor_type.elem_type for output in inspected.proto.graph.output)


def test_a_table_of_errors() -> None:
    errors = [LayerError("a\x1b" + "b" * 60, "Dense", "float64", 1.5, 3 * ULP, 3.0)]
    head, line, last = as_text(errors).splitlines()
    assert head.split() == ["layer", "kind", "largest", "result", "largest", "error", "ULP"]
    assert line.split()[-1] == "3.0"
    assert "\x1b" not in line
    assert "…" in line
    assert last == "largest error: distance of the Rust crate from float64 after this layer"


def test_a_model_with_a_state_is_refused(tmp_path: Path) -> None:
    stateful = STATEFUL["average"]
    source = open_onnx(graphs.save(stateful.build(), tmp_path / "average.onnx"))
    convert(source, Options(tmp_path / "out", "average", states=stateful.states))
    with pytest.raises(ConversionError, match="has a state, and the errors of layers are measured only for models"):
        layer_errors(tmp_path / "out")


@pytest.mark.targets
def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CARGO_TARGET_DIR", str(TARGET))
    monkeypatch.setenv("RUSTFLAGS", "-D warnings")
    source = open_onnx(graphs.save(graphs.image(), tmp_path / "image.onnx"))
    convert(source, Options(tmp_path / "out", "image", tf_layers=TF_LAYERS))
    result = CliRunner().invoke(app, ["verify", str(tmp_path / "out"), "--layers", "--json"])
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["layers"]
    kinds = [row["kind"] for row in found]
    assert any("Conv" in kind for kind in kinds)
    assert all(row["reference"] == "float64" and 0 <= row["ulps"] < 100 for row in found)
    assert max(row["ulps"] for row in found) > 0
