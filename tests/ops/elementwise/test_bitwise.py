"""Bitwise functions, shifts, and reading bits as another type."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

TABLE_NAME = "bits"
NODES = {
    **{
        f"{op}_{dtype}": node(
            f"Bitwise{op}", integers(3, 4, dtype=dtype, low=0), integers(4, seed=3, dtype=dtype, low=0)
        )
        for op in ("And", "Or", "Xor")
        for dtype in ("int8", "uint16", "int32", "uint64")
    },
    "not": node("BitwiseNot", symbolic(integers(3, 4, dtype="int16"), 0)),
    "not_unsigned": node("BitwiseNot", integers(3, 4, dtype="uint8", low=0)),
    "shift_left": node(
        "BitShift", integers(3, 4, dtype="uint8", low=0, high=256), const([1, 3, 7, 2], "uint8"), direction="LEFT"
    ),
    "shift_right": node(
        "BitShift", integers(3, 4, dtype="uint32", low=0, high=9999), const(2, "uint32"), direction="RIGHT"
    ),
    "bits_of_floats": node("BitCast", floats(3, 4), opset=26, to=TensorProto.INT32, exact=lambda x: x.view(np.int32)),
    "floats_of_bits": node("BitCast", floats(3).view(np.uint32), opset=26, to=1, exact=lambda x: x.view(np.float32)),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_bits(key: str, results: Results) -> None:
    check_node(results[key])
