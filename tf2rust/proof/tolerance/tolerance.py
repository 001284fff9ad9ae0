"""The tolerances of the crate's outputs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dtypes import TENSORS, epsilon

RELATIVE_TOLERANCE = 1e-5
_ROUNDED = ("float16", "bfloat16", "float32", "float64")
"""The dtypes whose numbers differ by rounding."""
_MAX_FACTOR = 10
"""The factor by which a tolerance can grow if rounding is the only cause: up to 1e-4."""


@dataclass(frozen=True)
class Tolerance:
    """The tolerance of an output, its reason, and a note if it is larger than usual."""

    value: float
    reason: str
    note: str | None = None


def relative_tolerance(dtypes: Iterable[str]) -> float:
    """The tolerance relative to the largest magnitude, for a model with values of these dtypes.

    With float16 or bfloat16, implementations round at different steps, and a unit in the last place is large.
    """
    return max([RELATIVE_TOLERANCE, *(epsilon(dtype) for dtype in {*dtypes} & {"float16", "bfloat16"})])


def magnitude(array: np.ndarray) -> float:
    """The largest finite magnitude, or 1 if that is less."""
    array = array.astype(np.float64)
    finite = np.abs(array[np.isfinite(array)])
    return max(1.0, float(finite.max(initial=0.0)))


def default_bound(reference: np.ndarray, relative: float) -> float:
    """``relative`` · max(1, max|reference|); 0 for exact dtypes, which include those that numbers are quantized to."""
    if reference.dtype.name not in _ROUNDED or not reference.size:
        return 0.0
    return relative * magnitude(reference)


def max_bound(reference: np.ndarray, relative: float) -> float:
    """The largest tolerance that rounding alone explains."""
    return _MAX_FACTOR * default_bound(reference, relative)


def distance(reference: np.ndarray, other: np.ndarray | None) -> float | None:
    """The largest difference of finite elements; None if the arrays cannot be compared."""
    if other is None or other.shape != reference.shape or other.dtype.name not in TENSORS:
        return None
    with np.errstate(invalid="ignore"):
        apart = np.abs(other.astype(np.float64) - reference.astype(np.float64))
    return float(np.max(apart[np.isfinite(apart)], initial=0.0))


def default_tolerance(reference: np.ndarray, relative: float) -> Tolerance:
    """The default tolerance."""
    value = default_bound(reference, relative)
    if not value:
        return Tolerance(0.0, "the output is exact")
    return Tolerance(value, f"{relative:.0e} of the largest magnitude, or of 1".replace("e-0", "e-"))


def widened_tolerance(
    name: str, reference: np.ndarray, relative: float, off: float, cause: str, factor: int = 2
) -> Tolerance:
    """``factor`` times ``off`` if that is more than the default tolerance; ``cause`` is a clause that says which result
    is that far off.
    """
    normal = default_tolerance(reference, relative)
    if factor * off <= normal.value:
        return normal
    note = f"output `{name}`: tolerance {factor * off:.1e} instead of {normal.value:.1e}, because {cause}."
    times = "twice" if factor == 2 else f"{factor} times"
    return Tolerance(factor * off, f"{times} the distance, as {cause}", note)
