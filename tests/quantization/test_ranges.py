"""Ranges of activations: the quantizer of a range, and how each method chooses one from a histogram."""

from __future__ import annotations

import numpy as np
import pytest

from tf2rust.quantization.ranges import RANGES, Histogram, Quantizer
from tf2rust.quantization.settings import METHODS


@pytest.mark.parametrize(
    ("low", "high", "scale", "zero_point"),
    [
        (0.0, 255.0, 1.0, 0),
        (-255.0, 0.0, 1.0, 255),
        (-127.5, 127.5, 1.0, 128),
        (-64.0, 191.0, 1.0, 64),
        (2.0, 255.0, 1.0, 0),
        (-255.0, -3.0, 1.0, 255),
        (0.0, 6.0, np.float32(6 / 255), 0),
        (0.0, 0.0, 1.0, 0),
        (0.0, 1e-44, 1.0, 0),
    ],
)
def test_quantizer_of_a_range(low: float, high: float, scale: float, zero_point: int) -> None:
    found = Quantizer.of_range(low, high)
    assert (found.scale, found.zero_point) == (np.float32(scale), zero_point)
    assert found.rounded(np.zeros(1)) == 0


def _histogram(array: np.ndarray) -> Histogram:
    found = Histogram(float(array.min()), float(array.max()))
    found.add(array)
    return found


def _error(array: np.ndarray, method: str) -> float:
    rounded = Quantizer.of_range(*RANGES[method](_histogram(array))).rounded(array)
    return float(np.mean((rounded - array) ** 2))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "array",
    [np.random.default_rng(0).normal(size=20_000), np.random.default_rng(1).uniform(-3, 1, 20_000)],
    ids=["normal", "uniform"],
)
def test_the_range_contains_nearly_all_numbers(array: np.ndarray, method: str) -> None:
    low, high = RANGES[method](_histogram(array))
    assert array.min() <= low < high <= array.max()
    assert np.mean((array < low) | (array > high)) < 0.01


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("ends", [(-3.4e38, 3.4e38), (-3e38, 1.0), (0.0, 3.4e38), (-1e-37, 1e-37), (0.0, 1e-44)])
def test_ranges_as_wide_as_float32_and_as_narrow(method: str, ends: tuple[float, float]) -> None:
    array = np.linspace(*np.asarray(ends), 1000).astype(np.float32)
    found = _histogram(array)
    assert found.counts.sum() == np.count_nonzero(array)
    low, high = RANGES[method](found)
    assert found.low <= low <= high <= found.high
    assert np.isfinite(Quantizer.of_range(low, high).scale)


def test_outliers_saturate_except_with_the_whole_range() -> None:
    rng = np.random.default_rng(2)
    array = np.concatenate([rng.uniform(0, 1, 100_000), [60.0]])
    low, high = RANGES["minmax"](_histogram(array))
    assert (low, high) == (0.0, 60.0)
    assert RANGES["percentile"](_histogram(array))[1] < 1.1
    assert _error(array, "mse") <= min(_error(array, "minmax"), _error(array, "percentile"))


def test_no_other_shrunken_range_has_a_smaller_error() -> None:
    array = np.random.default_rng(3).standard_t(3, 50_000)
    low, high = array.min(), array.max()
    ends = [(low * f, high * f) for f in np.linspace(1, 0.1, 46)]
    errors = [float(np.mean((Quantizer.of_range(*pair).rounded(array) - array) ** 2)) for pair in ends]
    assert _error(array, "mse") <= 1.02 * min(errors)


@pytest.mark.parametrize("method", METHODS)
def test_values_that_are_always_zero_have_a_range(method: str) -> None:
    assert RANGES[method](_histogram(np.zeros(5))) == (0.0, 0.0)


def test_merged_histograms_count_all_numbers() -> None:
    rng = np.random.default_rng(4)
    parts = [rng.uniform(-1, 0, 3000), rng.uniform(0, 4, 5000)]
    merged = Histogram.merged([_histogram(part) for part in parts])
    assert (merged.low, merged.high, merged.counts.sum()) == (parts[0].min(), parts[1].max(), 8000)
    assert abs(merged.counts[merged.centers < 0].sum() - 3000) <= 2
