"""Slice: bounds outside of the axis, steps in both directions, and negative padding."""

from __future__ import annotations

import numpy as np
import pytest

from tests.models.graphs import graph
from tests.models.graphs import node as plain
from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, named, node, symbolic
from tf2rust.conversion import match_layers
from tf2rust.source import Source

LINE = floats(4)
BOUNDS = (-9, -5, -4, -1, 0, 3, 4, 9)
TABLE_NAME = "slice"
NODES = {
    # Backwards, a start in front of the line is its first element.
    **{
        f"from_{start}_by_{step}": node("Slice", LINE, const([start]), const([end]), const([0]), const([step]))
        for start in BOUNDS
        for step, end in ((1, 3), (2, 9), (-1, -9), (-2, -(10**12)))
    },
    "of_one": node("Slice", floats(1, 2), const([-5]), const([-9]), const([0]), const([-2])),
    "free": node("Slice", symbolic(floats(4, 3), 0), const([-1]), const([-(10**12)]), const([0]), const([-1])),
    "cropped": node("Pad", floats(3, 4), const([-1, 0, 0, -2])),
    "cropped_and_padded": node("Pad", floats(3, 4), const([-1, 2, 1, -2])),
    "cropped_to_nothing": node("Pad", floats(3, 4), const([-1, 1, -2, 0])),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_slice(key: str, results: Results) -> None:
    check_node(results[key])


def test_cropping_more_than_there_is() -> None:
    model = graph(
        [plain("Pad", ["x", "pads"], ["y"])], {"x": (1, [2, 3])}, {"y": (1, [0, 3])}, {"pads": np.array([-3, 0, 1, 0])}
    )
    found, _ = match_layers(Source(None, model, "onnx", lambda _: {}))  # type: ignore[arg-type]
    assert [u.reason for u in found.unmatched] == ["it removes 3 elements from axis 0, which has only 2"]
