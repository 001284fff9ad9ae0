"""The Rust of layers that run others: ``for``, ``while`` and ``if``, with the statements of their bodies inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tf2rust.codegen.variables import Variables
from tf2rust.ops.control.layers import Along, Branch, Repeat
from tf2rust.ops.core.emit import CX
from tf2rust.ops.core.layer import LayerGraph, Value
from tf2rust.rust.tree import Assign, Binary, Blank, Block, Comment, Do, Expr, Item, Stmt, Token, let, names_in, ref


@dataclass(frozen=True)
class ModelField:
    """A field of the model's struct."""

    name: str
    type: Expr
    value: Expr


@dataclass
class Lines:
    """Statements, and the fields of the layers that they run."""

    statements: list[Stmt] = field(default_factory=list)
    fields: list[ModelField] = field(default_factory=list)


Body = Callable[[LayerGraph], Lines]
"""Writes the layers of a body."""


def branch(variables: Variables, layer: Branch, inputs: Sequence[Expr], write: Body) -> Lines:
    """Runs one of two bodies; both write the outputs to the same places."""
    for inner, outer in layer.captured():
        variables.views[inner] = variables.read(outer)
    bodies = []
    for graph in layer.bodies():
        with variables.dims.scope():
            bodies.append(write(graph))
    then, otherwise = bodies
    condition = Item("tf_layers::ops::is_true")(inputs[0]).tried()
    statement = Block("if", condition, tuple(then.statements), tuple(otherwise.statements))
    return Lines([statement, *_results(variables, layer.outputs)], then.fields + otherwise.fields)


def repeat(variables: Variables, layer: Repeat, inputs: Sequence[Expr], write: Body) -> Lines:
    """The states begin as they are given; each step takes its parts, runs the layers, and hands on and collects."""
    graph, dims, places = layer.body, variables.dims, variables.memory.places
    step = variables.name_symbol(layer.step, "step")
    states = graph.inputs[: layer.states]
    parts = graph.inputs[layer.states : layer.states + len(layer.sequences)]
    collected = layer.outputs[layer.states : layer.states + len(layer.collected)]
    made = [value for _, value in graph.outputs]
    found = Lines([_copy(x, variables.write(y)) for x, y in zip(inputs[: layer.states], layer.outputs, strict=False)])
    # Without a step nothing else gives them their size.
    unsized = [v for v in collected if layer.reports or (places[v].output is not None and not variables.tiled)]
    found.statements += [Do(variables.write(v)) for v in unsized]
    count = None if layer.steps is None else dims.dim(layer.steps)
    if count is not None and not isinstance(count, Token):
        steps = Token(variables.locals.unique("steps"))
        found.statements += [*dims.take_pending(), let(steps, count)]
        count = steps
    found.statements[:0] = dims.take_pending()

    for inner, outer in layer.captured():
        variables.views[inner] = variables.read(outer)
    with dims.scope():
        body: list[Stmt] = []
        for state in states:
            if state in variables.read_values:
                view = variables.reread(state)
                body += [*dims.take_pending(), variables.bind(state, state.name, view)]
        for along, part, whole in zip(layer.sequences, parts, layer.inputs[layer.states :], strict=False):
            taken = _scan("scan_slice", along, step, count, variables.read(whole), variables.write(part))
            body += [*dims.take_pending(), variables.bind(part, part.name, taken)]
        inner_lines = write(graph)
        found.fields = inner_lines.fields
        body += [*([Blank()] if body else []), *inner_lines.statements]
        last: list[Stmt] = []
        for along, part, whole in zip(layer.collected, made[layer.states :], collected, strict=False):
            last.append(Do(_scan("scan_write", along, step, count, variables.read(part), variables.write(whole))))
        holds = Token(variables.locals.unique("holds")) if layer.tested else None
        if holds is not None:
            # Before the states are those of the next step: the condition may be one of them.
            last.append(Assign(holds, _is_true(variables.read(made[-1]))))
            found.statements.append(let(holds, _is_true(inputs[-1]) if layer.started else Token("true"), mutable=True))
        for state, new in zip(states, made, strict=False):
            if places[state] is not places[new]:
                last.append(_copy(variables.read(new), variables.write(state)))
        last[:0] = dims.take_pending()
    if last and body:
        body += [Blank(), Comment("The step's results, and what the next step begins with.")]
    body += last
    used = step.text in names_in(body)
    if holds is None:
        assert count is not None
        pattern = step if used else Token("_")
        statement = Block("for", Binary(Token("0"), "..", count), tuple(body), pattern=pattern)
    elif used or count is not None or layer.reports:
        found.statements.append(let(step, Token("0"), mutable=True))
        below = Binary(step, "<", Token("usize::MAX") if count is None else count)
        body.append(Assign(step, Token("1"), "+="))
        statement = Block("while", Binary(holds, "&&", below), tuple(body))
    else:
        statement = Block("while", holds, tuple(body))
    found.statements.append(statement)
    if layer.reports:
        reported = Item("tf_layers::ops::write_dims")(CX, ref(Token(f"[{step}]")), variables.write(layer.outputs[-1]))
        found.statements.append(Do(reported.tried()))
    found.statements += _results(variables, layer.outputs)
    return found


def _results(variables: Variables, outputs: Sequence[Value]) -> list[Stmt]:
    """The views of what was written in a block."""
    found: list[Stmt] = []
    for value in outputs:
        if value in variables.read_values:
            view = variables.reread(value)
            found += [*variables.dims.take_pending(), variables.bind(value, value.name, view)]
    return found


def _copy(x: Expr, y: Expr) -> Do:
    return Do(Item("tf_layers::ops::copy")(CX, x, y).tried())


def _is_true(value: Expr) -> Expr:
    return Item("tf_layers::ops::is_true")(value).tried()


def _scan(function: str, along: Along, step: Token, count: Expr | None, *operands: Expr) -> Expr:
    """The part of a sequence for one step, taken or put."""
    at: Expr = step
    if along.backwards:
        assert count is not None
        at = Binary(Binary(count, "-", Token("1")), "-", step)
    return Item(f"tf_layers::ops::{function}")(CX, along.axis, at, *operands).tried()
