"""Patterns over ONNX nodes, and why one did not match.

A pattern is a tree that is laid over the graph from its last node upwards:
``Op("Add", Op("MatMul", X, Const("kernel")), Const("bias"))``. Commutative operators match in both orders. Values
inside a match may be read by the match alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.facts import KNOWN_DOMAINS, Facts, Node, broadcast, read_by

COMMUTATIVE = frozenset({"Add", "Mul", "Max", "Min", "And", "Or", "Equal"})


@dataclass(frozen=True)
class Mismatch:
    """Why a rule does not apply, at which node, and how many nodes it had matched until then."""

    reason: str
    node: str
    depth: int = 0


@dataclass(frozen=True)
class Var:
    """Any value; the same name stands for the same value wherever it occurs."""

    name: str


@dataclass(frozen=True)
class Const:
    """A constant of any shape."""

    name: str


@dataclass(frozen=True)
class Scalar:
    """A constant whose elements are all one number: ``value`` to float32 accuracy, or any if it is None.

    It may have axes, but must not widen the other operands of the node that reads it.
    """

    name: str
    value: float | None = None


class Op:
    """A node of one of the operators ``op`` (``"A|B"``) with these inputs; ``name`` gives access to it in the match.

    Inputs beyond those given must be absent, unless ``more`` is set. A node that is ``shared`` may be read
    outside of the match too; whatever else reads it then computes it on its own. A node that is ``exposed`` may be
    read outside as well, but the layers of the rule make its output.
    """

    def __init__(
        self,
        op: str,
        *inputs: Pattern,
        name: str = "",
        more: bool = False,
        output: int = 0,
        shared: bool = False,
        exposed: bool = False,
    ) -> None:
        self.ops = tuple(op.split("|"))
        self.inputs = inputs
        self.name = name or op
        self.more = more
        self.output = output
        self.shared = shared
        self.exposed = exposed

    @property
    def size(self) -> int:
        """The number of nodes the pattern covers."""
        return 1 + sum(p.size for p in self.inputs if isinstance(p, Op))

    def outline(self) -> str:
        """The pattern as one line: ``Add(MatMul(x, kernel), bias)``; what is optional stands in brackets."""
        parts = [_outline(p) for p in self.inputs] + ["…"] * self.more
        return f"{'|'.join(self.ops)}({', '.join(parts)})"


class Optional:
    """The node if it is there, else what it wraps: ``Optional(Op("Squeeze", P))`` is P with or without a Squeeze."""

    def __init__(self, op: Op) -> None:
        self.op = op


Pattern = Var | Const | Scalar | Op | Optional


def _outline(pattern: Pattern) -> str:
    match pattern:
        case Op():
            return pattern.outline()
        case Optional():
            return f"[{pattern.op.outline()}]"
        case Scalar(value=float(value)):
            return f"{value:g}"
    return pattern.name


@dataclass
class Match:
    """A pattern laid over the graph."""

    facts: Facts
    root: Node
    nodes: list[Node] = field(default_factory=list)
    values: dict[str, ir.Value] = field(default_factory=dict)
    ops: dict[str, Node] = field(default_factory=dict)
    shareable: set[ir.Node] = field(default_factory=set)
    """The nodes that may be read elsewhere too."""
    shared: set[ir.Node] = field(default_factory=set)
    """Those of them that are."""
    exposable: set[ir.Node] = field(default_factory=set)
    """The nodes that may be read elsewhere because the layers make their outputs."""
    exposed: set[ir.Node] = field(default_factory=set)
    """Those of them that are read elsewhere."""

    def __getitem__(self, name: str) -> ir.Value:
        return self.values[name]

    @property
    def y(self) -> ir.Value:
        """The first output of the match's last node."""
        return self.root.y

    def node(self, name: str) -> Node:
        return self.ops[name]

    def has(self, name: str) -> bool:
        """Whether the optional node or value called ``name`` is there."""
        return name in self.ops or name in self.values

    def const(self, name: str) -> np.ndarray:
        array = self.facts.const(self.values[name])
        assert array is not None, name  # Const() saw to it
        return array

    def scalar(self, name: str) -> float:
        """The number that a Scalar stands for."""
        fill = self.facts[self.values[name]].fill
        assert fill is not None, name  # Scalar() saw to it
        return fill

    def is_exposed(self, name: str) -> bool:
        """Whether the node called ``name`` is read outside of the match, so that the layers must make its output."""
        return self.ops[name].ir in self.exposed

    def reject(self, reason: str, node: Node | None = None) -> Mismatch:
        """The check failed: ``reason`` completes the sentence "node … did not match, since"."""
        return Mismatch(reason, (node or self.root).name, len(self.nodes))

    def _copy(self) -> Match:
        return Match(
            self.facts,
            self.root,
            list(self.nodes),
            dict(self.values),
            dict(self.ops),
            set(self.shareable),
            exposable=set(self.exposable),
        )


