"""Loop: what is known of its body and its results, and the structure that rules look for in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.dims import Expr
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, enters, infers
from tf2rust.ops.slice import parts, ranges


def trip_count(node: Node, facts: Facts) -> int | Expr:
    """How often the body runs at most."""
    steps = facts.dims(node.input(0))
    if steps is None or len(steps) != 1:
        raise InferenceError("how often it runs is computed from data, not from shapes and constants")
    return steps[0]


def _body(node: Node) -> ir.Graph:
    body = node.ir.attributes["body"].value
    assert isinstance(body, ir.Graph)
    return body


@enters("Loop")
def _given(node: Node, facts: Facts) -> Sequence[Fact]:
    """A value that the body hands on as it is keeps its contents; of others dtype and shape are known."""
    body = _body(node)
    found = [Fact("int64", ()), Fact("bool", ())]
    for value, after, before in zip(body.inputs[2:], body.outputs[1:], node.ir.inputs[2:], strict=False):
        assert before is not None
        fact = facts[before]
        found.append(fact if source(after) is value else Fact(fact.dtype, fact.shape))
    return found


@infers("Loop")
def _loop(node: Node, facts: Facts) -> Sequence[Fact]:
    body, steps = _body(node), trip_count(node, facts)
    carried = len(node.ir.inputs) - 2
    found = []
    for i, value in enumerate(body.outputs[1:]):
        fact = facts[value]
        if i >= carried:
            found.append(Fact(fact.dtype, (steps, *fact.shape)))
            continue
        before = node.ir.inputs[2 + i]
        assert before is not None
        if facts.shape(before) != fact.shape:
            raise InferenceError(f"a value of its body changes its shape, from {facts.shape(before)} to {fact.shape}")
        found.append(Fact(fact.dtype, fact.shape))
    return found


def source(value: ir.Value) -> ir.Value:
    """The value behind Identities."""
    while (node := value.producer()) is not None and node.op_type == "Identity":
        inner = node.inputs[0]
        assert inner is not None
        value = inner
    return value


def made_by(value: ir.Value, *ops: str) -> Node | None:
    """The node of one of these operators whose first output the value is."""
    value = source(value)
    node = value.producer()
    return Node(node) if node is not None and node.op_type in ops and value.index() == 0 else None


def operands(value: ir.Value, op: str) -> Iterator[tuple[ir.Value, ir.Value]]:
    """The two operands of a commutative operator, in both orders; nothing if another made the value."""
    node = made_by(value, op)
    if node is not None:
        a, b = (source(v) for v in node.inputs if v is not None)
        yield a, b
        yield b, a


class Loop:
    """A Loop that runs a known number of times, its body taken apart."""

    def __init__(self, node: Node, facts: Facts) -> None:
        body = _body(node)
        self.node, self.facts, self.steps = node, facts, trip_count(node, facts)
        self.carried = list(body.inputs[2:])
        """What the body is given of the step before."""
        self.after = [source(v) for v in body.outputs[1 : 1 + len(self.carried)]]
        """What it hands to the step after."""
        self.initial = [v for v in node.ir.inputs[2:] if v is not None]
        self.scans = [source(v) for v in body.outputs[1 + len(self.carried) :]]
        """What is collected of every step."""
        self.counters = {body.inputs[0], *(v for i, v in enumerate(self.carried) if self._counts(i))}
        """Values that are the number of the step."""
        self.kept = {v for v, after in zip(self.carried, self.after, strict=True) if v is after}
        """Values that no step changes."""
        self._condition = source(body.outputs[0])

    def _counts(self, i: int) -> bool:
        starts = self.facts[self.initial[i]].fill == 0
        return starts and any(a is self.carried[i] and self._is_number(b, 1) for a, b in operands(self.after[i], "Add"))

    def _is_number(self, value: ir.Value, number: int) -> bool:
        fact = self.facts.known(value)
        return fact is not None and fact.fill == number

    def runs_every_step(self) -> bool:
        """Whether no condition can end it early: it holds while the number of steps done is less than all."""
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
        return self.facts.dims(value) == [self.steps]

    def stepped(self, value: ir.Value) -> ir.Value | None:
        """The sequence [t, …] of which the value is what belongs to the step, else None."""
        gather = made_by(value, "Gather")
        if gather is None or gather.attr("axis", 0) != 0:
            return None
        data, index = (v for v in gather.inputs if v is not None)
        if _uncast(index) not in self.counters or self.facts.shape(data)[0] != self.steps:
            return None
        return data


def _uncast(value: ir.Value) -> ir.Value:
    while (node := made_by(value, "Cast")) is not None:
        inner = node.inputs[0]
        assert inner is not None
        value = source(inner)
    return source(value)


def columns(node: Node, output: ir.Value, facts: Facts) -> tuple[int, int] | None:
    """The range of the last axis that an output of a Split or a Slice is; None if it is no such part."""
    data = facts.shape(node.ir.inputs[0])  # type: ignore[arg-type]
    last = len(data) - 1
    if node.op == "Split":
        if node.attr("axis", 0) not in (-1, last):
            return None
        sizes = parts(node, facts, last)
        start = sum(int(str(d)) for d in sizes[: output.index()])
        return start, start + int(str(sizes[output.index() or 0]))
    starts, steps, shape = ranges(node, facts)
    whole = all(s == 1 for s in steps) and shape[:-1] == data[:-1]
    first, size = starts[-1], shape[-1]
    return (first, first + size) if whole and isinstance(first, int) and isinstance(size, int) else None


def as_row(array: np.ndarray, width: int) -> np.ndarray | None:
    """A constant as one number for each column, if it is the same for all rows."""
    if array.size == 1:
        return np.full(width, array.reshape(()))
    return array.reshape(-1) if array.size == width and array.shape[-1] == width else None
