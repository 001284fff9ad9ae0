"""The Rust of loops and Ifs: ``for``, ``while`` and ``if`` blocks with the statements of their bodies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tf2rust.codegen.variables import Variables
from tf2rust.ops.control.layers import If, Loop, ScanAxis
from tf2rust.ops.core.emit import CX
from tf2rust.ops.core.layer import LayerGraph, Value
from tf2rust.rust.tree import (
    Assign,
    Binary,
    Blank,
    Block,
    Comment,
    Expr,
    ExprStmt,
    Item,
    Stmt,
    Token,
    array,
    let,
    names_in,
    ref,
)


@dataclass(frozen=True)
class ModelField:
    """A field of the model's struct."""

    name: str
    type: Expr
    value: Expr


@dataclass
class LayerCode:
    """Statements, and the fields of the layers that they run."""

    statements: list[Stmt] = field(default_factory=list)
    fields: list[ModelField] = field(default_factory=list)


Body = Callable[[LayerGraph], LayerCode]
"""Writes the layers of a body."""


def if_code(variables: Variables, layer: If, inputs: Sequence[Expr], write: Body) -> LayerCode:
    """An ``if`` that runs one of two bodies, which write their outputs to the same memory."""
    for inner, outer in layer.captured():
        variables.views[inner] = variables.read(outer)
    bodies = []
    for graph in layer.bodies():
        with variables.dims.scope():
            bodies.append(write(graph))
    then, otherwise = bodies
    condition = Item("tf_layers::ops::is_true")(inputs[0]).tried()
    statement = Block("if", condition, tuple(then.statements), tuple(otherwise.statements))
    return LayerCode([statement, *_results(variables, layer.outputs)], then.fields + otherwise.fields)


def loop_code(variables: Variables, layer: Loop, inputs: Sequence[Expr], write: Body) -> LayerCode:
    """A loop that copies the initial states, and in each step slices its inputs, runs the layers and writes its
    results.
    """
    return _Loop(variables, layer, inputs).lines(write)


class _Loop:
    """The Rust of one loop."""

    def __init__(self, variables: Variables, layer: Loop, inputs: Sequence[Expr]) -> None:
        self.variables, self.layer, self.given = variables, layer, inputs
        self.dims, self.allocations = variables.dims, variables.memory.allocations
        graph = layer.body
        self.states = graph.inputs[: layer.states]
        self.parts = graph.inputs[layer.states : layer.states + len(layer.sequences)]
        self.collected = layer.outputs[layer.states : layer.states + len(layer.collected)]
        self.made = [value for _, value in graph.outputs]
        self.step = variables.name_symbol(layer.step, "step")
        self.holds = Token(variables.locals.unique("holds")) if layer.tested else None
        self.count: Expr | None = None

    def lines(self, write: Body) -> LayerCode:
        """The statements before the loop, the loop, and the views of its results."""
        variables, layer = self.variables, self.layer
        found = LayerCode(self._before())
        for inner, outer in layer.captured():
            variables.views[inner] = variables.read(outer)
        with self.dims.scope():
            first = self._first()
            inner_lines = write(layer.body)
            last = self._last()
        found.fields = inner_lines.fields
        body = [*first, *([Blank()] if first else []), *inner_lines.statements]
        if last and body:
            body += [Blank(), Comment("The results of the step, and the states of the next step.")]
        found.statements += self._loop([*body, *last])
        if layer.reports:
            steps = ref(array([self.step]))
            reported = Item("tf_layers::ops::write_dims")(CX, steps, variables.write(layer.outputs[-1]))
            found.statements.append(ExprStmt(reported.tried()))
        found.statements += _results(variables, layer.outputs)
        return found

    def _before(self) -> list[Stmt]:
        """The initial states, and the number of steps."""
        variables, layer = self.variables, self.layer
        first = zip(self.given[: layer.states], layer.outputs, strict=False)
        found: list[Stmt] = [_copy(x, variables.write(y)) for x, y in first]
        # If there are no steps, nothing else sets the size of these outputs.
        unsized = [
            value
            for value in self.collected
            if layer.reports or (self.allocations[value].output is not None and not variables.chunked)
        ]
        found += [ExprStmt(variables.write(value)) for value in unsized]
        if layer.steps is not None:
            self.count = self.dims.dim(layer.steps)
        if self.holds is not None:
            start = _is_true(self.given[-1]) if layer.started else Token("true")
            found.append(let(self.holds, start, mutable=True))
        return [*self.dims.take_pending(), *found]

    def _first(self) -> list[Stmt]:
        """The inputs of a step: the states, and its slices of the sequences."""
        variables, layer = self.variables, self.layer
        found: list[Stmt] = []
        for state in self.states:
            if state in variables.read_values:
                view = variables.reread(state)
                found += [*self.dims.take_pending(), variables.bind(state, state.name, view)]
        for along, part, whole in zip(layer.sequences, self.parts, layer.inputs[layer.states :], strict=False):
            taken = self._scan("scan_slice", along, variables.read(whole), variables.write(part))
            found += [*self.dims.take_pending(), variables.bind(part, part.name, taken)]
        return found

    def _last(self) -> list[Stmt]:
        """The results of a step: its slices of the outputs, the condition and the next states."""
        variables, layer = self.variables, self.layer
        found: list[Stmt] = []
        for along, part, whole in zip(layer.collected, self.made[layer.states :], self.collected, strict=False):
            found.append(ExprStmt(self._scan("scan_write", along, variables.read(part), variables.write(whole))))
        if self.holds is not None:
            # This must precede the update of the states: the condition may be one of them.
            found.append(Assign(self.holds, _is_true(variables.read(self.made[-1]))))
        for state, new in zip(self.states, self.made, strict=False):
            if self.allocations[state] is not self.allocations[new]:
                found.append(_copy(variables.read(new), variables.write(state)))
        return [*self.dims.take_pending(), *found]

    def _loop(self, body: list[Stmt]) -> list[Stmt]:
        if self.holds is None:
            assert self.count is not None
            pattern = self.step if self.step.text in names_in(body) else Token("_")
            return [Block("for", Binary(Token("0"), "..", self.count), tuple(body), pattern=pattern)]
        if self.step.text not in names_in(body) and self.count is None and not self.layer.reports:
            return [Block("while", self.holds, tuple(body))]
        below = Binary(self.step, "<", Token("usize::MAX") if self.count is None else self.count)
        counted = [*body, Assign(self.step, Token("1"), "+=")]
        condition = Binary(self.holds, "&&", below)
        return [let(self.step, Token("0"), mutable=True), Block("while", condition, tuple(counted))]

    def _scan(self, function: str, along: ScanAxis, *operands: Expr) -> Expr:
        """The call that reads or writes the slice of a sequence for one step."""
        at: Expr = self.step
        if along.backwards:
            assert self.count is not None
            at = Binary(Binary(self.count, "-", Token("1")), "-", self.step)
        return Item(f"tf_layers::ops::{function}")(CX, along.axis, at, *operands).tried()


def _results(variables: Variables, outputs: Sequence[Value]) -> list[Stmt]:
    """The views of values that a block has written."""
    found: list[Stmt] = []
    for value in outputs:
        if value in variables.read_values:
            view = variables.reread(value)
            found += [*variables.dims.take_pending(), variables.bind(value, value.name, view)]
    return found


def _copy(x: Expr, y: Expr) -> ExprStmt:
    return ExprStmt(Item("tf_layers::ops::copy")(CX, x, y).tried())


def _is_true(value: Expr) -> Expr:
    return Item("tf_layers::ops::is_true")(value).tried()
