"""ONNX' own normalisations where Keras has no counterpart of them."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, floats, free, named, node

IMAGE = floats(2, 3, 4, 5)
HOLES = np.where(np.arange(3)[:, None] == 1, 0, floats(3, 4)).astype(np.float32)

TABLE_NAME = "normalization_onnx"
NODES = {
    **{f"lp_{p}_{axis}": node("LpNormalization", free(HOLES, 0), p=p, axis=axis) for p in (1, 2) for axis in (0, 1)},
    "lp_of_nothing": node("LpNormalization", HOLES.T.copy(), axis=0),
    "instance": node("InstanceNormalization", free(IMAGE, 0), floats(3), floats(3, seed=2)),
    "instance_line": node("InstanceNormalization", IMAGE[..., 0], floats(3), floats(3, seed=2), epsilon=0.1),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_normalization_onnx(key: str, results: Results) -> None:
    check_node(results[key])
