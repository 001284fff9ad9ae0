"""NonZero, Compress, Unique, NonMaxSuppression, and shapes that are computed from data."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

BOXES = np.abs(floats(2, 12, 4)) + 0.1
SCORES = floats(2, 3, 12, seed=4)
LIMITS = (np.asarray([0.3], np.float32), np.asarray([-0.5], np.float32))


TABLE_NAME = "measured"
NODES = {
    "nonzero": node("NonZero", symbolic(integers(3, 4, low=-1, high=2), 0)),
    "nonzero_scalar_axis": node("NonZero", floats(5)),
    "nonzero_none": node("NonZero", np.zeros((2, 3), bool)),
    "compress": node("Compress", symbolic(floats(3, 4), 0), np.asarray([True, False, True])),
    "compress_axis": node("Compress", floats(3, 4, 2), np.asarray([False, True, True]), axis=1),
    "compress_none": node("Compress", floats(3, 4), np.zeros(3, bool), axis=0),
    "unique": node("Unique", symbolic(integers(20, low=0, high=6), 0), outputs=4),
    "unique_as_they_come": node("Unique", integers(4, 5, low=0, high=6), outputs=4, sorted=0),
    "unique_axis": node("Unique", integers(6, 2, low=0, high=2), outputs=4, axis=0),
    "unique_columns": node("Unique", integers(2, 6, 2, low=0, high=2), outputs=1, axis=1),
    "range": node("Range", np.asarray(1.5, np.float32), np.asarray(7, np.float32), np.asarray(0.5, np.float32)),
    "range_down": node("Range", np.asarray(9), np.asarray(-4), np.asarray(-3)),
    "range_none": node("Range", np.asarray(9, np.int32), np.asarray(9, np.int32), np.asarray(2, np.int32)),
    "range_doubles": node("Range", np.asarray(0.0), np.asarray(1.0), np.asarray(0.1)),
    "constant_of_shape": node("ConstantOfShape", np.asarray([2, 0, 3])),
    "suppression": node("NonMaxSuppression", BOXES, SCORES, const([3]), const([0.4], "float32")),
    "suppression_of_inputs": node(
        "NonMaxSuppression", symbolic(BOXES, 1), symbolic(SCORES, 2), np.asarray([2]), *LIMITS
    ),
    "suppression_centers": node("NonMaxSuppression", BOXES, SCORES, const([9]), *LIMITS, center_point_box=1),
    "suppression_of_none": node("NonMaxSuppression", BOXES, SCORES),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_measured(key: str, results: Results) -> None:
    check_node(results[key])
