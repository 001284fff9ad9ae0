"""Steps written into a cache."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, floats, named, node, symbolic

CACHE = floats(2, 3, 6, 4)
STEPS = floats(2, 3, 2, 4, seed=4)


TABLE_NAME = "cache"
NODES = {
    "linear": node("TensorScatter", CACHE, STEPS, symbolic(np.asarray([1, 4]), 0), opset=24, by_reference=True),
    "symbolic_batch": node(
        "TensorScatter",
        *(symbolic(CACHE, 0), symbolic(STEPS, 0), symbolic(np.asarray([1, 4]), 0)),
        opset=24,
        by_reference=True,
    ),
    "from_the_front": node("TensorScatter", CACHE, STEPS, opset=24, by_reference=True),
    "circular": node("TensorScatter", CACHE, STEPS, np.asarray([5, 0]), mode="circular", opset=24, by_reference=True),
    "axis": node("TensorScatter", CACHE, CACHE[..., :2] * 2, np.asarray([1, 2]), axis=3, opset=24, by_reference=True),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_cache(key: str, results: Results) -> None:
    check_node(results[key])
