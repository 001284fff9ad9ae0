"""The Gather and Scatter families."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, floats, integers, named, node, symbolic

X = floats(4, 5, 3)
TUPLES = np.asarray([[[0, -1], [3, 2]], [[1, 1], [-4, 0]]])
REPEATED = np.asarray([[1], [3], [1]])

TABLE_NAME = "scatter"
NODES = {
    "gather_elements": node("GatherElements", X, integers(4, 2, 3, low=-5, high=5), axis=1),
    "gather_elements_smaller": node("GatherElements", X, integers(9, 2, 1, low=-4, high=4, dtype="int32"), axis=0),
    "gather_elements_free": node(
        "GatherElements", symbolic(X, 0), symbolic(integers(4, 2, 3, low=0, high=5), 0), axis=1
    ),
    "gather_elements_bool": node("GatherElements", X > 0, integers(4, 5, 1, low=0, high=3), axis=-1),
    "gather_nd": node("GatherND", X, TUPLES),
    "gather_nd_whole": node("GatherND", X, np.asarray([[0, 1, 2], [3, 4, -3]])),
    "gather_nd_free": node("GatherND", symbolic(X, 0), symbolic(TUPLES, 0)),
    "gather_nd_batch": node("GatherND", X, integers(4, 2, 1, low=-5, high=5), batch_dims=1),
    "scatter_elements": node(
        "ScatterElements", X, np.argsort(floats(4, 5, 3), 1)[:, :2], floats(4, 2, 3, seed=5), axis=1
    ),
    **{
        f"scatter_elements_{kind}": node(
            "ScatterElements", X, integers(4, 7, 3, low=-5, high=5), floats(4, 7, 3, seed=5), axis=1, reduction=kind
        )
        for kind in ("add", "mul", "max", "min")
    },
    "scatter_before_11": node("Scatter", floats(5), np.asarray([3, 1]), floats(2, seed=4), opset=9),
    "scatter_nd": node("ScatterND", X, TUPLES, floats(2, 2, 3, seed=5)),
    "scatter_nd_free": node("ScatterND", symbolic(X, 0), symbolic(TUPLES, 0), symbolic(floats(2, 2, 3, seed=5), 0)),
    "scatter_nd_ints": node("ScatterND", integers(6, 2), REPEATED, integers(3, 2, seed=9), reduction="add"),
    **{
        f"scatter_nd_{kind}": node("ScatterND", X, REPEATED, floats(3, 5, 3, seed=5), reduction=kind, by_reference=True)
        for kind in ("add", "mul", "max", "min")
    },
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_scatter(key: str, results: Results) -> None:
    check_node(results[key])
