"""Inputs bound at conversion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto
from typer.testing import CliRunner

from tests.models import graphs
from tf2rust.cli import app
from tf2rust.conversion import match_layers
from tf2rust.source import open_onnx


def _sum_over_axes() -> onnx.ModelProto:
    return graphs.graph(
        [graphs.node("ReduceSum", ["x", "axes"], ["y"], keepdims=0)],
        {"x": (TensorProto.FLOAT, ["n", 3, 4]), "axes": (TensorProto.INT64, [1])},
        {"y": (TensorProto.FLOAT, ["n", 3])},
    )


def test_a_bound_input_is_a_constant(tmp_path: Path) -> None:
    path = graphs.save(_sum_over_axes(), tmp_path / "model.onnx")
    found, graph = match_layers(open_onnx(path))
    assert not found.unmatched
    assert [v.name for v in graph.inputs] == ["x", "axes"]
    found, graph = match_layers(open_onnx(path, {"axes": np.asarray([2])}))
    assert not found.unmatched
    assert [v.name for v in graph.inputs] == ["x"]
    assert [v.rank for _, v in graph.outputs] == [2]


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"axis": np.asarray([2])}, "the model has no input `axis`; its inputs are: `x`, `axes`"),
        ({"axes": np.asarray([2], np.int32)}, "input `axes` is int64 [1], but the array is int32 [1]"),
        ({"axes": np.asarray([1, 2])}, "input `axes` is int64 [1], but the array is int64 [2]"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], sentence: str) -> None:
    path = graphs.save(_sum_over_axes(), tmp_path / "model.onnx")
    np.savez(tmp_path / "constants.npz", **arrays)
    done = CliRunner().invoke(app, ["patterns", str(path), "--constants", str(tmp_path / "constants.npz")])
    assert done.exit_code == 2
    assert sentence in done.stderr


@pytest.mark.parametrize(("content", "sentence"), [(None, "does not exist"), (b"PK", "is not a readable NPZ file")])
def test_files_that_are_none_are_refused(tmp_path: Path, content: bytes | None, sentence: str) -> None:
    path = graphs.save(_sum_over_axes(), tmp_path / "model.onnx")
    if content is not None:
        (tmp_path / "constants.npz").write_bytes(content)
    done = CliRunner().invoke(app, ["patterns", str(path), "--constants", str(tmp_path / "constants.npz")])
    assert done.exit_code == 1
    assert sentence in done.stderr
