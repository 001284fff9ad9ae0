"""The test data of a crate: inputs, reference outputs and tolerances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from tf2rust.errors import one_line
from tf2rust.ops.core.dtypes import as_stored


@dataclass(frozen=True)
class Difference:
    """The largest difference between the reference outputs and those of another computation, ``other``."""

    other: str
    largest: float


@dataclass(frozen=True)
class Proof:
    """Samples of every input and output by name, and the tolerance of each output.

    ``reference`` names the framework that computed the outputs. If the batch is symbolic, axis 0 of every array is the
    sample; otherwise there is one sample. ``reasons`` explains each tolerance. ``elements`` holds, for outputs in which
    the model magnifies rounding errors, the tolerance of each element that needs a greater one, and 0 for the others.
    ``sizes`` are those of the symbolic dimensions except for the batch. ``differences`` has the distance of each output
    from a second computation of the graph, if there is one. ``steps`` is 0, or for a model with states the number of
    steps that run in sequence; axis 0 of every array is then the step.
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
        for prefix, group in (("inputs", self.inputs), ("predictions", self.outputs)):
            for name, array in group.items():
                arrays[features_key(prefix, name, len(group))] = as_stored(array).reshape(self.samples, -1)
        for name, array in self.elements.items():
            arrays[features_key("tolerances", name, len(self.outputs))] = array.reshape(self.samples, -1)
        return arrays


def features_key(prefix: str, name: str, count: int) -> str:
    """``inputs`` for a single input, ``inputs_<name>`` for several; the same for other prefixes."""
    return prefix if count == 1 else f"{prefix}_{name}"
