"""What ONNX' Resize has and Keras has not: antialiasing, crops, proportions."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import Node, check_node, const, floats, named, node

IMAGE = floats(1, 2, 9, 8)
WHOLE = const([], "float32")
REGION = const([0, 0, 0.2, -0.25, 1, 1, 0.7, 1.2], "float32")


def _sizes(height: int, width: int, *, by_reference: bool = True, **options: object) -> Node:
    sizes = const([1, 2, height, width])
    return node("Resize", IMAGE, WHOLE, WHOLE, sizes, by_reference=by_reference, opset=19, **options)


def _corners(x: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """ONNX' definition: x_original = x_resized · (length_original − 1) / (length_resized − 1), of whole lengths.

    The reference implementation takes 0.6 · 4 = 2.4 for a length instead; ONNX Runtime does as the definition says.
    """
    places = np.arange(2) * (4 - 1) / (2 - 1)
    return np.asarray([np.interp(places, np.arange(4), row) for row in x], np.float32)


TABLE_NAME = "resize"
NODES = {
    **{
        f"antialias_{mode}_{outside}_{h}_{w}": _sizes(h, w, mode=mode, antialias=1, exclude_outside=outside)
        for mode in ("linear", "cubic")
        for outside in (0, 1)
        for h, w in ((4, 5), (1, 3), (13, 6))
    },
    "antialias_scales": node(
        "Resize", IMAGE, WHOLE, const([1, 1, 0.6, 0.6], "float32"), mode="linear", antialias=1, opset=19,
        by_reference=True,
    ),
    **{
        f"crop_{mode}": node(
            "Resize", IMAGE, REGION, WHOLE, const([1, 2, 5, 6]), mode=mode, opset=19,
            coordinate_transformation_mode="tf_crop_and_resize", extrapolation_value=7.0,
        )
        for mode in ("nearest", "linear")
    },
    "crop_axes": node(
        "Resize", IMAGE, const([0.1, 0.4, 0.8, 0.4], "float32"), WHOLE, const([3, 1]), axes=[3, 2], mode="linear",
        coordinate_transformation_mode="tf_crop_and_resize", opset=19,
    ),
    **{
        f"{policy}_{mode}_{h}_{w}": _sizes(h, w, keep_aspect_ratio_policy=policy, mode=mode)
        for policy in ("not_larger", "not_smaller")
        for mode in ("nearest", "linear")
        for h, w in ((4, 3), (7, 12))
    },
    "corners_of_whole_lengths": node(
        "Resize", floats(1, 4), WHOLE, const([1, 0.6], "float32"), mode="linear", opset=19,
        coordinate_transformation_mode="align_corners", exact=_corners,
    ),
    "corners_as_in_onnx_runtime": node(
        "Resize", floats(1, 4), WHOLE, const([1, 0.6], "float32"), mode="linear", opset=19,
        coordinate_transformation_mode="align_corners",
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_resize(key: str, results: Results) -> None:
    check_node(results[key])
