"""Patterns of ONNX nodes, and the reasons why they do not match.

A pattern is a tree that is matched from its last node upwards: ``Op("Add", Op("MatMul", X, Const("kernel")),
Const("bias"))``. Commutative operators match in both orders. Values inside a match must not be read outside of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.inference import Node, ValueInfos, broadcast, is_known, read_by

COMMUTATIVE = frozenset({"Add", "Mul", "Max", "Min", "And", "Or", "Equal"})


@dataclass(frozen=True)
class Mismatch:
    """Why a rule does not match, at which node, and how many nodes it had matched before."""

    reason: str
    node: str
    depth: int = 0


@dataclass(frozen=True)
class Var:
    """Any value. The same name stands for the same value everywhere in the pattern."""

    name: str


@dataclass(frozen=True)
class Const:
    """A constant of any shape."""

    name: str


@dataclass(frozen=True)
class Scalar:
    """A constant filled with one number: ``value`` to float32 accuracy, or any number if it is None.

    It can have axes, but must not broadcast the other operands of the node that reads it to a larger shape.
    """

    name: str
    value: float | None = None


class Op:
    """A node with one of the operators ``op`` (``"A|B"``) and these inputs; ``name`` identifies it in the match.

    Further inputs must be absent unless ``more`` is set. A ``shared`` node can also be read outside of the match; the
    other readers then compute it again. An ``exposed`` node can be read outside of the match as well, but the layers
    of the rule compute its output.
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
        """The number of nodes in the pattern."""
        return 1 + sum(p.size for p in self.inputs if isinstance(p, Op))

    def outline(self) -> str:
        """The pattern in one line: ``Add(MatMul(x, kernel), bias)``. Optional parts are in brackets."""
        parts = [_outline(p) for p in self.inputs] + ["…"] * self.more
        return f"{'|'.join(self.ops)}({', '.join(parts)})"


class Optional:
    """A node that can be missing: ``Optional(Op("Squeeze", P))`` matches P with or without a Squeeze."""

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
    """A match of a pattern."""

    infos: ValueInfos
    root: Node
    nodes: list[Node] = field(default_factory=list)
    values: dict[str, ir.Value] = field(default_factory=dict)
    ops: dict[str, Node] = field(default_factory=dict)
    shareable: set[ir.Node] = field(default_factory=set)
    """The nodes that can be read outside of the match."""
    shared: set[ir.Node] = field(default_factory=set)
    """The nodes among these that are read outside of the match."""
    exposable: set[ir.Node] = field(default_factory=set)
    """The nodes that can be read outside of the match because the layers compute their outputs."""
    exposed: set[ir.Node] = field(default_factory=set)
    """The nodes among these that are read outside of the match."""

    def __getitem__(self, name: str) -> ir.Value:
        return self.values[name]

    @property
    def y(self) -> ir.Value:
        """The first output of the last node."""
        return self.root.y

    def node(self, name: str) -> Node:
        return self.ops[name]

    def has(self, name: str) -> bool:
        """Whether the optional node or value ``name`` is part of the match."""
        return name in self.ops or name in self.values

    def const(self, name: str) -> np.ndarray:
        array = self.infos.const(self.values[name])
        assert array is not None, name  # guaranteed by Const()
        return array

    def scalar(self, name: str) -> float:
        """The number that a Scalar matched."""
        fill = self.infos[self.values[name]].fill
        assert fill is not None, name  # guaranteed by Scalar()
        return fill

    def is_exposed(self, name: str) -> bool:
        """Whether the node called ``name`` is read outside of the match, so that the layers must compute its output."""
        return self.ops[name].ir in self.exposed

    def reject(self, reason: str, node: Node | None = None) -> Mismatch:
        """Rejects the match: ``reason`` completes the sentence "node … did not match, since"."""
        return Mismatch(reason, (node or self.root).name, len(self.nodes))

    def _copy(self) -> Match:
        return Match(
            self.infos,
            self.root,
            list(self.nodes),
            dict(self.values),
            dict(self.ops),
            set(self.shareable),
            exposable=set(self.exposable),
        )


class Matcher:
    """Matches one pattern at one node, and keeps the deepest failure."""

    def __init__(self, infos: ValueInfos) -> None:
        self.infos = infos
        self.failure: Mismatch | None = None

    def match(self, pattern: Op, node: ir.Node) -> Match | Mismatch:
        view = Node(node)
        for match in self._op(pattern, view, Match(self.infos, view)):
            if escaped := self._escaping(match):
                self._fail(f"its output `{escaped}` is also read outside of the match", match.root, match)
                continue
            if self._is_circular(match):
                self._fail("one of its operands depends on an output of a node that it matched", match.root, match)
                continue
            return match
        return self.failure or Mismatch("it does not match", view.name)

    def _fail(self, reason: str, node: Node, match: Match) -> None:
        if self.failure is None or len(match.nodes) > self.failure.depth:
            self.failure = Mismatch(reason, node.name, len(match.nodes))

    def _op(self, pattern: Op, node: Node, match: Match) -> Iterator[Match]:
        if node.op not in pattern.ops:
            self._fail(f"`{node.name}` is {node.op}, but {' or '.join(pattern.ops)} is expected", node, match)
            return
        inputs = node.inputs
        count = len(pattern.inputs)
        if len(inputs) < count or (len(inputs) > count and not pattern.more):
            self._fail(f"`{node.name}` ({node.op}) has {len(inputs)} inputs, but {count} are supported", node, match)
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
            if producer is None or not is_known(producer):
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
            self._fail(
                f"`{reader.name}` ({reader.op}) reads two different values, but the same value is expected",
                reader,
                match,
            )
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
        left, right = self.infos.const(a), self.infos.const(b)
        return left is not None and right is not None and np.array_equal(left, right)

    def _unfit(self, pattern: Var | Const | Scalar, value: ir.Value, reader: Node) -> str | None:
        if isinstance(pattern, Var):
            return None
        info = self.infos.known(value)
        if isinstance(pattern, Const):
            return None if info is not None and info.const is not None else "is not a constant"
        if info is None or info.fill is None:
            return "is not a constant number"
        if pattern.value is not None and not _close(info.fill, pattern.value):
            return f"is {info.fill:g}, but {pattern.value:g} is expected"
        others = [known.shape for v in reader.inputs if v is not value and (known := self.infos.known(v)) is not None]
        if info.shape and broadcast(others) != self.infos.shape(reader.y):
            return f"is a constant of shape {info.shape}, which broadcasts the other operands to a larger shape"
        return None

    def _escaping(self, match: Match) -> str | None:
        """The output of an inner node that is read outside of the match but must not be. Records the shared nodes."""
        inside = {n.ir for n in match.nodes}
        while found := self._read_outside(match, inside):
            node, output = found
            if node in match.exposable:
                match.exposed.add(node)
            elif node in match.shareable:
                match.shared.add(node)
                inside.discard(node)  # its own inputs can be shared as well
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
        """Whether a reader needs only the shape, which is known."""
        info = self.infos.known(node.outputs[0])
        return node.op_type in ("Shape", "Size") and info is not None and info.dims is not None

    def _read_outside(self, match: Match, inside: set[ir.Node]) -> tuple[ir.Node, str | None] | None:
        for node in inside - match.exposed - {match.root.ir}:
            for output in node.outputs:
                outside = (use.node for use in output.uses() if use.node not in inside)
                if output.is_graph_output() or any(not self._asks_shape(node) for node in outside):
                    return node, output.name
        return None


def _close(a: float, b: float) -> bool:
    return a == b or math.isclose(a, b, rel_tol=2e-7)
