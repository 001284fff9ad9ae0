"""MelWeightMatrix."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import Node, check_node, named, node


def _node(filters: int, samples: int, rate: int, lower: float, upper: float, dtype: str = "int64") -> Node:
    whole = [np.asarray(n, dtype) for n in (filters, samples, rate)]
    return node("MelWeightMatrix", *whole, *(np.asarray(f, np.float32) for f in (lower, upper)), opset=17)


TABLE_NAME = "mel"
NODES = {
    "few": _node(8, 16, 8192, 0, 4096),
    "many": _node(40, 512, 16000, 20, 7600),
    "narrow": _node(30, 64, 16000, 300, 4000, "int32"),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_mel(key: str, results: Results) -> None:
    check_node(results[key])
