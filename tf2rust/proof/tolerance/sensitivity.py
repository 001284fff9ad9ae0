"""How far rounding can move each element of an output: measured with ONNX Runtime on slightly changed numbers.

Rounding to integers hides changes of the inputs and weights of a quantized model from its outputs. But what is halfway
between two integers, such as an average of a few of them, goes to one or the other by the last bit of a float32 number.
Changed scales of the results show where.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import onnx
from onnx import numpy_helper
from onnx.external_data_helper import uses_external_data

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.proof.reference.reference import Reference
from tf2rust.proof.reference.steps import in_sequence

Arrays = Mapping[str, np.ndarray]

CHANGE = 2.0**-21
"""The relative change of inputs and weights: eight roundings to float32, as in sums of a few hundred terms."""
FACTOR = 16
"""The tolerance of an element, as a multiple of the largest distance that such changes move it."""
_RUNS = 8
_SEED = 20_240_229
_MOST_CHANGED = 1 << 21
"""The maximum number of weights that are changed, because these are copied."""
_MOST_WEIGHTS = 1 << 24
"""The maximum number of weights of a model whose weights are changed, because a second session holds all of them."""
_SECONDS = 60.0
"""The time limit of a run: a loop may take longer with changed inputs."""
_SCALE_OF_RESULT = {
    "QuantizeLinear": 1,
    **dict.fromkeys(("QLinearConv", "QLinearMatMul", "QLinearAdd", "QLinearMul"), 6),
    **dict.fromkeys(("QLinearSigmoid", "QLinearLeakyRelu", "QLinearSoftmax"), 3),
    **dict.fromkeys(("QLinearAveragePool", "QLinearGlobalAveragePool"), 3),
    "QGemm": 7,
    "QLinearConcat": 0,
}
"""The input of an operator that is the scale of its result."""
_FULL_WORK, _MOST_WORK = 10**10, 10**12
"""The maximum number of multiplications in a run for ``_RUNS`` runs, and for two."""


@dataclass(frozen=True)
class Sensitivity:
    """How far small changes of inputs and weights move the outputs of a model."""

    largest: Mapping[str, float] = field(default_factory=dict)
    """The largest distance that they move an element, by output."""
    elements: Mapping[str, np.ndarray] = field(default_factory=dict)
    """The tolerance of every element that needs one above the bound of its output, and 0 for the others. Outputs
    without such elements are missing.
    """
    others: Mapping[str, float] = field(default_factory=dict)
    """The largest distance that the changes move the other elements, by output."""


def sensitivity(
    reference: Reference, inputs: Arrays, expected: Arrays, bounds: Mapping[str, float], work: int
) -> Sensitivity:
    """Measures how far ONNX Runtime's outputs move.

    ``expected`` are ONNX Runtime's outputs for ``inputs``, ``bounds`` the largest tolerances of the outputs, and
    ``work`` is the number of multiplications of a run.

    Two correct implementations add in different orders, which acts like a small change of inputs and weights. Where a
    model magnifies such changes, as a logarithm does near 0, implementations differ by more than the usual tolerance,
    but mostly in these elements.
    """
    moved: dict[str, np.ndarray] = {}
    steps = [] if work > _MOST_WORK else _changed_steps(reference, inputs)
    others = _changed_runs(reference, inputs, 0 if work > _MOST_WORK else _RUNS if work <= _FULL_WORK else 2)
    for outputs, is_last in chain(((outputs, False) for outputs in steps), ((outputs, True) for outputs in others)):
        for name in bounds:
            distance = _distance(outputs[name], expected[name])
            moved[name] = np.maximum(distance, moved.get(name, distance))
        if is_last and all(FACTOR * distance.max(initial=0.0) <= bounds[name] for name, distance in moved.items()):
            break
    largest = {name: float(distance.max(initial=0.0)) for name, distance in moved.items()}
    rest = {name: float(by[FACTOR * by <= bounds[name]].max(initial=0.0)) for name, by in moved.items()}
    found = {
        name: np.where(FACTOR * by > bounds[name], FACTOR * by, 0.0).astype(np.float32) for name, by in moved.items()
    }
    return Sensitivity(largest, {name: array for name, array in found.items() if array.any()}, rest)


def _changed_runs(reference: Reference, inputs: Arrays, count: int) -> Iterator[Arrays]:
    """The outputs for changed inputs and weights; none if there is nothing to change."""
    weights, runtime = reference.source.weights, reference.runtime
    rng = np.random.default_rng(_SEED)
    changed = _changed_weights(weights, rng) if count else {}
    if changed:
        runtime = OnnxRuntime(reference.proto, {**weights, **changed})
    if not changed and not any(_is_changed(array) for array in inputs.values()):
        return
    run = in_sequence(runtime, reference.states)
    for _ in range(count):
        try:
            yield run({name: _changed(array, rng) for name, array in inputs.items()}, _SECONDS)
        except ConversionError:  # Changed numbers do not suit the model, so nothing is known.
            return


def _changed_steps(reference: Reference, inputs: Arrays) -> Iterator[Arrays]:
    """The outputs if all results are quantized with a scale that is slightly smaller, or larger, than the one that they
    are dequantized with. None if the model quantizes nothing.
    """
    for factor in (1 - CHANGE, 1 + CHANGE):
        proto = _with_steps(reference.proto, factor)
        if proto is None:
            return
        run = in_sequence(OnnxRuntime(proto, reference.source.weights), reference.states)
        try:
            yield run(inputs, _SECONDS)
        except ConversionError:
            return


def _with_steps(proto: onnx.ModelProto, factor: float) -> onnx.ModelProto | None:
    """The model with the constant scales of quantized results times ``factor``; None if there are none."""
    # Before all weights of a float model are copied in vain.
    if all(node.op_type not in _SCALE_OF_RESULT for node in proto.graph.node):
        return None
    found = onnx.ModelProto()
    found.CopyFrom(proto)
    constants = {tensor.name: tensor for tensor in found.graph.initializer}
    made: dict[str, onnx.TensorProto] = {}
    for node in found.graph.node:
        place = _SCALE_OF_RESULT.get(node.op_type, len(node.input))
        scale = None if place >= len(node.input) else constants.get(node.input[place])
        if scale is None or scale.data_type != onnx.TensorProto.FLOAT or uses_external_data(scale):
            continue
        if scale.name not in made:
            array = (numpy_helper.to_array(scale) * np.float32(factor)).astype(np.float32)
            made[scale.name] = numpy_helper.from_array(array, f"{scale.name}/changed")
        node.input[place] = made[scale.name].name
    found.graph.initializer.extend(made.values())
    return found if made else None


def _changed_weights(weights: Arrays, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The weights that are changed: in the order of the model, as many as may be copied."""
    changed: dict[str, np.ndarray] = {}
    if sum(array.size for array in weights.values()) > _MOST_WEIGHTS:
        return changed
    left = _MOST_CHANGED
    for name, array in weights.items():
        if _is_changed(array) and array.size <= left:
            left -= array.size
            changed[name] = _changed(array, rng)
    return changed


def _is_changed(array: np.ndarray) -> bool:
    return array.dtype == np.float32


def _changed(array: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    if not _is_changed(array):
        return array
    factors = np.array([1 - CHANGE, 1 + CHANGE], np.float32)
    with np.errstate(over="ignore"):
        return np.asarray(array * factors[rng.integers(0, 2, array.shape, np.uint8)], np.float32)


def _distance(changed: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The distances of the elements; 0 where an element is not finite or has no counterpart."""
    if changed.shape != expected.shape:
        return np.zeros(expected.shape)
    with np.errstate(invalid="ignore"):
        distance = np.abs(changed.astype(np.float64) - expected)
    return np.where(np.isfinite(distance), distance, 0.0)
