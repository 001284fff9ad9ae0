"""The tolerance of each output, from other computations of the same samples: ONNX Runtime and float64."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import onnx

from tf2rust.errors import ConversionError
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.ops.elementwise.unary import ROUNDING
from tf2rust.proof.proof import Difference
from tf2rust.proof.reference.float64 import in_float64, operators
from tf2rust.proof.reference.reference import Reference
from tf2rust.proof.reference.steps import in_sequence, sizes_of
from tf2rust.proof.samples.attempts import Answer
from tf2rust.proof.samples.budget import estimate, reference_seconds
from tf2rust.proof.samples.sizes import is_batched
from tf2rust.proof.tolerance.sensitivity import CHANGE, FACTOR, Sensitivity, sensitivity
from tf2rust.proof.tolerance.tolerance import (
    RELATIVE_TOLERANCE,
    Tolerance,
    default_bound,
    default_tolerance,
    distance,
    magnitude,
    max_bound,
    relative_tolerance,
    widened_tolerance,
)

_UNEXPLAINED = 0.1
"""A share of the largest magnitude: more than one step of a quantized value."""
_FEW = 0.1
"""A share of the elements: more than exceed a jump by chance."""
_AS_MUCH = 10
"""A rounding error below this share of a difference does not explain the difference."""
_OF_OUTPUT = 4
"""The tolerance of an output, as a multiple of the largest distance that small changes of the model's numbers move it.