class Matcher:
    """Lays one pattern over one node, keeping the deepest failure."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.failure: Mismatch | None = None

    def match(self, pattern: Op, node: ir.Node) -> Match | Mismatch:
        view = Node(node)
        for match in self._op(pattern, view, Match(self.facts, view)):
            if escaped := self._escaping(match):
                self._fail(f"its output `{escaped}` is also read elsewhere", match.root, match)
                continue
            if self._is_circular(match):
                self._fail("one of its operands depends on an output of a node that it matched", match.root, match)
                continue
            return match
        return self.failure or Mismatch("it does not fit", view.name)

    def _fail(self, reason: str, node: Node, match: Match) -> None:
        if self.failure is None or len(match.nodes) > self.failure.depth:
            self.failure = Mismatch(reason, node.name, len(match.nodes))

    def _op(self, pattern: Op, node: Node, match: Match) -> Iterator[Match]:
        if node.op not in pattern.ops:
            self._fail(f"`{node.name}` is {node.op} where {' or '.join(pattern.ops)} is expected", node, match)
            return
        inputs = node.inputs
        count = len(pattern.inputs)
        if len(inputs) < count or (len(inputs) > count and not pattern.more):
            self._fail(f"`{node.name}` ({node.op}) has {len(inputs)} inputs where {count} are understood", node, match)
            return
        orders = [inputs[:count]]
        if node.op in COMMUTATIVE and count == 2:
            orders.append(inputs[1::-1])
        for order in orders:
            start = match._copy()
            start.nodes.append(node)
            start.ops[pattern.name] = node
            if pattern.shared:
                start.shareable.add(node.ir)
            if pattern.exposed:
                start.exposable.add(node.ir)
            yield from self._inputs(list(zip(pattern.inputs, order, strict=True)), node, start)

    def _inputs(self, pairs: list[tuple[Pattern, ir.Value | None]], node: Node, match: Match) -> Iterator[Match]:
        if not pairs:
            yield match
            return
        (pattern, value), *rest = pairs
        for found in self._value(pattern, value, node, match):
            yield from self._inputs(rest, node, found)

    def _value(self, pattern: Pattern, value: ir.Value | None, reader: Node, match: Match) -> Iterator[Match]:
        if value is None:
            self._fail(f"an input of `{reader.name}` ({reader.op}) is absent", reader, match)
            return
        if isinstance(pattern, Optional):
            yield from self._optional(pattern.op, value, reader, match)
            return
        if isinstance(pattern, Op):
            producer = value.producer()
            if producer is None or producer.domain not in KNOWN_DOMAINS:
                self._fail(
                    f"an input of `{reader.name}` ({reader.op}) does not come from {' or '.join(pattern.ops)}",
                    reader,
                    match,
                )
            elif producer.graph is not reader.ir.graph:
                self._fail(f"an input of `{reader.name}` ({reader.op}) comes from outside of its body", reader, match)
            elif value.index() != pattern.output:
                self._fail(f"`{reader.name}` reads another output of {producer.op_type}", reader, match)
            elif already := next((n for n in match.nodes if n.ir is producer), None):
                if match.ops.get(pattern.name) is already:
                    yield match
            else:
                yield from self._op(pattern, Node(producer), match)
            return
        bound = match.values.get(pattern.name)
        if bound is not None and bound is not value and not self._same_const(bound, value):
            self._fail(f"`{reader.name}` ({reader.op}) reads two values where one is expected", reader, match)
            return
        if reason := self._unfit(pattern, value, reader):
            self._fail(f"an input of `{reader.name}` ({reader.op}) {reason}", reader, match)
            return
        found = match._copy()
        found.values[pattern.name] = value
        yield found

    def _optional(self, pattern: Op, value: ir.Value, reader: Node, match: Match) -> Iterator[Match]:
        producer = value.producer()
        if producer is not None and producer.op_type in pattern.ops:
            yield from self._value(pattern, value, reader, match)
        yield from self._value(pattern.inputs[0], value, reader, match)

    def _same_const(self, a: ir.Value, b: ir.Value) -> bool:
        left, right = self.facts.const(a), self.facts.const(b)
        return left is not None and right is not None and np.array_equal(left, right)

    def _unfit(self, pattern: Var | Const | Scalar, value: ir.Value, reader: Node) -> str | None:
        if isinstance(pattern, Var):
            return None
        fact = self.facts.known(value)
        if isinstance(pattern, Const):
            return None if fact is not None and fact.const is not None else "is not a constant"
        if fact is None or fact.fill is None:
            return "is not a constant number"
        if pattern.value is not None and not _close(fact.fill, pattern.value):
            return f"is {fact.fill:g} where {pattern.value:g} is expected"
        others = [known.shape for v in reader.inputs if v is not value and (known := self.facts.known(v)) is not None]
        if fact.shape and broadcast(others) != self.facts.shape(reader.y):
            return f"is a constant of shape {fact.shape}, which widens the other operands"
        return None

    def _escaping(self, match: Match) -> str | None:
        """The output of a node inside the match that is read elsewhere and must not be; notes those that may be."""
        inside = {n.ir for n in match.nodes}
        while found := self._read_outside(match, inside):
            node, output = found
            if node in match.exposable:
                match.exposed.add(node)
            elif node in match.shareable:
                match.shared.add(node)
                inside.discard(node)  # which may let its own inputs escape
            else:
                return output
        return None

    def _is_circular(self, match: Match) -> bool:
        """Whether an operand of the match depends on an exposed node, which the match computes from its operands."""
        waiting, seen = list(match.values.values()) if match.exposed else [], set()
        while waiting:
            producer = waiting.pop().producer()
            if producer in match.exposed:
                return True
            if producer is not None and producer not in seen:
                seen.add(producer)
                waiting.extend(read_by(producer))
        return False

    def _asks_shape(self, node: ir.Node) -> bool:
        """Whether a reader wants the shape alone, which is known."""
        fact = self.facts.known(node.outputs[0])
        return node.op_type in ("Shape", "Size") and fact is not None and fact.dims is not None

    def _read_outside(self, match: Match, inside: set[ir.Node]) -> tuple[ir.Node, str | None] | None:
        for node in inside - match.exposed - {match.root.ir}:
            for output in node.outputs:
                outside = (use.node for use in output.uses() if use.node not in inside)
                if output.is_graph_output() or any(not self._asks_shape(node) for node in outside):
                    return node, output.name
        return None


def _close(a: float, b: float) -> bool:
    return a == b or math.isclose(a, b, rel_tol=2e-7)
