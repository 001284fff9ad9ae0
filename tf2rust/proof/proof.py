"""What comes with every crate as its proof: inputs, what the source framework computed of them, and tolerances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Proof:
    """Samples of every input and output by name, and how far each output may be off.

    ``reference`` names who computed the outputs. Where the batch is free, axis 0 of every array counts the samples;
    otherwise there is one sample. ``reasons`` says in words where each tolerance comes from.
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
        """``testdata/features.npz``: one flattened row for each sample; dtypes are kept."""
        arrays = {}
        for prefix, group in (("inputs", self.inputs), ("predictions", self.outputs)):
            for name, array in group.items():
                arrays[features_key(prefix, name, len(group))] = array.reshape(self.samples, -1)
        return arrays


def features_key(prefix: str, name: str, count: int) -> str:
    """``inputs`` where there is one input, ``inputs_<name>`` where there are more; the same for ``predictions``."""
    return prefix if count == 1 else f"{prefix}_{name}"
