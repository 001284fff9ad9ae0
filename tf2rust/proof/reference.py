"""What others compute of the samples: the source framework, ONNX Runtime, ONNX' reference implementation."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.load import run_reference
from tf2rust.onnx_import.weights import whole_model
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.proof.samples import is_batched
from tf2rust.source import Run, Source


def reference(source: Source, run: Run, inputs: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], str]:
    """The outputs, and who computed them: ONNX' reference implementation where ONNX Runtime lacks an operator."""
    try:
        return {name: np.asarray(array) for name, array in run(inputs).items()}, source.framework
    except ConversionError as error:
        if not source.run_is_onnx_runtime:
            raise
        try:
            whole = whole_model(source.proto, source.weights)
            return run_reference(whole, inputs), f"ONNX' reference implementation {onnx.__version__}"
        except ConversionError:
            raise error from None


def second_opinion(
    source: Source, runtime: Run, graph: LayerGraph, inputs: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """What ONNX Runtime computes: the samples all at once or, where it is the reference itself, one by one.

    Its kernels order their sums by the size of the batch, so the second shows how exact its first answer is.
    """
    try:
        if source.run_is_onnx_runtime and is_batched(graph):
            count = len(next(iter(inputs.values())))
            single = [
                reference(source, runtime, {name: a[i : i + 1] for name, a in inputs.items()})[0] for i in range(count)
            ]
            return {name: np.concatenate([s[name] for s in single]) for name in single[0]}
        return runtime(inputs)
    except ConversionError:  # it only serves to widen tolerances
        return {}


_UNEXPLAINED = 0.1
"""Of the largest magnitude: more than what one step of a quantised value makes."""


def apart(whole: np.ndarray, single: np.ndarray | None) -> bool:
    """Whether outputs of a batch and of its samples one by one differ by more than the order of sums explains."""
    if single is None or whole.dtype.kind != "f" or single.shape != whole.shape:
        return single is not None and single.shape != whole.shape
    distance = np.abs(whole.astype(np.float64) - single)
    return bool(np.nanmax(distance, initial=0) > _UNEXPLAINED * max(1.0, np.nanmax(np.abs(whole), initial=0)))
