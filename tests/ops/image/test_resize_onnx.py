"""The options of ONNX' Resize that Keras lacks: antialiasing, crops, aspect ratios."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import Node, check_node, const, floats, integers, named, node, symbolic

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


_HALF = Fraction(1, 2)
POSITIONS: dict[str, Callable[[int, int, int], Fraction]] = {
    "half_pixel": lambda i, n, m: (i + _HALF) * n / m - _HALF,
    "pytorch_half_pixel": lambda i, n, m: (i + _HALF) * n / m - _HALF if m > 1 else Fraction(0),
    "half_pixel_symmetric": lambda i, n, m: (i + _HALF) * n / m - _HALF,
    "align_corners": lambda i, n, m: Fraction(i * (n - 1), m - 1) if m > 1 else Fraction(0),
    "asymmetric": lambda i, n, m: Fraction(i * n, m),
    "tf_half_pixel_for_nn": lambda i, n, m: (i + _HALF) * n / m,
}
"""The position of element i of m among n elements, as ONNX defines it for the scale m / n."""
NEAREST: dict[str, Callable[[Fraction], int]] = {
    "round_prefer_floor": lambda position: math.ceil(position - _HALF),
    "round_prefer_ceil": lambda position: math.floor(position + _HALF),
    "floor": math.floor,
    "ceil": math.ceil,
}


def elements(coordinates: str, nearest: str, size: int, wanted: int) -> list[int]:
    """The indices of the ``wanted`` elements among ``size``, in exact arithmetic."""
    found = [NEAREST[nearest](POSITIONS[coordinates](i, size, wanted)) for i in range(wanted)]
    return [min(max(element, 0), size - 1) for element in found]


_PAIRS = ((20, 6), (18, 21), (7, 2), (14, 4), (36, 50), (40, 26))
"""Sizes before and after of which some mode has positions halfway between two elements, or on one."""


def _nearest(coordinates: str, nearest: str, pair: int, *, by_scales: bool, is_symbolic: bool) -> Node:
    """Two axes resized to the nearest elements, by sizes or by float32 scales, of a size that is free or not."""
    (h, height), (w, width) = _PAIRS[pair % 6], _PAIRS[(pair + 1) % 6]
    image = floats(1, h, w)
    scales = const([1, height / h, width / w], "float32")
    target = (scales,) if by_scales else (WHOLE, const([1, height, width]))

    def exact(x: np.ndarray, *_: np.ndarray) -> np.ndarray:
        rows, columns = elements(coordinates, nearest, h, height), elements(coordinates, nearest, w, width)
        return x[:, rows][:, :, columns]

    return node(
        "Resize", symbolic(image, 1, 2) if is_symbolic else image, WHOLE, *target, opset=13, mode="nearest",
        exact=exact, coordinate_transformation_mode=coordinates, nearest_mode=nearest,
    )  # fmt: skip


TABLE_NAME = "resize"
NODES = {
    **{
        f"nearest_{coordinates}_{nearest}": _nearest(
            coordinates, nearest, i + j, by_scales=(i + j) % 3 == 1, is_symbolic=(i + j) % 3 == 2
        )
        for i, coordinates in enumerate(POSITIONS)
        for j, nearest in enumerate(NEAREST)
    },
    "nearest_opset10": node("Resize", IMAGE, const([1, 1, 0.6, 1.5], "float32"), mode="nearest", opset=10),
    "linear_opset10": node("Resize", IMAGE, const([1, 1, 0.6, 1.5], "float32"), mode="linear", opset=10),
    "upsample_opset7": node("Upsample", IMAGE, scales=[1.0, 1.0, 1.5, 2.0], mode="nearest", opset=7),
    "upsample_by_data": node("Upsample", IMAGE, np.asarray([1, 1, 2, 3], np.float32), mode="nearest", opset=9),
    "upsample_opset9": node("Upsample", IMAGE, const([1, 1, 1.4, 2], "float32"), mode="linear", opset=9),
    **{
        f"{mode}_{coordinates}_{h}_{w}": _sizes(
            h, w, by_reference=False, mode=mode, coordinate_transformation_mode=coordinates, **options
        )
        for coordinates in ("half_pixel", "pytorch_half_pixel", "half_pixel_symmetric", "align_corners", "asymmetric")
        for mode, options in (("linear", {}), ("cubic", {"cubic_coeff_a": -0.5, "exclude_outside": 1}))
        for h, w in ((5, 13), (1, 17))
    },
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
        f"{mode}_{dtype}_{opset}": node(
            "Resize", integers(1, 2, 6, 8, low=low, high=low + 256, dtype=dtype), *([] if opset == 10 else [WHOLE]),
            const([1, 1, 2, 2], "float32"), mode=mode, opset=opset,
        )
        for mode in ("nearest", "linear")
        for opset in (10, 13, 19)
        for dtype, low in (("uint8", 0), ("int8", -128))
    },
    "nearest_int32": node("Resize", integers(1, 2, 9, 8, dtype="int32"), WHOLE, WHOLE, const([1, 2, 4, 12]), opset=13),
    "nearest_uint8_by_data": node(
        "Resize", integers(1, 2, 9, 8, low=0, dtype="uint8"), WHOLE, WHOLE, np.asarray([1, 2, 4, 12]), opset=13
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
