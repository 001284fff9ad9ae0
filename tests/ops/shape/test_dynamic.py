"""Shapes, repeats, axes, bounds and pads that are inputs of the model, against ONNX Runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import Node, check_node, const, floats, integers, named, node, symbolic


def ints(*numbers: int) -> np.ndarray:
    """A list of integers that is an input of the model."""
    return np.asarray(numbers, np.int64)


def int32(*numbers: int) -> np.ndarray:
    return np.asarray(numbers, np.int32)


def refused(op: str, *inputs: Any, **attributes: Any) -> Node:
    """A node whose parameters are impossible, so that the crate returns an error."""
    nothing = (np.zeros(0, np.float32),) * attributes.get("outputs", 1)
    return node(op, *inputs, exact=lambda *_: nothing, **attributes)


PIXELS = floats(1, 2, 5, 6)


def resized(
    sizes: np.ndarray | None = None, region: np.ndarray | None = None, *, scales: Any = None, **options: Any
) -> Node:
    """A Resize by sizes or scales that are an input of the model."""
    given = None if scales is None else np.asarray(scales, np.float32)
    return node("Resize", symbolic(PIXELS, 2), region, given, sizes, opset=19, **options)


HALVES = {"kernel_shape": [2, 2], "strides": [2, 2], "by_reference": True}
PLACES = np.asarray([[[[5, 7], [13, 15]]]])
IMAGE = floats(2, 3, 4, 5)
TABLE_NAME = "dynamic"
POSSIBLE = {
    "reshape": node("Reshape", symbolic(IMAGE, 0, 2), ints(6, 20)),
    "reshape_to_rest": node("Reshape", IMAGE, ints(4, -1, 3)),
    "reshape_copies": node("Reshape", IMAGE, ints(0, -1, 0)),
    "reshape_of_none": node("Reshape", floats(0, 3), ints(3, 4, 0), allowzero=1),
    "reshape_to_scalar_axis": node("Reshape", floats(1), ints(1, 1, 1)),
    "reshape_integers": node("Reshape", integers(2, 6), ints(3, 4)),
    "expand": node("Expand", floats(3, 1), ints(2, 1, 6)),
    "expand_lower_rank": node("Expand", floats(2, 3, 1), ints(4)),
    "expand_unchanged": node("Expand", floats(2, 3), ints(1, 1)),
    "expand_free": node("Expand", symbolic(floats(3, 1), 0), ints(3, 2)),
    "expand_to_none": node("Expand", floats(3, 1), ints(3, 0)),
    "tile": node("Tile", symbolic(floats(2, 3), 0), ints(2, 3)),
    "tile_none": node("Tile", floats(2, 3), ints(0, 1)),
    "unsqueeze": node("Unsqueeze", floats(3, 4), ints(-1, 0)),
    "unsqueeze_one": node("Unsqueeze", floats(3, 4), np.asarray(1)),
    "squeeze": node("Squeeze", floats(1, 3, 1, 4), ints(-2, 0)),
    "squeeze_none": node("Squeeze", floats(3, 4), np.zeros(0, np.int64)),
    "slice": node("Slice", symbolic(floats(5, 6), 0), ints(1, -9), ints(-1, 4)),
    "slice_axes": node("Slice", floats(5, 6), ints(2), ints(1000), ints(-1)),
    "slice_constant_axis": node("Slice", floats(5, 6), ints(2), ints(5), const([1])),
    "slice_constant_start": node("Slice", floats(5, 6), const([1]), ints(5), const([1])),
    "slice_steps": node("Slice", floats(5, 6), ints(4, 0), ints(-9, 9), ints(0, 1), ints(-2, 3)),
    "slice_int32": node("Slice", floats(5, 6), int32(-9), int32(-7), int32(0), int32(-1)),
    "slice_to_nothing": node("Slice", floats(5, 6), ints(4), ints(2)),
    **{
        f"{op}_{'kept' if keepdims else 'removed'}": node(op, IMAGE, ints(-1, 1), keepdims=keepdims)
        for op in ("ReduceMean", "ReduceSum", "ReduceMax", "ReduceL2", "ReduceLogSumExp")
        for keepdims in (0, 1)
    },
    "reduce_all": node("ReduceSum", symbolic(IMAGE, 0), ints(0, 3, 1, 2), keepdims=0),
    "reduce_first": node("ReduceMin", symbolic(IMAGE, 0), ints(0)),
    "reduce_integers": node("ReduceProd", integers(2, 3), ints(0)),
    "reduce_axes_of_no_element": node("ReduceSum", IMAGE, np.zeros(0, np.int64)),
    "reduce_nothing": node("ReduceSum", IMAGE, np.zeros(0, np.int64), noop_with_empty_axes=1),
    **{
        f"pad_{mode}": node("Pad", symbolic(floats(3, 4), 0), ints(1, -1, 0, 2), mode=mode)
        for mode in ("constant", "edge", "reflect", "wrap")
    },
    "pad_value": node("Pad", floats(3, 4), ints(1, 0, 0, 2), np.asarray(1.5, np.float32)),
    "pad_axes": node("Pad", floats(3, 4, 2), ints(1, 2), None, ints(-2)),
    "pad_constant_axes": node("Pad", floats(3, 4, 2), ints(1, -1, 2, 0), const(0, "float32"), const([0, 2])),
    "pad_integers": node("Pad", integers(3, 4), ints(0, 1, 1, 0), const(-7)),
    "pad_to_nothing": node("Pad", floats(3, 4), ints(-1, 1, -2, 0)),
    **{
        f"resize_{mode}_by_sizes": resized(ints(1, 2, height, 4), mode=mode)
        for mode, height in (("nearest", 9), ("linear", 12), ("cubic", 7))
    },
    **{
        f"resize_{mode}_by_scales": resized(scales=[1, 1, height, 0.6], mode=mode)
        for mode, height in (("nearest", 1.8), ("linear", 2.4), ("cubic", 1.4))
    },
    "resize_axes": resized(ints(4, 9), mode="linear", axes=[3, 2]),
    "resize_not_larger": resized(ints(7, 12), mode="nearest", axes=[2, 3], keep_aspect_ratio_policy="not_larger"),
    "resize_not_smaller": resized(ints(7, 12), mode="linear", axes=[3, 2], keep_aspect_ratio_policy="not_smaller"),
    "resize_smooth": resized(ints(1, 2, 3, 4), mode="linear", antialias=1),
    "resize_unchanged": resized(ints(1, 2, 5, 6), mode="cubic"),
    "resize_region": resized(
        ints(1, 2, 9, 4),
        np.asarray([0, 0, 0.2, -0.25, 1, 1, 0.7, 1.2], np.float32),
        mode="linear",
        coordinate_transformation_mode="tf_crop_and_resize",
        by_reference=True,
    ),
    "fold": node("Col2Im", symbolic(floats(2, 12, 6), 0), ints(3, 4), ints(2, 2)),
    "fold_constant_block": node("Col2Im", floats(1, 12, 4), ints(4, 4), const([2, 2]), strides=[2, 2]),
    "unpool": node("MaxUnpool", floats(1, 1, 2, 2), PLACES, ints(1, 1, 5, 6), **HALVES),
    "split": node("Split", symbolic(floats(6, 2), 0), ints(1, 0, 5), outputs=3),
    "split_axis": node("Split", floats(2, 7), ints(3, 4), outputs=2, axis=-1),
}


IMPOSSIBLE: dict[str, tuple[Node, str]] = {
    "reshape_to_more": (refused("Reshape", IMAGE, ints(5, 25)), "`x1` must have sizes whose product is"),
    "reshape_to_a_fraction": (refused("Reshape", IMAGE, ints(-1, 7)), "`x1` must have sizes whose product divides"),
    "reshape_to_two_rests": (refused("Reshape", IMAGE, ints(-1, -1)), "`x1` must hold -1 at most once"),
    "reshape_to_negative": (refused("Reshape", IMAGE, ints(-2, 60)), "`x1` must hold only sizes and -1"),
    "reshape_to_overflow": (refused("Reshape", IMAGE, ints(2**62, 2**62)), "overflows"),
    "reshape_copies_beyond": (refused("Reshape", floats(6), ints(6, 0)), "`x1` must hold 0 only for axes of x"),
    "expand_misfit": (refused("Expand", floats(3, 2), ints(3, 4)), "`x1` must broadcast to the dims of x"),
    "expand_negative": (
        refused("Expand", floats(3, 1), ints(3, -4)),
        "`x1` must hold only sizes that are not",
    ),
    "expand_too_large": (refused("Expand", floats(3, 1), ints(3, 2**60)), "could not allocate"),
    "tile_negative": (refused("Tile", floats(3), ints(-1)), "`x1` must hold only sizes that are not"),
    "tile_overflow": (refused("Tile", floats(3), ints(2**63 - 1)), "overflows"),
    "unsqueeze_twice": (refused("Unsqueeze", floats(3), ints(1, 1)), "`x1` must name every axis at most once"),
    "squeeze_no_axis": (refused("Squeeze", floats(1, 3), ints(2)), "`x1` must hold only axes of the tensor"),
    "squeeze_larger": (refused("Squeeze", floats(1, 3), ints(1)), "`x1` must hold only axes of size 1"),
    "slice_no_axis": (refused("Slice", floats(3), ints(0), ints(1), ints(1)), "`x3` must hold only axes of the tensor"),
    "slice_no_step": (refused("Slice", floats(3), ints(0), ints(1), ints(0), ints(0)), "`x4` must not hold 0"),
    "reduce_no_axis": (refused("ReduceSum", floats(3, 2), ints(2)), "`x1` must hold only axes of the tensor"),
    "reduce_twice": (refused("ReduceSum", floats(3, 2), ints(1, -1)), "`x1` must name every axis at most once"),
    "pad_removes_more": (refused("Pad", floats(3), ints(-2, -2)), "`x1` must not remove more elements"),
    "pad_overflow": (refused("Pad", floats(3), ints(2**63 - 1, 2**63 - 1)), "overflows"),
    "pad_no_axis": (refused("Pad", floats(3), ints(1, 1), None, ints(1)), "`x3` must hold only axes of the tensor"),
    "pad_reflects_nothing": (refused("Pad", floats(2), ints(-2, 1), mode="reflect"), "`x` must not be empty"),
    "resize_to_negative": (refused("Resize", PIXELS, None, None, ints(1, 2, -1, 4)), "`x3` must hold only sizes that"),
    "resize_too_large": (
        refused("Resize", PIXELS, None, None, ints(1, 2, 5, 2**40)),
        "`x3` must hold sizes up to 2^30",
    ),
    "resize_by_nothing": (
        refused("Resize", PIXELS, None, np.asarray([1, 1, 0, 1], np.float32)),
        "`x2` must hold numbers between 1e-7 and 1e7",
    ),
    "fold_of_no_block": (refused("Col2Im", floats(1, 12, 4), ints(4, 4), ints(0, 2)), "`block` must"),
    "fold_misfit": (refused("Col2Im", floats(1, 12, 4), ints(4, 9), ints(2, 2)), "`x` must have one column for"),
    "unpool_to_less": (
        refused("MaxUnpool", floats(1, 1, 2, 2), integers(1, 1, 2, 2, low=0), ints(1, 1, 2, 6), kernel_shape=[2, 2]),
        "`y` must be at least as large",
    ),
    "split_of_more": (refused("Split", floats(3), ints(2, 2), outputs=2), "`x1` must hold sizes that add up"),
    "split_of_negative": (
        refused("Split", floats(3), ints(4, -1), outputs=2),
        "`x1` must hold only sizes that are not",
    ),
    "top_k_negative": (refused("TopK", floats(3), ints(-1), outputs=2), "`x1` must hold only sizes that are not"),
    "fill_of_negative": (refused("ConstantOfShape", ints(2, -1)), "`x0` must hold only sizes that are not"),
    "cumsum_no_axis": (refused("CumSum", floats(3), np.asarray(1)), "`x1` must be an axis of the tensor"),
}
NODES = POSSIBLE | {name: item for name, (item, _) in IMPOSSIBLE.items()}


@pytest.mark.parametrize("key", named(TABLE_NAME, POSSIBLE))
def test_dynamic(key: str, results: Results) -> None:
    check_node(results[key])


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_impossible(name: str, results: Results) -> None:
    found = results[f"{TABLE_NAME}_{name}"]
    assert found.reason.startswith("at run time: error: ")
    assert IMPOSSIBLE[name][1] in found.reason
