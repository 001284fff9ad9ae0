"""Runs the float model on the calibration samples, and finds the ranges of its activations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.quantization.graph import FloatGraph
from tf2rust.quantization.ranges import Histogram
from tf2rust.quantization.samples import Samples


def activations(graph: FloatGraph, values: Sequence[str], samples: Samples) -> Iterator[tuple[str, np.ndarray]]:
    """The arrays of ``values`` for each batch of samples, one after the other."""
    given = [name for name in values if name not in graph.makers]
    computed = [name for name in values if name in graph.makers]
    run = OnnxRuntime(*graph.model(computed)) if computed else None
    for batch in samples:
        yield from ((name, np.asarray(batch[name])) for name in given)
        if run is not None:
            yield from run({name: batch[name] for name in batch if name in _read(run)}).items()


def _read(run: OnnxRuntime) -> set[str]:
    """The inputs of the part of the model that computes the values."""
    return {info.name for info in run.proto.graph.input}


def histograms(graph: FloatGraph, values: Iterable[str], samples: Samples) -> dict[str, Histogram]:
    """A histogram of each value. Runs the samples twice: the ranges of the bins must be known first.

    Raises ConversionError if a value is not finite, because it then has no range.
    """
    values = list(values)
    lows, highs = dict.fromkeys(values, 0.0), dict.fromkeys(values, 0.0)
    for name, array in activations(graph, values, samples):
        if not np.isfinite(array).all():
            raise ConversionError(
                f"`{name}` is infinite or NaN for a calibration sample, so it has no range for integers; give samples "
                "for which the model computes finite numbers, or keep the layer in float with --keep_float."
            )
        lows[name] = min(lows[name], float(array.min(initial=0.0)))
        highs[name] = max(highs[name], float(array.max(initial=0.0)))
    found = {name: Histogram(lows[name], highs[name]) for name in values}
    for name, array in activations(graph, values, samples):
        found[name].add(array)
    return found
