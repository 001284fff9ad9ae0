"""ArgMax, Hardmax, TopK, running sums and products."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

TIES = integers(3, 5, 4, low=0, high=3)

TABLE_NAME = "order"
NODES = {
    **{
        f"sums_along_given_axis_{axis}": node("CumSum", symbolic(floats(2, 3, 4), 0), np.asarray(axis), exclusive=1)
        for axis in (0, 1, -1)
    },
    "sums_along_given_short_axis": node("CumSum", floats(2, 3), np.asarray(-2, np.int32), reverse=1),
    "top_of_given_count": node("TopK", symbolic(floats(3, 5), 0), np.asarray([2]), outputs=2, axis=1),
    "least_of_given_count": node("TopK", floats(3, 5), np.asarray([3]), outputs=2, axis=0, largest=0),
    "arg_max": node("ArgMax", symbolic(floats(3, 5), 0), axis=1),
    "arg_max_of_ties": node("ArgMax", TIES.astype(np.int32), axis=1, keepdims=0),
    "arg_max_last": node("ArgMax", TIES.astype(np.int32), axis=-2, select_last_index=1),
    "arg_min": node("ArgMin", symbolic(floats(3, 5, 4), 0, 2), axis=1, keepdims=0),
    "arg_min_last": node("ArgMin", TIES.astype(np.float32), axis=0, select_last_index=1),
    "arg_max_nan": node("ArgMax", np.asarray([1, np.nan, 3], np.float32), axis=0, by_reference=True),
    "arg_max_double": node("ArgMax", floats(4, 3, dtype="float64"), axis=0),
    "hardmax": node("Hardmax", symbolic(floats(3, 5), 0)),
    "hardmax_axis": node("Hardmax", TIES.astype(np.float32), axis=1),
    "hardmax_before_13": node("Hardmax", floats(3, 5, 4), axis=1, opset=11),
    "top_k": node("TopK", symbolic(floats(3, 20), 0), const([6]), outputs=2),
    "top_k_smallest": node("TopK", floats(3, 20, 2), const([20]), axis=1, largest=0, outputs=2),
    "top_k_ties": node("TopK", TIES, const([3]), axis=1, outputs=2),
    "top_k_before_10": node("TopK", floats(3, 7), axis=1, k=3, outputs=2, opset=9),
    "cum_sum": node("CumSum", symbolic(floats(3, 5), 0, 1), const(1)),
    "cum_sum_exclusive": node("CumSum", integers(3, 5), const(-2), exclusive=1),
    "cum_sum_reverse": node("CumSum", floats(3, 5, 2, dtype="float64"), const(1), exclusive=1, reverse=1),
    "cum_prod": node("CumProd", floats(3, 5), const(1), opset=26, exact=lambda x, _: np.cumprod(x, 1)),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_order(key: str, results: Results) -> None:
    check_node(results[key])
