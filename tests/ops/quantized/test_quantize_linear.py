"""QuantizeLinear, DequantizeLinear, and products of quantized numbers."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

X = floats(3, 4, 5)
Q = integers(3, 4, 5, low=0, high=256, dtype="uint8")
SCALES = [0.01, 0.02, 0.05, 0.1]


TABLE_NAME = "quantize"
NODES = {
    "quantize": node("QuantizeLinear", symbolic(X, 0), const(0.02, "float32"), const(100, "uint8")),
    "quantize_signed": node("QuantizeLinear", X, np.asarray(0.03, np.float32), np.asarray(-5, np.int8)),
    "quantize_without_zero": node("QuantizeLinear", X, const(0.02, "float32")),
    "quantize_16": node("QuantizeLinear", X * 1000, const(0.1, "float32"), const(7, "int16")),
    "quantize_to": node("QuantizeLinear", X, const(0.02, "float32"), output_dtype=TensorProto.INT8),
    "quantize_axis": node("QuantizeLinear", X, const(SCALES, "float32"), const([1, 2, 3, 4], "uint8"), axis=1),
    "dequantize_one_block": node(
        "DequantizeLinear", integers(3, 4, dtype="int8"), np.abs(floats(3, 1)) + 0.01, axis=1, block_size=1 << 40
    ),
    "quantize_blocks": node(
        "QuantizeLinear", X, np.abs(floats(3, 2, 5)) + 0.01, axis=1, block_size=2, by_reference=True
    ),
    "quantize_halves": node(
        "QuantizeLinear", np.arange(-9, 9, dtype=np.float32) / 2, const(1.0, "float32"), const(0, "int8")
    ),
    "dequantize": node("DequantizeLinear", Q, const(0.02, "float32"), const(100, "uint8")),
    "dequantize_axis": node("DequantizeLinear", Q, const(SCALES, "float32"), const([1, 2, 3, 4], "uint8"), axis=-2),
    "dequantize_32": node(
        "DequantizeLinear", integers(3, 4, low=-99999, high=99999, dtype="int32"), const(0.25, "float32")
    ),
    "dynamic": node("DynamicQuantizeLinear", symbolic(X, 0), outputs=3),
    "matmul": node(
        "MatMulInteger",
        integers(2, 3, 4, low=0, high=256, dtype="uint8"),
        integers(4, 5, dtype="int8"),
        const(9, "uint8"),
        const(-1, "int8"),
    ),
    "matmul_without_zeros": node(
        "MatMulInteger", integers(3, 4, dtype="uint8", low=0), integers(4, 5, low=0, dtype="uint8")
    ),
    "matmul_zero_for_each_column": node(
        "MatMulInteger",
        integers(3, 4, low=0, dtype="uint8"),
        integers(4, 2, dtype="int8"),
        const(9, "uint8"),
        const([3, -4], "int8"),
    ),
    "linear_matmul": node(
        "QLinearMatMul",
        integers(3, 4, low=0, high=256, dtype="uint8"),
        const(0.02, "float32"),
        const(120, "uint8"),
        integers(4, 5, low=0, high=256, dtype="uint8"),
        const(0.03, "float32"),
        const(130, "uint8"),
        const(0.1, "float32"),
        const(90, "uint8"),
    ),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_quantize(key: str, results: Results) -> None:
    check_node(results[key])
