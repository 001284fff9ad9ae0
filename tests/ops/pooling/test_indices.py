"""MaxPool with the indices of the maxima, on integers and doubles; MaxUnpool."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

IMAGE = floats(2, 3, 6, 7)
BOX = {"kernel_shape": [2, 3], "strides": [2, 2]}


def _unpooled(x: np.ndarray, places: np.ndarray) -> np.ndarray:
    y = np.zeros(2 * 1 * 4 * 4, np.float32)
    y[places.reshape(-1)] = x.reshape(-1)
    return y.reshape(2, 1, 4, 4)


PLACES = np.asarray([[[[5, 2], [8, 15]]], [[[16, 22], [29, 31]]]])

TABLE_NAME = "places"
NODES = {
    "image": node("MaxPool", symbolic(IMAGE, 0), outputs=2, **BOX),
    "column_major": node("MaxPool", IMAGE, outputs=2, storage_order=1, **BOX),
    "padded": node("MaxPool", IMAGE, outputs=2, pads=[1, 1, 0, 1], dilations=[1, 2], **BOX),
    "same": node("MaxPool", IMAGE, outputs=2, auto_pad="SAME_UPPER", **BOX),
    "same_free": node("MaxPool", symbolic(IMAGE, 0, 2, 3), outputs=2, auto_pad="SAME_UPPER", **BOX),
    "ceil": node("MaxPool", IMAGE, outputs=2, ceil_mode=1, kernel_shape=[3, 3], strides=[2, 2]),
    "line": node("MaxPool", floats(2, 3, 9), outputs=2, kernel_shape=[3]),
    "volume": node("MaxPool", floats(1, 2, 4, 5, 6), outputs=2, kernel_shape=[2, 2, 3]),
    "volume_column_major": node(
        "MaxPool", floats(1, 2, 4, 5, 6), outputs=2, kernel_shape=[2, 2, 3], storage_order=1
    ),
    "ties": node("MaxPool", np.ones((1, 1, 4, 4), np.float32), outputs=2, kernel_shape=[2, 2]),
    "bytes": node("MaxPool", integers(2, 3, 6, 7, low=0, high=256, dtype="uint8"), pads=[1, 1, 1, 1], **BOX),
    "signed": node("MaxPool", integers(2, 3, 6, 7, low=-99, high=-9, dtype="int8"), pads=[1, 1, 1, 1], **BOX),
    "doubles": node("MaxPool", floats(2, 3, 6, 7, dtype="float64"), outputs=2, **BOX),
    "unpool": node(
        "MaxUnpool", symbolic(floats(2, 1, 2, 2), 0), PLACES, kernel_shape=[2, 2], strides=[2, 2], exact=_unpooled
    ),
    "unpool_larger": node(
        "MaxUnpool", floats(2, 1, 2, 2), PLACES, const([2, 1, 5, 6]), kernel_shape=[2, 2], strides=[2, 2],
        by_reference=True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_places(key: str, results: Results) -> None:
    check_node(results[key])
