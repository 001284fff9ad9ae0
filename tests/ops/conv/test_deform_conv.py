"""DeformConv, which ONNX Runtime does not have for every version: judged against ONNX' reference."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, floats, named, node, symbolic

IMAGE, KERNEL = floats(2, 4, 6, 5), floats(6, 4, 3, 2, seed=3)


def _offset(height: int, width: int, sets: int = 1, taps: int = 6) -> np.ndarray:
    return floats(2, sets * taps * 2, height, width, seed=5, scale=1.2)


TABLE_NAME = "deform_conv"
NODES = {
    "plain": node("DeformConv", symbolic(IMAGE, 0), KERNEL, symbolic(_offset(4, 4), 0), by_reference=True),
    "bias": node("DeformConv", IMAGE, KERNEL, _offset(4, 4), floats(6), by_reference=True),
    "mask": node(
        "DeformConv", IMAGE, KERNEL, _offset(4, 4), None, np.abs(floats(2, 6, 4, 4, seed=8)), by_reference=True
    ),
    "options": node(
        "DeformConv",
        IMAGE,
        KERNEL,
        _offset(3, 4),
        pads=[1, 1, 1, 1],
        strides=[2, 1],
        dilations=[1, 3],
        kernel_shape=[3, 2],
        by_reference=True,
    ),
    "groups": node(
        "DeformConv", IMAGE, floats(6, 2, 3, 2), _offset(4, 4, 4), group=2, offset_group=4, by_reference=True
    ),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_deform_conv(key: str, results: Results) -> None:
    check_node(results[key])
