"""Pad in every mode."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

TABLE_NAME = "pad"
NODES = {
    **{
        f"{mode}_{dtype}": node(
            "Pad", symbolic((floats(2, 3, 4) * 9).astype(dtype), 0), const([0, 1, 2, 0, 2, 1]), mode=mode
        )
        for mode in ("constant", "edge", "reflect", "wrap")
        for dtype in ("float32", "int64", "bool")
    },
    "value": node("Pad", floats(3, 4), const([1, 0, 0, 2]), const(7.5, "float32")),
    "value_of_input": node("Pad", floats(3, 4), const([1, 0, 0, 2]), np.asarray(2.5, np.float32)),
    "value_beyond_floats": node("Pad", integers(3, 4), const([1, 0, 0, 2]), const(2**63 - 1)),
    "axes": node("Pad", floats(2, 3, 4), const([1, 2]), None, const([-1])),
    "crops_and_adds": node("Pad", floats(5, 6), const([-1, 2, 0, -3])),
    "crops": node("Pad", floats(5, 6), const([-1, 0, -2, -3])),
    "before_11": node("Pad", floats(3, 4), opset=2, pads=[1, 0, 0, 2], value=1.5),
    "double": node("Pad", floats(3, 4, dtype="float64"), const([1, 0, 0, 2]), const(0.1, "float64")),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_pad(key: str, results: Results) -> None:
    check_node(results[key])
