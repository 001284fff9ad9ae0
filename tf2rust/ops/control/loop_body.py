"""Loop: shape inference for its body and its results, and the structure that rules match."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.dims import Dim, DimExpr, format_shape, symbols
from tf2rust.ops.core.inference import (
    InferenceError,
    Node,
    ValueInfo,
    ValueInfos,
    data_dependent_dim,
    infers,
    infers_body_inputs,
)

_FROM_DATA = "its number of steps is computed from data, not from shapes and constants"


def trip_count(node: Node, infos: ValueInfos) -> Dim:
    """The maximum number of steps."""
    steps = infos.dims(node.input(0))
    if steps is None or len(steps) != 1:
        raise InferenceError(_FROM_DATA)
    return steps[0]


def body_of(node: Node) -> ir.Graph:
    """The body of a Loop or a Scan."""
    body = node.ir.attributes["body"].value
    assert isinstance(body, ir.Graph)
    return body


def symbol_of(node: Node, name: str) -> DimExpr:
    """A dimension of a loop that is known only at run time."""
    return data_dependent_dim(next((v for v in node.outputs if v.name), node.y), name)


def step_of(node: Node) -> DimExpr:
    """The index of the step, as a dimension for the body."""
    return symbol_of(node, "step")


def check_body(node: Node, given: int, made: int) -> None:
    """Raises InferenceError unless the body has ``given`` inputs and ``made`` outputs."""
    body = body_of(node)
    if (len(body.inputs), len(body.outputs)) != (given, made):
        raise InferenceError(
            f"its body has {len(body.inputs)} inputs and {len(body.outputs)} outputs, but must have {given} and "
            f"{made}; the model is damaged"
        )


@infers_body_inputs("Loop")
def _given(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    """A value that the body passes on unchanged keeps its contents; for others, only dtype and shape are known.

    The condition is true whenever the body runs.
    """
    body = body_of(node)
    check_body(node, len(node.ir.inputs), len(node.outputs) + 1)
    found = [ValueInfo.of_dims(np.asarray(step_of(node), dtype=object)), ValueInfo.of_const(np.asarray(True))]
    for value, after, before in zip(body.inputs[2:], body.outputs[1:], node.ir.inputs[2:], strict=False):
        if before is None:
            raise InferenceError("a loop-carried value has no initial value; the model is damaged")
        info = infos[before]
        found.append(info if source(after) is value else _counter(node, value, after, info, infos))
    return found


def _counter(node: Node, value: ir.Value, after: ir.Value, first: ValueInfo, infos: ValueInfos) -> ValueInfo:
    """The info of a loop-carried value inside the body; a value that counts the steps is a known expression."""
    one = [infos.known(b) for a, b in operands(after, "Add") if a is value]
    if first.const is None or first.const.size != 1 or first.dims is None or not any(f and f.fill == 1 for f in one):
        return ValueInfo(first.dtype, first.shape)
    return ValueInfo(first.dtype, first.shape, dims=np.asarray(first.dims + step_of(node), dtype=object))


@infers("Loop")
def _loop(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    body = body_of(node)
    carried = len(node.ir.inputs) - 2
    found = []
    for i, value in enumerate(body.outputs[1:]):
        info = infos[value]
        if i >= carried:
            check_element(info, body, infos, step_of(node))
            is_used = node.outputs[i].is_graph_output() or bool(node.outputs[i].uses())
            count = _collected(node, infos) if is_used else data_dependent_dim(node.outputs[i])
            found.append(ValueInfo(info.dtype, (count, *info.shape)))
            continue
        before = node.ir.inputs[2 + i]
        assert before is not None
        found.append(carried_info(infos[before], info))
    return found


def carried_info(before: ValueInfo, after: ValueInfo) -> ValueInfo:
    """The info of a loop-carried value, whose dtype and shape must not change from step to step."""
    for what, old, new in (("dtype", before.dtype, after.dtype), ("shape", before.shape, after.shape)):
        if old != new:
            text = [format_shape(v) if isinstance(v, tuple) else v for v in (old, new)]
            raise InferenceError(
                f"a loop-carried value changes its {what} from {text[0]} to {text[1]}, but all steps share its memory"
            )
    return ValueInfo(after.dtype, after.shape)


def check_element(info: ValueInfo, body: ir.Graph, infos: ValueInfos, step: DimExpr | None = None) -> None:
    """Raises InferenceError if the shape of a body's result is known only inside the body.

    ``step`` is the index of the step in the body.
    """
    inside = set() if step is None else step.symbols()
    for node in body.all_nodes():
        inputs = [f for f in map(infos.known, node.inputs) if f is not None]
        known = symbols(d for f in inputs for d in (*f.shape, *(f.dims.flat if f.dims is not None else ())))
        outputs = [f for f in map(infos.known, node.outputs) if f is not None]
        inside |= {name for name in symbols(d for f in outputs for d in f.shape) - known if "(" in name}
    if symbols(info.shape) & inside:
        raise InferenceError(
            f"a result of its body has the shape {format_shape(info.shape)}, which is known only inside the body; "
            "the memory must be known before the loop runs"
        )


@dataclass(frozen=True)
class Count:
    """The number of steps of a loop, or the maximum if it is ``tested``; None if only the condition limits it."""

    steps: Dim | None
    tested: bool
    """Whether a condition that the body computes can end the loop."""
    data_dependent: bool
    """Whether the number of steps is read from an input at run time."""


_ENDLESS = 2**32 - 1
_MAX_KEPT = 2**16
"""The maximum number of steps whose results can be collected if a condition can end the loop."""


def count_of(node: Node, infos: ValueInfos) -> Count:
    """The number of steps, and what determines it."""
    limit = node.input(0)
    known = infos.dims(limit) is not None
    with suppress(InferenceError):
        loop = LoopAnalysis(node, infos)
        if loop.runs_every_step():
            return Count(max(loop.steps, 0) if isinstance(loop.steps, int) else loop.steps, False, False)
    holds = infos.known(body_of(node).outputs[0])
    tested = holds is None or holds.fill != 1
    if limit is None or (known and tested):
        limited = None if limit is None else trip_count(node, infos)
        endless = isinstance(limited, int) and limited >= _ENDLESS
        return Count(None if endless else limited, tested, False)
    return Count(symbol_of(node, "steps"), tested, True)


def _collected(node: Node, infos: ValueInfos) -> Dim:
    """The number of steps whose results a loop collects."""
    count = count_of(node, infos)
    if count.steps is None or (count.tested and isinstance(count.steps, int) and count.steps > _MAX_KEPT):
        raise InferenceError(
            "it collects a value in every step until a condition from its body ends it, and the number of steps "
            f"has no limit; give the Loop a maximum of at most {_MAX_KEPT} steps"
        )
    return symbol_of(node, "done") if count.tested else count.steps


def source(value: ir.Value) -> ir.Value:
    """The value before any Identity nodes."""
    while (node := value.producer()) is not None and node.op_type == "Identity":
        inner = node.inputs[0]
        assert inner is not None
        value = inner
    return value


def made_by(value: ir.Value, *ops: str) -> Node | None:
    """The node with one of these operators that has the value as its first output."""
    value = source(value)
    node = value.producer()
    return Node(node) if node is not None and node.op_type in ops and value.index() == 0 else None


def operands(value: ir.Value, op: str) -> Iterator[tuple[ir.Value, ir.Value]]:
    """The two operands of a commutative operator in both orders; empty if another operator computes the value."""
    node = made_by(value, op)
    if node is not None:
        a, b = (source(v) for v in node.inputs if v is not None)
        yield a, b
        yield b, a


class LoopAnalysis:
    """A Loop with a known number of steps, and the structure of its body."""

    def __init__(self, node: Node, infos: ValueInfos) -> None:
        body = body_of(node)
        self.node, self.infos = node, infos
        self.carried = list(body.inputs[2:])
        """The loop-carried inputs of the body."""
        self.after = [source(v) for v in body.outputs[1 : 1 + len(self.carried)]]
        """The loop-carried outputs of the body."""
        self.initial = [v for v in node.ir.inputs[2:] if v is not None]
        self.scans = [source(v) for v in body.outputs[1 + len(self.carried) :]]
        """The outputs that are collected in every step."""
        self.counters = {body.inputs[0], *(v for i, v in enumerate(self.carried) if self._counts(i))}
        """Values that equal the index of the step."""
        self.kept = {v for v, after in zip(self.carried, self.after, strict=True) if v is after}
        """Values that no step changes."""
        self._condition = source(body.outputs[0])
        self.steps = trip_count(node, infos) if node.input(0) is not None else self._limit()

    def _limit(self) -> Dim:
        """The number of steps if only the condition limits it, by comparing the number of completed steps with it."""
        less, first = made_by(self._condition, "Less"), self.infos.known(self.node.input(1))
        if less is not None and None not in less.inputs:
            at, limit = (_uncast(v) for v in less.inputs if v is not None)
            found = self.infos.dims(limit) or []
            # If the first step always runs, the loop can run one step more.
            taken = first is None or first.fill == 1
            if (
                self._is_next(at)
                and len(found) == 1
                and not (taken and (isinstance(found[0], DimExpr) or found[0] < 1))
            ):
                return found[0]
        raise InferenceError(_FROM_DATA)

    def _counts(self, i: int) -> bool:
        starts = self.infos[self.initial[i]].fill == 0
        return starts and any(a is self.carried[i] and self._is_number(b, 1) for a, b in operands(self.after[i], "Add"))

    def _is_number(self, value: ir.Value, number: int) -> bool:
        info = self.infos.known(value)
        return info is not None and info.fill == number

    def runs_every_step(self) -> bool:
        """Whether no condition ends the loop early: it holds while fewer than all steps are completed."""
        first = self.node.input(1)
        return (first is None or self._holds(first)) and self._holds(self._condition)

    def _holds(self, value: ir.Value) -> bool:
        value = _uncast(value)
        if self._is_number(value, 1):
            return True
        if (both := made_by(value, "And")) is not None:
            return all(v is not None and self._holds(v) for v in both.inputs)
        less = made_by(value, "Less")
        if less is None:
            return False
        at, steps = (_uncast(v) for v in less.inputs if v is not None)
        started = self._is_number(at, 0) or at in self.counters or self._is_next(at)
        return started and self._is_steps(steps)

    def _is_next(self, value: ir.Value) -> bool:
        return any(a in self.counters and self._is_number(b, 1) for a, b in operands(value, "Add"))

    def _is_steps(self, value: ir.Value) -> bool:
        if isinstance(self.steps, int) and self._is_number(value, self.steps):
            return True
        return self.infos.dims(value) == [self.steps]

    def stepped(self, value: ir.Value) -> ir.Value | None:
        """The sequence [t, …] that the value is the current slice of, or None."""
        gather = made_by(value, "Gather")
        if gather is None or gather.attr("axis", 0) != 0:
            return None
        data, index = (v for v in gather.inputs if v is not None)
        if _uncast(index) not in self.counters or self.infos.shape(data)[0] != self.steps:
            return None
        return data


def _uncast(value: ir.Value) -> ir.Value:
    while (node := made_by(value, "Cast")) is not None:
        inner = node.inputs[0]
        assert inner is not None
        value = source(inner)
    return source(value)
