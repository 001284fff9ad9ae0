"""Which elements a Resize takes: in exact arithmetic as ONNX defines it, and rounded as ONNX Runtime does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.ops.image.test_resize_onnx import NEAREST, POSITIONS, elements
from tf2rust.conversion import match_layers
from tf2rust.onnx_import.load import run_onnx
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.proof.reference import positions
from tf2rust.proof.reference.positions import with_exact_positions
from tf2rust.source import Source

MODES = [(coordinates, nearest) for coordinates in POSITIONS for nearest in NEAREST]
PAIRS = [(7, 38), (10, 12), (14, 4), (18, 21), (20, 6), (26, 28), (36, 50), (40, 26), (56, 1), (64, 39), (1, 5), (9, 3)]
"""Sizes before and after: by most modes, ONNX Runtime departs from ONNX for some of them."""


def _model(coordinates: str, nearest: str, *dims: tuple[int, int]) -> onnx.ModelProto:
    """An input of as many axes as there are ``dims``, each resized from the first number to the second."""
    sizes = helper.make_tensor("sizes", onnx.TensorProto.INT64, [len(dims)], [after for _, after in dims])
    attributes = {"mode": "nearest", "coordinate_transformation_mode": coordinates, "nearest_mode": nearest}
    graph = helper.make_graph(
        [helper.make_node("Resize", ["x", "", "", "sizes"], ["y"], name="resize", **attributes)],
        "resize",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [before for before, _ in dims])],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, None)],
        [sizes],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def _matched(model: onnx.ModelProto) -> LayerGraph:
    return match_layers(Source(Path("model.onnx"), model, "ONNX Runtime", lambda _: {}))[1]


@pytest.mark.parametrize(("coordinates", "nearest"), MODES)
def test_elements_are_those_of_onnx_and_of_onnx_runtime(coordinates: str, nearest: str) -> None:
    for size, wanted in PAIRS:
        model = _model(coordinates, nearest, (1, 1), (size, wanted))
        x = np.arange(size, dtype=np.float32)[np.newaxis]
        exact = elements(coordinates, nearest, size, wanted)
        rounded = run_onnx(model, {"x": x})["y"][0].astype(int).tolist()
        corrected, names = with_exact_positions(model, _matched(model), {"x": x})
        assert run_onnx(corrected, {"x": x})["y"][0].astype(int).tolist() == exact, (size, wanted)
        assert names == ["resize"] * (exact != rounded), (size, wanted)


def test_axes_are_corrected_one_after_the_other() -> None:
    model = _model("asymmetric", "floor", (14, 4), (3, 3), (18, 21))
    x = np.random.default_rng(1).normal(size=(14, 3, 18)).astype(np.float32)
    corrected, _ = with_exact_positions(model, _matched(model), {"x": x})
    rows, columns = elements("asymmetric", "floor", 14, 4), elements("asymmetric", "floor", 18, 21)
    assert np.array_equal(run_onnx(corrected, {"x": x})["y"], x[rows][:, :, columns])
    assert not np.array_equal(run_onnx(model, {"x": x})["y"], x[rows][:, :, columns])


def test_free_sizes_are_those_of_the_samples() -> None:
    model = _model("asymmetric", "floor", (14, 4))
    model.graph.input[0].type.tensor_type.shape.dim[0].dim_param = "length"
    graph = _matched(model)
    for size, names in ((14, ["resize"]), (13, [])):
        x = np.arange(size, dtype=np.float32)
        corrected, found = with_exact_positions(model, graph, {"x": x})
        assert (found, corrected is model) == (names, not names)
        assert run_onnx(corrected, {"x": x})["y"].astype(int).tolist() == elements("asymmetric", "floor", size, 4)


def test_a_size_that_only_the_run_tells_is_left_to_onnx_runtime() -> None:
    (layer,) = _matched(_model("asymmetric", "floor", (14, 4))).layers
    assert positions.elements(layer, {}) == {0: [0, 3, 7, 10]}  # type: ignore[arg-type]
