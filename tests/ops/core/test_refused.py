"""Operands that do not fit their operator are refused by the matcher, not by the code generator."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.models.graphs import save
from tests.ops.nodes import Node, const, floats, integers, node, symbolic
from tf2rust.conversion import match_layers
from tf2rust.source import open_onnx

_IMAGE, _KERNEL = floats(1, 3, 5, 5), const(floats(4, 3, 2, 2), "float32")
_TURNED = const(floats(3, 4, 2, 2), "float32")
_CACHE = floats(2, 3, 6, 4)

MISFITS: dict[str, tuple[Node, str]] = {
    "reverse_by_lengths_of_rank_3": (
        node("ReverseSequence", floats(5, 3, 2), integers(5, 3, 2), time_axis=0, batch_axis=1),
        "of rank 3, but ReverseSequence requires rank 1",
    ),
    "reverse_on_other_axes": (
        node("ReverseSequence", floats(5, 3, 2), integers(5), time_axis=1, batch_axis=2),
        "do not match: time and batch must be axes 0 and 1",
    ),
    "scatter_by_a_scalar": (
        node("ScatterND", integers(6, 2), const(2), integers(3, 2)),
        "of rank 0, but ScatterND requires rank at least 1",
    ),
    "gather_deeper_than_data": (node("GatherND", floats(6, 2), const([[0, 1, 0]])), "do not index 2 axes"),
    "empty_bias": (node("Conv", _IMAGE, _KERNEL, const([], "float32")), "does not match 4 filters"),
    "long_bias": (node("ConvTranspose", _IMAGE, _TURNED, const([1.0] * 5, "float32")), "does not match 4 filters"),
    "cache_of_another_rank": (node("TensorScatter", _CACHE, floats(3, 4), opset=24), "have different ranks"),
    "regions_of_rank_1": (node("MaxRoiPool", _IMAGE, floats(5), pooled_shape=[2, 2]), "MaxRoiPool requires rank 2"),
    "regions_of_four_numbers": (node("MaxRoiPool", _IMAGE, floats(2, 4), pooled_shape=[2, 2]), "have 4 numbers each"),
    "regions_of_integers": (node("MaxRoiPool", _IMAGE, integers(2, 5), pooled_shape=[2, 2]), "unsupported dtype int64"),
    "regions_to_one_number": (node("MaxRoiPool", _IMAGE, floats(2, 5), pooled_shape=[2]), "`pooled_shape` is [2]"),
    "regions_to_nothing": (node("MaxRoiPool", _IMAGE, floats(2, 5), pooled_shape=[0, 2]), "`pooled_shape` is [0, 2]"),
    "regions_without_scale": (
        node("MaxRoiPool", _IMAGE, floats(2, 5), pooled_shape=[2, 2], spatial_scale=0.0),
        "`spatial_scale` is 0.0, which must be positive",
    ),
    "number_of_another_dtype": (
        node("Pad", integers(3, 2, low=0, dtype="uint32"), const([1, 0, 0, 2]), const(2**63 - 1)),
        "it pads uint32 with int64",
    ),
    "reshape_to_a_rank_of_data": (
        node("Reshape", floats(6), symbolic(integers(2), 0)),
        "its input `x1` (shape) has the shape [d2], but its length must be known",
    ),
    "axes_of_a_number_of_data": (
        node("ReduceSum", floats(6, 2), symbolic(integers(2), 0)),
        "its input `x1` (axes) has the shape [d2], but its length must be known",
    ),
    "tile_of_another_rank": (node("Tile", floats(6), integers(2)), "it has 2 repeats for an input of rank 1"),
    "more_axes_than_the_tensor": (node("ReduceSum", floats(6), integers(2)), "it reduces 2 axes of a tensor of rank 1"),
    "more_axes_than_supported": (node("Reshape", floats(6), integers(9)), "its result has 9 axes"),
    "shape_of_two_billion_sizes": (
        node("ConstantOfShape", np.lib.stride_tricks.as_strided(np.zeros(1, np.int64), (2**31 - 1,), (0,))),
        "its shape has 2147483647 dimensions",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_misfits_are_reasons(name: str, tmp_path: Path) -> None:
    misfit, reason = MISFITS[name]
    model = misfit.model(name)
    # ONNX' own inference, which finds no shape for such nodes, has left the output without one.
    declared = helper.make_tensor_value_info("y0", onnx.TensorProto.FLOAT, [1])
    model.graph.output[0].CopyFrom(declared)
    found, _ = match_layers(open_onnx(save(model, tmp_path / "model.onnx")))
    assert reason in " ".join(u.reason for u in found.unmatched)
