"""The limits that a crate's tests set to its difference from the float model that it was quantized from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tf2rust.proof.proof import Proof

_ROUNDED_UP = 1 + 1e-4
"""The limits have five digits, and must not be below what was measured."""


@dataclass(frozen=True)
class Limits:
    """The largest and the root mean squared difference as Rust literals, the number of classes in a row, and the number
    of rows that must have the same class.

    There is one class for a probability, and none for an output that is no classification.
    """

    largest: str
    rms: str
    classes: int
    same: int


def limits(proof: Proof, name: str) -> Limits:
    """What was measured for the output ``name``, plus the tolerance of the crate.

    A row counts only if its class cannot change within the tolerance.
    """
    found, array = proof.agreements[name], proof.outputs[name]
    own = proof.elements.get(name)
    tolerance = max(proof.tolerances[name], 0.0 if own is None else float(own.max()))
    largest, rms = (_literal((value + tolerance) * _ROUNDED_UP) for value in (found.largest, found.rms))
    if found.class_axis is None or found.class_axis != array.ndim - 1:
        return Limits(largest, rms, 0, 0)
    same = _safe_class(array, tolerance) & (_class(array) == _class(proof.original[name]))
    return Limits(largest, rms, array.shape[-1], int(np.count_nonzero(same)))


def _literal(number: float) -> str:
    return f"{number:.4e}" if np.isfinite(number) else "f64::INFINITY"


def _class(array: np.ndarray) -> np.ndarray:
    return np.asarray(array[..., 0] > 0.5 if array.shape[-1] == 1 else array.argmax(-1))


def _safe_class(array: np.ndarray, tolerance: float) -> np.ndarray:
    """Whether the class of each row stays the same if its numbers change by at most ``tolerance``."""
    if array.shape[-1] == 1:
        return np.asarray(np.abs(array[..., 0] - 0.5) > tolerance)
    ordered = np.sort(array, axis=-1)
    return np.asarray(ordered[..., -1] - ordered[..., -2] > 2 * tolerance)
