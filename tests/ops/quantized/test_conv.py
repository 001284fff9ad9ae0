"""ConvInteger and QLinearConv."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import Node, check_node, const, floats, integers, named, node, symbolic

IMAGE = integers(2, 4, 7, 6, low=0, high=256, dtype="uint8")
KERNEL = integers(6, 4, 3, 2, low=-128, high=128, dtype="int8")
BIAS = const(integers(6, low=-999, high=999), "int32")


def _linear(x: np.ndarray, kernel: np.ndarray, scales: Any, zeros: Any, *bias: Any, **options: Any) -> Node:
    quantized = (const(0.02, "float32"), const(110, x.dtype.name))
    result = (const(9.0, "float32"), const(90, x.dtype.name))
    weights = (const(scales, "float32"), const(zeros, kernel.dtype.name))
    return node("QLinearConv", symbolic(x, 0), *quantized, kernel, *weights, *result, *bias, opset=10, **options)


TABLE_NAME = "quantized_conv"
NODES = {
    "integer": node("ConvInteger", symbolic(IMAGE, 0), KERNEL, const(120, "uint8"), const(-3, "int8")),
    "integer_without_zeros": node("ConvInteger", IMAGE, KERNEL.view("uint8")),
    "integer_options": node(
        "ConvInteger",
        IMAGE,
        integers(6, 2, 3, 2, dtype="int8"),
        np.asarray(7, np.uint8),
        strides=[2, 1],
        dilations=[1, 2],
        pads=[1, 0, 2, 1],
        group=2,
    ),
    "integer_line": node("ConvInteger", IMAGE[:, :, 0], KERNEL[:, :, 0], const(9, "uint8")),
    "linear": _linear(IMAGE, KERNEL, 0.1, 5),
    "linear_bias": _linear(IMAGE, KERNEL, 0.1, 5, BIAS, pads=[1, 1, 1, 1]),
    "linear_each_filter": _linear(IMAGE, KERNEL, np.abs(floats(6)) / 9, [0] * 6, BIAS),
    "linear_wide": _linear(IMAGE, KERNEL.view("uint8"), 0.1, 90, BIAS, pads=[1, 1, 1, 1]),
    "linear_wide_groups": _linear(IMAGE, KERNEL[:, :2].view("uint8"), 0.1, 90, BIAS, group=2),
    "linear_signed": _linear(IMAGE.view("int8"), KERNEL, 0.1, 5, auto_pad="SAME_UPPER", strides=[2, 2]),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_quantized_conv(key: str, results: Results) -> None:
    check_node(results[key])
