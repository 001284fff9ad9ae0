"""GridSample, AffineGrid, RoiAlign, MaxRoiPool, Col2Im, determinants."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, named, node, symbolic

IMAGE = floats(2, 3, 5, 6)
GRID = floats(2, 4, 3, 2, seed=4, scale=0.9)
REGIONS = np.asarray([[0, 0, 4, 4], [2.5, 1, 9, 8], [-2, 3, 5, 6]], np.float32)
# Their images come first. Half pixels; corners outside the image, in the wrong order, beyond all int32.
INDEXED_REGIONS = np.asarray(
    [[0, 0, 0, 4, 4], [1, 2.5, 1, 9, 8], [1.9, -3, 0.49999997, 5, -0.5], [-0.9, 5, 4, 1, 2], [0, 9, 9, 12, 12],
     [1, -1e4, -1e4, 1e4, 1e4], [0, -9, -9, -5, -5]], np.float32,
)  # fmt: skip


def _maxima(x: np.ndarray, regions: np.ndarray) -> np.ndarray:
    """NumPy's maxima of regions with whole coordinates inside the image."""
    crops = [x[n, :, y1 : y2 + 1, x1 : x2 + 1] for n, x1, y1, x2, y2 in regions.astype(int)]
    return np.asarray([crop.max((1, 2), keepdims=True) for crop in crops])


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
    **{
        f"max_regions_{height}x{width}_{scale}": node(
            "MaxRoiPool",
            symbolic(IMAGE, 0),
            symbolic(INDEXED_REGIONS, 0),
            pooled_shape=[height, width],
            spatial_scale=scale,
        )
        for height, width in ((1, 1), (2, 3), (7, 7))
        for scale in (0.5, 1.0)
    },
    "max_regions_infinite": node(
        "MaxRoiPool", np.where(IMAGE < 0, -np.inf, IMAGE).astype(np.float32), INDEXED_REGIONS, pooled_shape=[3, 2]
    ),
    # ONNX Runtime's result depends on the place of the NaN.
    "max_regions_nan": node(
        "MaxRoiPool",
        np.where(IMAGE > 0.9, np.nan, IMAGE).astype(np.float32),
        np.asarray([[0, 0, 0, 1, 1], [1, 2, 1, 5, 4], [1, 3, 3, 3, 3]], np.float32),
        pooled_shape=[1, 1],
        exact=_maxima,
    ),
    "max_regions_none": node("MaxRoiPool", IMAGE, symbolic(np.zeros((0, 5), np.float32), 0), pooled_shape=[2, 2]),
    "max_regions_constant": node(
        "MaxRoiPool", symbolic(IMAGE, 0), const(INDEXED_REGIONS, "float32"), pooled_shape=[2, 2]
    ),
    "max_regions_first_version": node("MaxRoiPool", IMAGE, INDEXED_REGIONS, pooled_shape=[2, 2], opset=7),
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
