"""The range of an activation: what its 256 integers cover, and what they saturate.

A histogram of the calibration samples decides. The smallest and the largest number cover everything, but one outlier
makes all steps large; a percentile, or the range with the least mean squared error, saturates outliers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.quantization.settings import MEAN_SQUARED_ERROR, MIN_MAX, PERCENTILE

STEPS = 255
"""The number of steps of 8-bit integers."""
BINS = 2048
_NARROWEST, _WIDEST = BINS * float(np.finfo(np.float32).tiny), float(np.finfo(np.float32).max)
"""Between these, float32 can compute the bin of a number."""
_DIGITS = 4
_TAIL = 1e-4
"""The share of numbers on each side that the range by percentile saturates."""
_SHRINKS = np.linspace(1.0, 0.1, 91)
"""The factors by which the range with the least error can be smaller than the whole range."""
_ROUNDS = 2
"""How often each end is improved while the other one stays."""


@dataclass(frozen=True)
class Quantizer:
    """x ≈ scale · (q − zero_point), with q from 0 to 255."""

    scale: np.float32
    zero_point: np.uint8

    @staticmethod
    def of_range(low: float, high: float) -> Quantizer:
        """The quantizer whose range contains ``low``, ``high`` and 0, which must be exact: padding is 0.

        The ends are rounded to ``_DIGITS`` digits, because the last digits of activations depend on the processor, and
        a model should be the same on all.
        """
        low, high = (float(f"{end:.{_DIGITS - 1}e}") for end in (min(low, 0.0), max(high, 0.0)))
        scale = np.float32((high - low) / STEPS)
        if not scale >= np.finfo(np.float32).tiny:
            return Quantizer(np.float32(1.0), np.uint8(0))
        return Quantizer(scale, np.uint8(np.clip(np.rint(-low / float(scale)), 0, STEPS)))

    def rounded(self, x: np.ndarray) -> np.ndarray:
        """``x`` after quantization and dequantization."""
        scale, zero = float(self.scale), int(self.zero_point)
        return np.asarray((np.clip(np.rint(x / scale) + zero, 0, STEPS) - zero) * scale)


class Histogram:
    """The numbers of ``BINS`` equal parts of the range from ``low`` to ``high``. Exact zeros do not count."""

    def __init__(self, low: float, high: float) -> None:
        self.low, self.high = min(low, 0.0), max(high, 0.0)
        self.counts = np.zeros(BINS, np.int64)

    def add(self, array: np.ndarray) -> None:
        if self.high > self.low:
            numbers = array[array != 0]
            if not _NARROWEST < self.high - self.low < _WIDEST:
                numbers = numbers.astype(np.float64)
            self.counts += np.histogram(numbers, BINS, (self.low, self.high))[0]

    @staticmethod
    def merged(parts: Sequence[Histogram]) -> Histogram:
        """The histogram of all numbers; those of a bin count at its center."""
        if len(parts) == 1:
            return parts[0]
        whole = Histogram(min(part.low for part in parts), max(part.high for part in parts))
        for part in parts if whole.high > whole.low else ():
            counts, _ = np.histogram(part.centers, BINS, (whole.low, whole.high), weights=part.counts)
            whole.counts += counts.astype(np.int64)
        return whole

    @property
    def centers(self) -> np.ndarray:
        edges = np.linspace(self.low, self.high, BINS + 1)
        return (edges[1:] + edges[:-1]) / 2


def _min_max(found: Histogram) -> tuple[float, float]:
    return found.low, found.high


def _percentile(found: Histogram) -> tuple[float, float]:
    total = found.counts.sum()
    if not total:
        return found.low, found.high
    share = np.cumsum(found.counts) / total
    edges = np.linspace(found.low, found.high, BINS + 1)
    first, last = (int(np.searchsorted(share, part)) for part in (_TAIL, 1 - _TAIL))
    return float(edges[first]), float(edges[min(last + 1, BINS)])


def _mean_squared_error(found: Histogram) -> tuple[float, float]:
    """The ends with the least error of the rounded centers of the bins, found in turn."""
    counted = found.counts > 0
    centers, counts = found.centers[counted], found.counts[counted]
    low, high = found.low, found.high

    def error(ends: tuple[float, float]) -> float:
        apart = Quantizer.of_range(*ends).rounded(centers) - centers
        return float(counts @ (apart * apart))

    for _ in range(_ROUNDS if len(centers) else 0):
        high = min(((low, found.high * f) for f in _SHRINKS), key=error)[1]
        low = min(((found.low * f, high) for f in _SHRINKS), key=error)[0]
    return low, high


RANGES: Mapping[str, Callable[[Histogram], tuple[float, float]]] = {
    MIN_MAX: _min_max,
    PERCENTILE: _percentile,
    MEAN_SQUARED_ERROR: _mean_squared_error,
}
"""The range of a histogram by ``--calibration_method``."""
