"""GridSample, AffineGrid, RoiAlign, Col2Im, determinants."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, named, node, symbolic

IMAGE = floats(2, 3, 5, 6)
GRID = floats(2, 4, 3, 2, seed=4, scale=0.9)
REGIONS = np.asarray([[0, 0, 4, 4], [2.5, 1, 9, 8], [-2, 3, 5, 6]], np.float32)


TABLE_NAME = "sampling"
NODES = {
    **{
        f"grid_{mode}_{outside}_{corners}": node(
            "GridSample", symbolic(IMAGE, 0), symbolic(GRID, 0), mode=mode, padding_mode=outside, align_corners=corners
        )
        for mode in ("linear", "nearest", "cubic")
        for outside in ("zeros", "border", "reflection")
        for corners in (0, 1)
    },
    **{
        f"grid_{mode}_before_20": node("GridSample", IMAGE, GRID, mode=mode, opset=16)
        for mode in ("bilinear", "bicubic")
    },
    "grid_volumes": node("GridSample", floats(2, 3, 3, 4, 5), floats(2, 2, 3, 4, 3, seed=4), mode="linear"),
    "affine": node("AffineGrid", symbolic(floats(2, 2, 3), 0), const([2, 3, 4, 5])),
    "affine_corners": node("AffineGrid", floats(2, 2, 3), const([2, 3, 4, 5]), align_corners=1),
    "affine_volumes": node("AffineGrid", floats(2, 3, 4), const([2, 1, 2, 3, 4])),
    **{
        f"regions_{mode}_{samples}": node(
            "RoiAlign",
            IMAGE,
            REGIONS,
            np.asarray([0, 1, 1]),
            mode=mode,
            sampling_ratio=samples,
            output_height=2,
            output_width=3,
            spatial_scale=0.5,
        )
        for mode in ("avg", "max")
        for samples in (0, 2)
    },
    "regions_before_16": node("RoiAlign", IMAGE, REGIONS, np.asarray([0, 1, 1]), output_width=3, opset=10),
    "col2im": node("Col2Im", symbolic(floats(2, 6 * 3, 4), 0), const([4, 3]), const([3, 2])),
    "col2im_options": node(
        "Col2Im", floats(1, 8, 9), const([5, 5]), const([2, 2]), strides=[2, 2], dilations=[2, 2], pads=[1, 1, 1, 1]
    ),
    "determinant": node("Det", symbolic(floats(3, 4, 4), 0)),
    "determinant_pivots": node("Det", np.asarray([[0, 2], [3, 4]], np.float32)),
    "determinant_singular": node("Det", np.ones((2, 3, 3), np.float32)),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_sampling(key: str, results: Results) -> None:
    check_node(results[key])
