"""LpPool and GlobalLpPool."""

from __future__ import annotations

import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, floats, named, node, symbolic

LINE, IMAGE, VOLUME = floats(2, 3, 9), floats(2, 3, 6, 7), floats(1, 2, 4, 5, 6)
BOX = {"kernel_shape": [2, 3], "strides": [2, 2]}

TABLE_NAME = "pooling_norms"
NODES = {
    **{f"lp_{p}": node("LpPool", symbolic(IMAGE, 0), p=p, **BOX) for p in (1, 2, 3)},
    "lp_line": node("LpPool", LINE, kernel_shape=[3]),
    "lp_volume": node("LpPool", VOLUME, kernel_shape=[2, 2, 3]),
    "lp_padded": node("LpPool", IMAGE, pads=[1, 1, 0, 1], **BOX),
    "lp_same": node("LpPool", IMAGE, auto_pad="SAME_LOWER", **BOX),
    "lp_same_free": node("LpPool", symbolic(IMAGE, 0, 2, 3), auto_pad="SAME_UPPER", **BOX),
    "lp_dilated": node("LpPool", IMAGE, dilations=[2, 2], opset=18, **BOX),
    # The one window there is reaches beyond the line.
    **{
        f"{op.lower()}_beyond_{i}": node(op, floats(1, 2, 2), kernel_shape=[3], strides=[2], ceil_mode=1, **more)
        for i, (op, more) in enumerate(
            [("MaxPool", {}), ("AveragePool", {}), ("AveragePool", {"count_include_pad": 1}), ("LpPool", {})]
        )
    },
    "lp_ceil": node("LpPool", IMAGE, ceil_mode=1, kernel_shape=[3, 3], strides=[2, 2], opset=18),
    "lp_before_11": node("LpPool", IMAGE, opset=2, **BOX),
    **{f"global_{p}": node("GlobalLpPool", symbolic(IMAGE, 0, 2), p=p) for p in (1, 2, 3)},
    "global_volume": node("GlobalLpPool", VOLUME),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_pooling_norms(key: str, results: Results) -> None:
    check_node(results[key])
