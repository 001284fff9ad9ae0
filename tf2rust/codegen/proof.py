"""The proof that comes with every crate: inputs, what the source framework computed of them, and the tolerance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

RELATIVE_TOLERANCE = 1e-5


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
