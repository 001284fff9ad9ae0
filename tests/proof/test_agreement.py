"""The agreement of a quantized model with its float model: numbers that are infinite or NaN, and other shapes."""

from __future__ import annotations

import json

import numpy as np
import pytest

from tf2rust.errors import ConversionError
from tf2rust.proof.agreement import agreement

INF, NAN = np.inf, np.nan


@pytest.mark.parametrize(
    ("original", "quantized", "largest", "relative"),
    [
        ([3.0, 4.0], [3.0, 4.0], 0.0, 0.0),
        ([3.0, 4.0], [3.0, 5.0], 1.0, 0.2),
        ([3.0, 4.0, NAN, INF, -INF], [3.0, 5.0, NAN, INF, -INF], 1.0, 0.2),
        ([3.0, NAN], [3.0, 4.0], INF, INF),
        ([3.0, 4.0], [3.0, NAN], INF, INF),
        ([3.0, INF], [3.0, -INF], INF, INF),
        ([NAN, NAN], [NAN, NAN], 0.0, 0.0),
        ([0.0, 0.0], [0.0, 1.0], 1.0, 1.0),
        ([], [], 0.0, 0.0),
    ],
)
def test_differences(original: list[float], quantized: list[float], largest: float, relative: float) -> None:
    found = agreement("y", np.float32(original), np.float32(quantized))
    assert (found.largest, found.relative_rms) == (largest, pytest.approx(relative))
    assert json.loads(json.dumps(found.as_json(), allow_nan=False))["output"] == "y"
    assert "root mean square" in str(found)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ConversionError, match=r"`y` has the shape \[3, 4\] in the quantized model and \[2, 4\] in the"):
        agreement("y", np.zeros((2, 4), np.float32), np.zeros((3, 4), np.float32))
