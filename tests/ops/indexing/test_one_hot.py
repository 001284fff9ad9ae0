"""OneHot, triangles, identity matrices, sequences turned over, Dropout."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

TABLE_NAME = "one_hot"
NODES = {
    "given_depth": node("OneHot", integers(3, 4, low=-5, high=5), np.asarray(4), np.asarray([0.5, 2], np.float32)),
    "given_depth_in_front": node(
        "OneHot", integers(3, low=0, high=9), np.asarray([6]), np.asarray([0, 1], np.int64), axis=0
    ),
    **{
        f"given_diagonal_{k}_{upper}": node("Trilu", symbolic(floats(2, 3, 4), 0), np.asarray(k), upper=upper)
        for k in (-1, 0, 2)
        for upper in (0, 1)
    },
    "one_hot": node("OneHot", symbolic(integers(3, low=-4, high=6), 0), const(5), const([2, 7], "float32")),
    "one_hot_axis": node(
        "OneHot", integers(2, 3, low=0, high=4, dtype="int32"), const(4), const([0, 1]), axis=0, by_reference=True
    ),
    "one_hot_values": node("OneHot", integers(2, 3, low=0, high=4), const(4), np.asarray([-1, 5]), axis=1),
    "one_hot_of_floats": node(
        "OneHot", np.asarray([0, 3], np.float32), const(4), const([0, 1], "float32"), by_reference=True
    ),
    "upper": node("Trilu", symbolic(floats(2, 3, 4), 0)),
    "lower": node("Trilu", floats(4, 4), const(-1), upper=0),
    "upper_above": node("Trilu", integers(3, 5), const(2)),
    "lower_bool": node("Trilu", floats(3, 3) > 0, upper=0),
    "eye": node("EyeLike", integers(3, 4), k=1, dtype=1),
    "reverse": node(
        "ReverseSequence", symbolic(floats(5, 3, 2), 1), symbolic(np.asarray([2, 5, 1]), 0), time_axis=0, batch_axis=1
    ),
    "reverse_batch_first": node("ReverseSequence", floats(3, 5), np.asarray([5, 0, 3]), time_axis=1, batch_axis=0),
    "dropout": node("Dropout", symbolic(floats(3, 4), 0), outputs=2),
    "dropout_ratio": node("Dropout", floats(3, 4), const(0.75, "float32"), const(False, "bool")),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_one_hot(key: str, results: Results) -> None:
    check_node(results[key])
