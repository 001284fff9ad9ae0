"""The test data of a crate: inputs, reference outputs and tolerances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tf2rust.errors import one_line
from tf2rust.ops.core.dtypes import as_stored
from tf2rust.proof.agreement import Agreement

_BINS = 2
"""Bins of a histogram of differences per power of ten."""
_SMALLEST, _LARGEST = -20, 10
"""The powers of ten that the bins cover; what is smaller or larger counts in the first or last bin."""


@dataclass(frozen=True)
class Difference:
    """How the reference outputs differ from those of another computation, ``other``.

    ``largest`` is the largest difference of finite elements. The rest describes the elements that were compared, of
    which ``equal`` do not differ at all: ``histogram`` has pairs of a power of ten, in halves, and the number of
    elements that differ by at least that and by less than the next. ``worst`` is the sample with the largest
    difference; None if the samples do not differ, or if there is only one.
    """

    other: str
    largest: float
    equal: int = 0
    histogram: tuple[tuple[float, int], ...] = ()
    worst: int | None = None

    @staticmethod
    def between(other: str, largest: float, reference: np.ndarray, found: np.ndarray, samples: int) -> Difference:
        """The difference of two arrays of the same shape, whose axis 0 holds the samples if there are several."""
        with np.errstate(invalid="ignore"):
            apart = np.abs(found.astype(np.float64) - reference.astype(np.float64))
        # Not an assignment: the difference of two scalars is no array.
        apart = np.where(np.isfinite(apart), apart, 0.0)
        powers = np.floor(np.log10(apart[apart > 0]) * _BINS).astype(np.int64)
        bins, counts = np.unique(np.clip(powers, _SMALLEST * _BINS, _LARGEST * _BINS), return_counts=True)
        worst = None
        if samples > 1 and apart.ndim and len(apart) == samples and apart.any():
            worst = int(apart.reshape(samples, -1).max(axis=1).argmax())
        histogram = tuple((power / _BINS, count) for power, count in zip(bins.tolist(), counts.tolist(), strict=True))
        return Difference(other, largest, int(np.count_nonzero(apart == 0)), histogram, worst)


@dataclass(frozen=True)
class Proof:
    """Samples of every input and output by name, and the tolerance of each output.

    ``reference`` names the framework that computed the outputs. If the batch is symbolic, axis 0 of every array is the
    sample; otherwise there is one sample. ``reasons`` explains each tolerance. ``elements`` holds, for outputs in which
    the model magnifies rounding errors, the tolerance of each element that needs a greater one, and 0 for the others.
    ``sizes`` are those of the symbolic dimensions except for the batch. ``differences`` has the distance of each output
    from a second computation of the graph, if there is one. ``steps`` is 0, or for a model with states the number of
    steps that run in sequence; axis 0 of every array is then the step. For a model that was quantized, ``original`` has
    the outputs of the float model, and ``agreements`` compares the reference with them.
    """

    inputs: Mapping[str, np.ndarray]
    outputs: Mapping[str, np.ndarray]
    reference: str
    tolerances: Mapping[str, float]
    reasons: Mapping[str, str]
    batched: bool
    elements: Mapping[str, np.ndarray] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    differences: Mapping[str, Difference] = field(default_factory=dict)
    steps: int = 0
    original: Mapping[str, np.ndarray] = field(default_factory=dict)
    agreements: Mapping[str, Agreement] = field(default_factory=dict)

    @property
    def samples(self) -> int:
        """The number of samples or steps."""
        return next(iter(self.inputs.values())).shape[0] if self.batched else self.steps or 1

    def about(self) -> str:
        """``verified on 16 samples (time = 9) against TensorFlow 2.21.0``"""
        sizes = f" ({', '.join(f'{name} = {size}' for name, size in self.sizes.items())})" if self.sizes else ""
        unit = "step" if self.steps else "sample"
        count = f"1 {unit}" if self.samples == 1 else f"{self.samples} {unit}s"
        return f"verified on {count}{sizes} against {self.reference}"

    def graph_figures(self) -> list[str]:
        """A sentence for each output with the largest difference between two computations of the graph."""
        return [
            f"`{one_line(name)}`: {self.reference} differs from {found.other} by at most {found.largest:.1e}"
            for name, found in self.differences.items()
        ]

    def features(self) -> dict[str, np.ndarray]:
        """The arrays of ``testdata/features.npz``: one flattened row per sample."""
        arrays = {}
        for prefix, group, count in (
            ("inputs", self.inputs, len(self.inputs)),
            ("predictions", self.outputs, len(self.outputs)),
            ("float_predictions", self.original, len(self.outputs)),
        ):
            for name, array in group.items():
                arrays[features_key(prefix, name, count)] = as_stored(array).reshape(self.samples, -1)
        for name, array in self.elements.items():
            arrays[features_key("tolerances", name, len(self.outputs))] = array.reshape(self.samples, -1)
        return arrays


def features_key(prefix: str, name: str, count: int) -> str:
    """``inputs`` for a single input, ``inputs_<name>`` for several; the same for other prefixes."""
    return prefix if count == 1 else f"{prefix}_{name}"
