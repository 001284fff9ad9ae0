"""The tolerances of the crate's outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

RELATIVE_TOLERANCE = 1e-5
_MAX_FACTOR = 10
"""The factor by which a tolerance can grow if rounding is the only cause: up to 1e-4."""


@dataclass(frozen=True)
class Tolerance:
    """The tolerance of an output, its reason, and a note if it is larger than usual."""

    value: float
    reason: str
    note: str | None = None


def relative_tolerance(has_float16: bool) -> float:
    """The tolerance relative to the largest magnitude.

    ``has_float16`` says that the model uses float16: implementations round at different steps, and a unit in the last
    place is large.
    """
    return float(np.finfo(np.float16).eps) if has_float16 else RELATIVE_TOLERANCE


def magnitude(array: np.ndarray) -> float:
    """The largest finite magnitude, or 1 if that is less."""
    finite = np.abs(array[np.isfinite(array)].astype(np.float64))
    return max(1.0, float(finite.max(initial=0.0)))


def default_bound(reference: np.ndarray, has_float16: bool) -> float:
    """1e-5 · max(1, max|reference|), or 1e-3 for models with float16; 0 for exact dtypes."""
    if reference.dtype.kind != "f" or not reference.size:
        return 0.0
    return relative_tolerance(has_float16) * magnitude(reference)


def max_bound(reference: np.ndarray, has_float16: bool) -> float:
    """The largest tolerance that rounding alone explains."""
    return _MAX_FACTOR * default_bound(reference, has_float16)


def distance(reference: np.ndarray, other: np.ndarray | None) -> float | None:
    """The largest difference of finite elements; None if the arrays cannot be compared."""
    if other is None or other.shape != reference.shape or other.dtype.kind not in "iufb":
        return None
    with np.errstate(invalid="ignore"):
        apart = np.abs(other.astype(np.float64) - reference.astype(np.float64))
    return float(np.max(apart[np.isfinite(apart)], initial=0.0))


def default_tolerance(reference: np.ndarray, has_float16: bool) -> Tolerance:
    """The default tolerance."""
    value = default_bound(reference, has_float16)
    if not value:
        return Tolerance(0.0, "the output is exact")
    return Tolerance(value, f"{'1e-3' if has_float16 else '1e-5'} of the largest magnitude, or of 1")


def widened_tolerance(name: str, reference: np.ndarray, has_float16: bool, off: float, cause: str) -> Tolerance:
    """Twice ``off`` if that is more than the default tolerance; ``cause`` is a clause that says which result is that
    far off.
    """
    normal = default_tolerance(reference, has_float16)
    if 2 * off <= normal.value:
        return normal
    note = f"output `{name}`: tolerance {2 * off:.1e} instead of {normal.value:.1e}, because {cause}."
    return Tolerance(2 * off, f"twice the distance, as {cause}", note)
