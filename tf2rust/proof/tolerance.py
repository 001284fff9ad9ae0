"""How far the crate may be from the reference."""

from __future__ import annotations

import numpy as np

RELATIVE_TOLERANCE = 1e-5


def relative_tolerance(halves: bool) -> float:
    """What part of the largest magnitude a result may be off.

    ``halves``: it is of float16, or computed from what was; who computes rounds at other places, and a last place is
    much.
    """
    return float(np.finfo(np.float16).eps) if halves else RELATIVE_TOLERANCE


def tolerance(reference: np.ndarray, runtime: np.ndarray | None, halves: bool = False) -> tuple[float, str]:
    """How far Rust may be from ``reference``, and why.

    1e-5 · max(1, max|reference|), of a model on float16 1e-3 of it; where ONNX Runtime itself is further off than half
    of that, twice its distance.
    """
    if reference.dtype.kind != "f" or not reference.size:
        return 0.0, "it is exact"
    finite = np.abs(reference[np.isfinite(reference)].astype(np.float64))
    usual = relative_tolerance(halves) * max(1.0, float(finite.max(initial=0.0)))
    if runtime is not None and runtime.shape == reference.shape:
        distances = np.abs(runtime.astype(np.float64) - reference.astype(np.float64))
        distance = float(np.max(distances[np.isfinite(distances)], initial=0.0))
        if distance > usual / 2:
            return 2 * distance, f"twice the {distance:.1e} that ONNX Runtime is off"
    return usual, f"{'1e-3' if halves else '1e-5'} of the largest magnitude, or of 1"