It is smaller than that of an element, because the largest of many distances is known better than each of them.
"""
_MAGNIFIED = "the model magnifies float32 rounding errors"
_EXACT_SAMPLES = 4
_ALWAYS, _IN_DOUBT = 0.5, 20.0
"""Seconds (estimated) that a float64 run can take: as a second opinion, and to find out which result is wrong."""
_MAX_WEIGHTS = {_ALWAYS: 1 << 21, _IN_DOUBT: 1 << 26}
_QUANTIZED = frozenset(
    (
        ROUNDING,
        *("QuantizeLinear", "DynamicQuantizeLinear", "DynamicQuantizeMatMul", "DynamicQuantizeLSTM"),
        *("QLinearConv", "QLinearMatMul", "QLinearAdd", "QLinearMul", "QLinearSigmoid", "QLinearLeakyRelu"),
        *("QLinearSoftmax", "QLinearAveragePool", "QLinearGlobalAveragePool", "QLinearConcat", "QGemm"),
    )
)
"""Operators that round to a quantized value, or to one with as few bits."""
_MOVES = frozenset({"Identity", "Reshape", "Flatten", "Transpose", "Squeeze", "Unsqueeze", "Slice", "Expand"})
"""Operators that only move elements."""
_JUMPS = frozenset(
    (
        *("Round", "Floor", "Ceil", "Sign", "ArgMax", "ArgMin", "TopK", "Hardmax", "NonMaxSuppression"),
        *("NonZero", "Unique", "Mod", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "Equal", "Cast"),
    )
)
"""Operators whose results jump if their inputs differ by rounding."""
_RANKINGS = frozenset({"NonMaxSuppression", "TopK"})
"""Operators that put rows into an order."""

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class _Compared:
    """The distances from float64 of the reference, and of ONNX's reference implementation in float32.

    The implementation has bugs that make it differ from the reference but not from itself. ``wide`` is its output in
    float64, for all samples or the first ones.
    """

    reference: float
    rounding: float
    wide: np.ndarray


class Judge:
    """Compares the reference's outputs with others; ``notes`` say which results are missing and which differ."""

    def __init__(self, graph: LayerGraph, reference: Reference, answer: Answer) -> None:
        self.graph, self.reference, self.answer = graph, reference, answer
        self.notes: list[str] = []
        self.is_source_onnx = reference.source.run_is_onnx_runtime
        values = [v for layer in graph.layers for v in (*layer.inputs, *layer.outputs)]
        dtypes = {v.dtype for v in values}
        self.relative = relative_tolerance(dtypes)
        self.is_narrow = self.relative > RELATIVE_TOLERANCE
        self.has_float64 = "bfloat16" not in dtypes  # NumPy, and so ONNX's reference implementation, lacks bfloat16
        self.batched = is_batched(graph) and not graph.states
        self.count = len(next(iter(answer.inputs.values()))) if self.batched else 1
        self._estimates: dict[int, float] = {}
        self._exact: dict[int, tuple[Arrays, Arrays] | None] = {}

    @property
    def elements(self) -> Mapping[str, np.ndarray]:
        """The tolerances of elements in which the model magnifies rounding errors, by output; 0 for other elements."""
        return self._sensitivity.elements

    @cached_property
    def second(self) -> Mapping[str, np.ndarray]:
        """ONNX Runtime's outputs: for all samples at once or, if it is the reference itself, for one sample at a time.

        Its kernels order their sums by the size of the batch, so the second run shows how exact the first is.
        """
        inputs = self.answer.inputs
        try:
            if not self.is_source_onnx:
                return self.reference.run_onnx_runtime(inputs)
            if not self.batched:
                return {}
            count = len(next(iter(inputs.values())))
            single = [self.reference.run({name: a[i : i + 1] for name, a in inputs.items()}) for i in range(count)]
            return {name: _joined([s[name] for s in single]) for name in single[0]}
        except ConversionError as error:
            self.notes.append(f"there is no second opinion on the outputs: {error.reasons[0]}")
            return {}

    @cached_property
    def _sensitivity(self) -> Sensitivity:
        """How far rounding can move the outputs; nothing where that cannot be measured."""
        expected = self.answer.outputs if self.reference.is_onnx_runtime else self.second
        if self.is_narrow or not expected or (self.is_source_onnx and not self.reference.is_onnx_runtime):
            return Sensitivity()
        bounds = {
            name: max_bound(self.answer.outputs[name], self.relative)
            for name, value in self.graph.outputs
            if value.dtype == "float32"
            and name in self.answer.outputs
            and expected[name].shape == self.answer.outputs[name].shape
        }
        work = estimate(self.graph, self._sizes(self.count)).work
        found = sensitivity(self.reference, self.answer.inputs, expected, bounds, work)
        graph = self.reference.proto.graph
        unsteady = {name: _upstream(graph, name) & (_RANKINGS | _QUANTIZED) for name in found.elements}
        elements = {name: _of_columns(own) if unsteady[name] else own for name, own in found.elements.items()}
        for name, array in elements.items():
            count = np.count_nonzero(array)
            self.notes.append(
                f"output `{name}`: {count} of its {array.size} elements have tolerances of their own, up to "
                f"{array.max():.1e}, because the model magnifies rounding errors there: a relative change of "
                f"{CHANGE:.0e} in its inputs and weights moves them by up to {array.max() / FACTOR:.1e}."
            )
            if rankings := sorted(unsteady[name] & _RANKINGS):
                self.notes.append(
                    f"output `{name}`: its rows are in the order of a ranking ({rankings[0]}), and rounding "
                    "swaps rows with nearly equal scores; give realistic samples in --path_to_fv."
                )
        return replace(found, elements=elements)

    def _distance(self, name: str, other: np.ndarray | None, count: int | None = None) -> float | None:
        """The largest difference between an output and ``other``, except for elements within their own tolerances.

        ``count`` is the number of samples in ``other``; all by default.
        """
        reference, own = self.answer.outputs[name], self.elements.get(name)
        if count is not None:
            reference, own = self._first(reference, count), None if own is None else self._first(own, count)
        if own is None or other is None or other.shape != reference.shape:
            return distance(reference, other)
        with np.errstate(invalid="ignore"):
            return distance(reference, np.where(np.abs(other.astype(np.float64) - reference) <= own, reference, other))

    def _sizes(self, count: int) -> dict[str, int]:
        """The sizes of the symbolic dimensions for the first ``count`` samples."""
        return sizes_of(self.graph, {name: self._first(a, count) for name, a in self.answer.inputs.items()})

    def _seconds(self, count: int) -> float:
        """An estimate of the seconds that float64 takes for the first ``count`` samples."""
        if count not in self._estimates:
            self._estimates[count] = reference_seconds(self.graph, self._sizes(count))
        return self._estimates[count]

    def _weights(self) -> int:
        """The number of weights that a float64 copy would hold."""
        return sum(array.size for array in self.reference.source.weights.values())

    def _first(self, array: np.ndarray, count: int) -> np.ndarray:
        return array[:count] if self.batched else array

    def _compared(self, name: str, seconds: float) -> _Compared | None:
        """An output compared with float64, if that takes at most ``seconds``; None if it cannot be computed.

        A few samples show whether float32 rounds much. If it does, all samples show how much.
        """
        found = self._compared_on(name, min(_EXACT_SAMPLES, self.count), seconds)
        if found is None or self.count <= _EXACT_SAMPLES or 2 * found.reference <= self._usual(name):
            return found
        return self._compared_on(name, self.count, _IN_DOUBT) or found

    def _usual(self, name: str) -> float:
        return default_tolerance(self.answer.outputs[name], self.relative).value

    def _compared_on(self, name: str, count: int, seconds: float) -> _Compared | None:
        if not self.has_float64 or self._seconds(count) > seconds or self._weights() > _MAX_WEIGHTS[seconds]:
            return None
        if count not in self._exact:
            proto, weights = self.reference.proto, self.reference.source.weights
            first = {key: self._first(array, count) for key, array in self.answer.inputs.items()}

            def run(inputs: Arrays, *, wide: bool) -> dict[str, np.ndarray]:
                return in_float64(proto, weights, inputs, wide=wide)

            steps = in_sequence(run, self.graph.states)
            try:
                found = steps(first, wide=True), steps(first, wide=False)
            except ConversionError:  # it is only a second opinion
                self._exact[count] = None
            else:
                self._exact[count] = found
        both = self._exact[count]
        if both is None:
            return None
        wide, narrow = (part.get(name) for part in both)
        own = self._distance(name, wide, count)
        if own is None or wide is None:
            return None
        elements = self.elements.get(name)
        if elements is not None and narrow is not None and narrow.shape == wide.shape:
            narrow = np.where(self._first(elements, count) > 0, wide, narrow)
        return _Compared(own, distance(wide, narrow) or 0.0, wide)

    def couples_samples(self) -> bool:
        """Whether the outputs of a batch and of its single samples differ by more than the order of sums explains."""
        return self.is_source_onnx and any(self._coupled(name) for name, _ in self.graph.outputs)

    def _coupled(self, name: str) -> bool:
        whole, single = self.answer.outputs[name], self.second.get(name)
        if single is None:
            return False
        if single.shape != whole.shape:
            return True
        off = self._distance(name, single)
        if off is None or not default_bound(whole, self.relative):
            return False
        if off > _UNEXPLAINED * magnitude(whole):
            return True
        return (
            2 * off > max_bound(whole, self.relative)
            and not self._jump(name, single)
            and self._rounding(name) * _AS_MUCH < off
        )

    def difference(self, name: str) -> Difference | None:
        """How far an output is from a second computation; None if there is none."""
        exact = self._compared(name, _ALWAYS) if self.is_source_onnx else None
        if exact is not None:
            return self._difference(name, "float64", exact.reference, exact.wide)
        other = self.second.get(name)
        apart = distance(self.answer.outputs[name], other)
        if apart is None or other is None:
            return None
        who = "its answers for one sample at a time" if self.is_source_onnx else "ONNX Runtime on the exported graph"
        return self._difference(name, who, apart, other)

    def _difference(self, name: str, who: str, largest: float, other: np.ndarray) -> Difference:
        """The difference from ``other``, which may have the first samples only."""
        reference = self.answer.outputs[name]
        samples = len(reference) if self.batched and reference.ndim else 1
        if other.shape != reference.shape:
            samples = len(other)
            reference = self._first(reference, samples)
        return Difference.between(who, largest, reference, other, samples)

    def tolerance(self, name: str) -> Tolerance:
        """The tolerance of an output.

        Raises ConversionError if ONNX Runtime and the source framework differ by more than can be explained.
        """
        reference = self.answer.outputs[name]
        normal = default_tolerance(reference, self.relative)
        if not normal.value:
            return self._of_quantized(name, reference) if self._is_quantized(name) else normal
        judged = self._of_onnx(name, reference) if self.is_source_onnx else self._of_framework(name, reference)
        return max(judged, self._of_changes(name, reference), key=lambda tolerance: tolerance.value)

    def _of_changes(self, name: str, reference: np.ndarray) -> Tolerance:
        """The tolerance that small changes of the model's numbers show, as their effect is that of rounding.

        Elements that have tolerances of their own do not count, unless a quantized value can move by one step, which
        may happen in any element.
        """
        measured, cause = self._sensitivity, f"a relative change of {CHANGE:.0e} in its inputs and weights moves"
        moved = measured.largest.get(name, 0.0)
        if name in measured.elements and 2 * moved <= _UNEXPLAINED * magnitude(reference):
            quantized = sorted(_upstream(self.reference.proto.graph, name) & _QUANTIZED)
            if quantized:
                cause += f" it by {moved:.1e}: rounding moves a quantized value ({quantized[0]}) by one step"
                return widened_tolerance(name, reference, self.relative, moved, cause)
        moved = measured.others.get(name, 0.0)
        cause += f" it by {moved:.1e} (rounding)"
        return widened_tolerance(name, reference, self.relative, moved, cause, _OF_OUTPUT)

    def _is_quantized(self, name: str) -> bool:
        """Whether an output consists of integers that a number was quantized to."""
        makers = _makers(self.reference.proto.graph)
        node = makers.get(name)
        while node is not None and node.op_type in _MOVES:
            node = makers.get(node.input[0])
        return node is not None and node.op_type in _QUANTIZED and self.answer.outputs[name].dtype.kind in "iu"

    def _of_quantized(self, name: str, reference: np.ndarray) -> Tolerance:
        """One step, or twice the distance between two computations: an earlier rounding can move several steps."""
        off = distance(reference, self.second.get(name)) or 0.0
        if not off:
            return Tolerance(1.0, "one step of the quantized output")
        who = self.reference.framework
        if off > _UNEXPLAINED * magnitude(reference) and not self.is_source_onnx:
            raise ConversionError(self._unexplained(name, reference, self.second[name], off))
        other = "its answers for one sample at a time" if self.is_source_onnx else "ONNX Runtime"
        cause = f"{who} differs from {other} by {off:.0f}, because a rounding moves a quantized value by one step"
        note = f"output `{name}`: tolerance {2 * off:.0f} steps instead of 1: {cause}."
        return Tolerance(2 * off, f"twice the distance, as {cause}", note)

    def _of_onnx(self, name: str, reference: np.ndarray) -> Tolerance:
        """For an ONNX file, compares ONNX Runtime with itself and with float64."""
        who = self.reference.framework
        off = 0.0 if self._coupled(name) else self._distance(name, self.second.get(name)) or 0.0
        cause = f"{who} itself differs by {off:.1e} from its answers for one sample at a time"
        if 2 * off > max_bound(reference, self.relative):
            cause += f": {self._jump(name, self.second[name]) or _MAGNIFIED}"
        else:
            cause += " (rounding)"
        exact = self._compared(name, _ALWAYS)
        if exact is not None and exact.reference > off:
            apart = f"{who} itself differs from float64 by {exact.reference:.1e}"
            if 2 * exact.reference <= max_bound(reference, self.relative):
                off, cause = exact.reference, f"{apart} (rounding)"
            elif exact.rounding * _AS_MUCH >= exact.reference:
                off, cause = exact.reference, f"{apart}: {_MAGNIFIED}"
        if self.is_narrow and exact is not None and off < exact.rounding <= max_bound(reference, self.relative) / 2:
            # ONNX Runtime does not round between some operators.
            off = exact.rounding
            cause = f"rounding after every operator changes it by {off:.1e}"
        return widened_tolerance(name, reference, self.relative, off, cause)

    def _of_framework(self, name: str, reference: np.ndarray) -> Tolerance:
        """For a source framework, compares ONNX Runtime on the exported graph with it."""
        who, second = self.reference.framework, self.second.get(name)
        off = distance(reference, second)
        if off is None or second is None:
            return default_tolerance(reference, self.relative)
        apart = f"ONNX Runtime itself differs from {who} by {off:.1e}"
        if 2 * off <= max_bound(reference, self.relative):
            return widened_tolerance(name, reference, self.relative, off, f"{apart} (rounding)")
        rest = self._distance(name, second) or 0.0
        if 2 * rest <= max_bound(reference, self.relative):
            cause = f"ONNX Runtime itself differs from {who} by {rest:.1e} in the other elements (rounding)"
            return widened_tolerance(name, reference, self.relative, rest, cause)
        exact = self._compared(name, _IN_DOUBT)
        if exact is not None:
            own = exact.reference
            if 2 * own <= max_bound(reference, self.relative):
                self.notes.append(f"output `{name}`: {apart}, but {who} from float64 by {own:.1e} alone.")
                return widened_tolerance(
                    name, reference, self.relative, own, f"{who} itself differs from float64 by {own:.1e}"
                )
            if exact.rounding * _AS_MUCH >= own:
                cause = f"{who} itself differs from float64 by {own:.1e}: {_MAGNIFIED}"
                return widened_tolerance(name, reference, self.relative, max(own, off), cause)
        jump = self._jump(name, second)
        if jump is None or off > _UNEXPLAINED * magnitude(reference):
            raise ConversionError(self._unexplained(name, reference, second, off))
        return widened_tolerance(name, reference, self.relative, off, f"{apart}: {jump}")

    def _unexplained(self, name: str, reference: np.ndarray, second: np.ndarray, off: float) -> str:
        with np.errstate(invalid="ignore"):
            apart = np.nan_to_num(np.abs(second.astype(np.float64) - reference.astype(np.float64)), posinf=0.0)
        index = [int(i) for i in np.unravel_index(int(np.argmax(apart)), apart.shape)]
        who = self.reference.framework
        explained = max_bound(reference, self.relative) / 2 or 1
        return (
            f"output `{name}` of the exported graph differs from the model: element {index} is "
            f"{float(second[tuple(index)]):.7g} in ONNX Runtime and {float(reference[tuple(index)]):.7g} in {who}, "
            f"a difference of {off:.1e} where rounding explains {explained:.1e}; "
            "give realistic samples in --path_to_fv, or report this model."
        )

    def _rounding(self, name: str) -> float:
        """The difference between float32 and float64; 0 if it is unknown."""
        exact = self._compared(name, _IN_DOUBT)
        return 0.0 if exact is None else exact.rounding

    def _jump(self, name: str, other: np.ndarray) -> str | None:
        """Why rounding can change the output by a step, as a clause; None if nothing indicates that."""
        found = _upstream(self.reference.proto.graph, name)
        if quantized := sorted(found & _QUANTIZED):
            return f"a rounding moves a quantized value ({quantized[0]}) by one step"
        reference = self.answer.outputs[name]
        with np.errstate(invalid="ignore"):
            apart = np.abs(other.astype(np.float64) - reference.astype(np.float64))
        few = np.count_nonzero(apart > max_bound(reference, self.relative) / 2) <= max(1, _FEW * apart.size)
        jumps = sorted(found & _JUMPS)
        return f"rounding changes the result of {jumps[0]} in a few elements" if jumps and few else None


