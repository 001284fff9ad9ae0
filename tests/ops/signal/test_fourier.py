"""Fourier transforms."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, named, node, symbolic

TABLE_NAME = "fourier"
NODES = {
    "dft": node("DFT", symbolic(floats(2, 9, 1), 0), None, const(1)),
    "dft_axis": node("DFT", floats(2, 8, 3, 2), None, const(-3)),
    "dft_one_sided": node("DFT", floats(2, 9, 1), None, const(1), onesided=1),
    "dft_shorter": node("DFT", floats(2, 9, 1), const(6), const(1)),
    "dft_longer": node("DFT", floats(2, 9, 2), const(16), const(1)),
    "dft_inverse": node("DFT", floats(2, 9, 2), None, const(1), inverse=1),
    "dft_before_20": node("DFT", floats(2, 9, 4, 1), axis=2, opset=17),
    "stft": node("STFT", symbolic(floats(2, 40, 1), 0), const(8), None, const(16)),
    "stft_window": node("STFT", floats(2, 40, 1), const(4), const(np.hanning(12), "float32"), const(12)),
    "stft_computed_window": node("STFT", floats(2, 40, 1), const(4), floats(12), const(12)),
    "stft_free": node("STFT", symbolic(floats(2, 40, 1), 0, 1), const(8), const(np.hanning(16), "float32")),
    "stft_complex": node("STFT", floats(2, 40, 2), const(8), None, const(16), onesided=0),
    "stft_two_sided": node("STFT", floats(2, 40, 1), const(4), np.hanning(12).astype(np.float32), onesided=0),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_fourier(key: str, results: Results) -> None:
    check_node(results[key])
