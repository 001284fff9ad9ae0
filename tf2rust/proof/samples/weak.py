"""Outputs that prove little: equal for all samples, not finite, or empty."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tf2rust.ops.core.dtypes import is_float
from tf2rust.proof.proof import Proof

_ADVICE = "which proves little about the conversion; give realistic samples in --path_to_fv."


def weak_samples(proof: Proof) -> Iterator[str]:
    """A note for each output that would look the same if much of the model were wrong."""
    for name, array in proof.outputs.items():
        if why := _why(array, proof):
            yield f"output `{name}` {why}, {_ADVICE}"


def _why(array: np.ndarray, proof: Proof) -> str | None:
    if not array.size:
        return "has no elements with these samples"
    if not is_float(array.dtype.name):
        return None
    array = array.astype(np.float64)
    if not np.isfinite(array).any():
        return "is NaN or infinite everywhere"
    if not array.any():
        return "is zero everywhere"
    if proof.batched and proof.samples > 1 and _same(array) and not all(map(_same, proof.inputs.values())):
        return "is the same for all samples"
    return None


def _same(array: np.ndarray) -> bool:
    """Whether all rows are equal."""
    array = array.astype(np.float64) if is_float(array.dtype.name) else array
    return bool(np.array_equal(array, np.broadcast_to(array[:1], array.shape), equal_nan=array.dtype.kind == "f"))
