"""Averages of 8-bit integers that TFLite rounds away from zero."""

from __future__ import annotations

import numpy as np
import pytest

from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.layer import Value
from tf2rust.ops.pooling.pooling import Pooling
from tf2rust.ops.quantized.pooling import QuantizedAverage, quantized_average
from tf2rust.ops.quantized.scale import Scale


@pytest.mark.parametrize("count", [2, 4, 6, 9, 16, 49, 64, 196])
def test_ties_go_away_from_zero(count: int) -> None:
    """For every sum of ``count`` elements, as in TFLite's reference kernel."""
    window = Window((1, count), (1, count), (1, 1), ((0, 0), (0, 0)), False)
    x, y = (Value("x", "int8", (1, 1, n, 1)) for n in (count, 1))
    scale = Scale("int8", 0.02, -9)
    pool = Pooling(function="Average", window=window, inputs=[x], outputs=[y])
    layer = quantized_average(pool, x, scale, y, scale, ties_away=True)
    assert isinstance(layer, QuantizedAverage)
    assert (layer.x_zero_point, layer.y_zero_point, layer.offset) == (0, 0, 0)
    sums = np.arange(-128 * count, 127 * count + 1)
    found = np.rint(sums.astype(np.float32) * (np.float32(layer.ratio) / np.float32(count)))
    expected = np.sign(sums) * ((np.abs(sums) + count // 2) // count)
    assert np.array_equal(found, expected)
