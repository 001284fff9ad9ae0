"""The samples that calibrate and judge a quantized model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.npz import read_npz
from tf2rust.ops.core.dims import DimExpr
from tf2rust.ops.core.layer import LayerGraph, Value
from tf2rust.proof.reference.steps import sizes_of
from tf2rust.proof.samples.budget import elements
from tf2rust.proof.samples.features import ONLY_INPUT, Features, check_features, read_features
from tf2rust.proof.samples.sizes import batch_of

Samples = Sequence[Mapping[str, np.ndarray]]
"""Batches of inputs by name."""
FEWEST = 8
"""The minimum number of calibration samples."""
_MOST_ELEMENTS = 1 << 21
"""The maximum elements of the calibration samples that also become the crate's test data."""
_MOST_TESTED = 64
"""The maximum number of these samples."""
_MOST_ACTIVATIONS = 1 << 26
"""The maximum elements of the activations of one batch."""


@dataclass(frozen=True)
class Evidence:
    """Batches that calibrate, their number of samples, batches that judge the result, and the labels of the latter.

    ``options`` are the options that gave the two.
    """

    calibration: Samples
    count: int
    evaluation: Samples
    labels: np.ndarray | None = None
    options: tuple[str, str] = ("--path_to_fv", "--path_to_fv")

    @property
    def evaluated(self) -> int:
        """The number of samples that judge the result."""
        return sum(len(next(iter(batch.values()))) for batch in self.evaluation)

    def check(self) -> None:
        """Raises ConversionError if there are too few samples to know the range of an activation."""
        if self.count < FEWEST:
            raise ConversionError(
                f"There {'is' if self.count == 1 else 'are'} {self.count} sample{'s' * (self.count != 1)} to calibrate "
                f"with, too few to know the ranges of activations; give at least {FEWEST}, better some hundred, with "
                "the sample on axis 0 of every array, or with --calibrate if the model has a batch of a fixed size."
            )
        if _are_equal(self.calibration):
            raise ConversionError(
                f"All {self.count} samples to calibrate with are equal, so the ranges of activations are unknown; give "
                "samples like the data that the model will see."
            )


def _are_equal(samples: Samples) -> bool:
    """Whether all samples are equal, and not infinite or NaN, which has a message of its own."""
    first = samples[0]
    return all(
        array.ndim > 0 and (array.dtype.kind != "f" or np.isfinite(array).all()) and (array == first[name][:1]).all()
        for batch in samples
        for name, array in batch.items()
    )


def read_calibration(path: Path, graph: LayerGraph) -> tuple[Features, int]:
    """The arrays of ``--calibrate``, and the size of axis 0 in a batch; 0 if it can have any size.

    If the model has a fixed size on axis 0 of all inputs, the arrays can have a multiple of it. Raises ConversionError
    as :func:`~tf2rust.proof.samples.features.read_features` does.
    """
    arrays = read_npz(path, "--calibrate expects an NPZ file of arrays by input name")
    fixed = _fixed_batch(graph)
    if not fixed:
        return check_features(arrays, path, graph), 0
    if ONLY_INPUT in arrays and len(graph.inputs) == 1:
        arrays[graph.inputs[0].name] = arrays.pop(ONLY_INPUT)
    given = [arrays[value.name] for value in graph.inputs if value.name in arrays]
    sizes = {array.shape[0] if array.ndim else 0 for array in given}
    count = max(sizes, default=0)
    if len(sizes) != 1 or count % fixed or not count:
        return check_features(arrays, path, graph), fixed
    samples = DimExpr.symbol("samples")
    inputs = [Value(v.name, v.dtype, (samples, *v.shape[1:])) for v in graph.inputs]
    return check_features(arrays, path, LayerGraph(inputs, graph.outputs, [])), fixed


def _fixed_batch(graph: LayerGraph) -> int:
    """The size of axis 0 of all inputs if it is a number, otherwise 0."""
    sizes = {value.shape[0] if value.shape else 0 for value in graph.inputs}
    size = sizes.pop() if len(sizes) == 1 else 0
    return size if isinstance(size, int) else 0


def batched(inputs: Mapping[str, np.ndarray], size: int) -> Samples:
    """The inputs in batches of at most ``size`` samples; one batch if ``size`` is 0."""
    count = len(next(iter(inputs.values())))
    if not size or any(array.ndim == 0 or len(array) != count for array in inputs.values()):
        return [inputs]
    return [{name: array[i : i + size] for name, array in inputs.items()} for i in range(0, count, size)]


def batch_size(graph: LayerGraph, fixed: int, features: Features) -> int:
    """The size of the batches that the model runs: its own, or as many samples as the memory for activations allows.
    It is 0 if the arrays are one batch.
    """
    batch = batch_of(graph)
    if fixed or batch is None:
        return fixed
    sizes = {**sizes_of(graph, features.inputs), batch: 1}
    width = sum(elements(value, sizes) for layer in graph.walk() for value in layer.outputs)
    return max(1, _MOST_ACTIVATIONS // max(width, 1))


def collect_evidence(graph: LayerGraph, given: Path | None, calibrate: Path | None) -> tuple[Evidence, Features | None]:
    """The samples of ``--path_to_fv`` and ``--calibrate``, and those for the crate's tests.

    Without ``--path_to_fv``, the calibration samples judge the result, and the first of them are for the tests.
    ``predictions`` in ``--path_to_fv`` are left out, because the float model computed them.
    """
    features = None if given is None else read_features(given, graph)
    if calibrate is None:
        if features is None:
            return Evidence([], 0, []), None
        samples = batched(features.inputs, batch_size(graph, 0, features))
        return Evidence(samples, _count(graph, features), samples, features.labels), replace(features, predictions=None)
    read, fixed = read_calibration(calibrate, graph)
    samples = batched(read.inputs, batch_size(graph, fixed, read))
    count = len(next(iter(read.inputs.values()))) if fixed else _count(graph, read)
    if features is None:
        return Evidence(samples, count, samples, read.labels, ("--calibrate", "--calibrate")), tested(read, fixed)
    judging = batched(features.inputs, batch_size(graph, 0, features))
    evidence = Evidence(samples, count, judging, features.labels, ("--calibrate", "--path_to_fv"))
    return evidence, replace(features, predictions=None)


def tested(features: Features, fixed: int) -> Features:
    """The first samples of a calibration file, for the crate's tests."""
    width = max(1, sum(array[:1].size for array in features.inputs.values()))
    count = fixed or max(1, min(_MOST_TESTED, _MOST_ELEMENTS // width))
    total = len(next(iter(features.inputs.values())))
    parts = batched(features.inputs, count if count < total else 0)
    return replace(features, inputs=dict(parts[0]), labels=None, predictions=None)


def _count(graph: LayerGraph, features: Features) -> int:
    """The number of samples: the size of axis 0 if it can have any size in all inputs; otherwise 1."""
    if any(not value.shape or isinstance(value.shape[0], int) for value in graph.inputs):
        return 1
    return min((len(array) for array in features.inputs.values()), default=1)


def joined(batches: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """The arrays of all batches, joined on axis 0."""
    return {name: np.concatenate([np.atleast_1d(batch[name]) for batch in batches]) for name in batches[0]}