def _of_columns(own: np.ndarray) -> np.ndarray:
    """Tolerances for elements of which any may jump: rows change places, and quantized values move by a step.

    Each is at least twice the largest distance that elements with the same index on the last axis move.
    """
    largest = own.max(axis=tuple(range(own.ndim - 1)))
    return np.asarray(np.maximum(own, 2 / FACTOR * largest), own.dtype)


def _joined(samples: list[np.ndarray]) -> np.ndarray:
    """The outputs of single samples as a batch; concatenated along one axis if their shapes differ."""
    if len({sample.shape[1:] for sample in samples}) > 1 or not samples[0].ndim:
        samples = [sample.reshape(-1) for sample in samples]
    return np.concatenate(samples)


def _makers(graph: onnx.GraphProto) -> dict[str, onnx.NodeProto]:
    """The node that computes each value."""
    return {output: node for node in graph.node for output in node.output}


def _upstream(graph: onnx.GraphProto, name: str) -> set[str]:
    """The operators that an output depends on."""
    makers = _makers(graph)
    waiting, seen, found = [name], {name}, set[str]()
    while waiting:
        node = makers.get(waiting.pop())
        if node is None:
            continue
        inner = [g for a in node.attribute for g in (*([a.g] if a.HasField("g") else []), *a.graphs)]
        found |= {node.op_type}.union(*(operators(g) for g in inner))
        captured = [i for g in inner for n in g.node for i in n.input]
        new = [i for i in (*node.input, *captured) if i not in seen]
        seen.update(new)
        waiting += new
    return found
