"""The test data of a crate: inputs, reference outputs and tolerances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Proof:
    """Samples of every input and output by name, and the tolerance of each output.

    ``reference`` names the framework that computed the outputs. If the batch is symbolic, axis 0 of every array is the
    sample; otherwise there is one sample. ``reasons`` explains each tolerance.
    """

    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    reference: str
    tolerances: Mapping[str, float]
    reasons: Mapping[str, str]
    batched: bool

    @property
    def samples(self) -> int:
        return next(iter(self.inputs.values())).shape[0] if self.batched else 1

    def features(self) -> dict[str, np.ndarray]:
        """The arrays of ``testdata/features.npz``: one flattened row per sample, with the original dtypes."""
        arrays = {}
        for prefix, group in (("inputs", self.inputs), ("predictions", self.outputs)):
            for name, array in group.items():
                arrays[features_key(prefix, name, len(group))] = as_stored(array).reshape(self.samples, -1)
        return arrays


def as_stored(array: np.ndarray) -> np.ndarray:
    """The array as an NPZ file stores it: strings in NumPy's dtype for strings of a limited length."""
    return array.astype(str) if array.dtype.kind == "O" else array


def features_key(prefix: str, name: str, count: int) -> str:
    """``inputs`` for a single input, ``inputs_<name>`` for several; the same for ``predictions``."""
    return prefix if count == 1 else f"{prefix}_{name}"
