"""The Rust of layers that run others: ``for``, ``while`` and ``if``, with the calls of their bodies inside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tf2rust.codegen.names import words
from tf2rust.codegen.variables import Variables
from tf2rust.ops.control.layers import Along, Branch, Repeat
from tf2rust.ops.core.dims import product
from tf2rust.ops.core.layer import Layer, LayerGraph, RustCall, Value

_INDENT = "    "


@dataclass
class Block:
    """Lines of Rust, and the fields that they read."""

    lines: list[str] = field(default_factory=list)
    fields: list[tuple[str, str, str]] = field(default_factory=list)


def nested(variables: Variables, layer: Layer, call: RustCall, write_body: Callable[[LayerGraph], Block]) -> Block:
    """The statement of a layer that has bodies; ``write_body`` writes the calls of their layers."""
    if isinstance(layer, Repeat):
        return _repeat(variables, layer, call, write_body)
    assert isinstance(layer, Branch)
    then, otherwise = (write_body(body) for body in layer.bodies())
    lines = [f"if is_true({call.inputs[0]})? {{", *_indented(then.lines), "} else {", *_indented(otherwise.lines), "}"]
    return Block(lines, then.fields + otherwise.fields)


def _indented(lines: Sequence[str]) -> list[str]:
    return [_INDENT + line if line else line for line in lines]


def _repeat(variables: Variables, layer: Repeat, call: RustCall, write_body: Callable[[LayerGraph], Block]) -> Block:
    """The states begin as they are given; each step takes its parts, runs the layers, and hands on and collects."""
    graph, places = layer.body, variables.memory.places
    step = variables.name_symbol(layer.step, "step")
    lines = [f"copy({x}, {y})?;" for x, y in zip(call.inputs[: layer.states], call.outputs, strict=False)]
    collected = layer.outputs[layer.states : layer.states + len(layer.collected)]
    # Without a step nothing else gives them their size.
    unsized = [v for v in collected if layer.reports or (places[v].output is not None and not variables.written_slices)]
    lines += [f"{variables.write(v)};" for v in unsized]
    count = "" if layer.steps is None else call.dim(layer.steps)
    if not count.isalnum() and any(a.backwards for a in (*layer.sequences, *layer.collected)):
        lines.append(f"let {(steps := variables.locals.unique('steps'))} = {count};")
        count = steps
    body = Block()
    parts = graph.inputs[layer.states : layer.states + len(layer.sequences)]
    for along, part, whole in zip(layer.sequences, parts, layer.inputs[layer.states :], strict=False):
        body.lines += variables.sized(part, part.name)
        where = f"{_split(whole, along, call)}, {_index(along, step, count)}"
        body.lines.append(f"take_step({where}, {variables.read(whole)}, {variables.write(part)})?;")
    inner = write_body(graph)
    body.lines += [*([""] if body.lines else []), *inner.lines]
    made = [value for _, value in graph.outputs]
    last = []
    for along, part, whole in zip(layer.collected, made[layer.states :], collected, strict=False):
        where = f"{_split(whole, along, call)}, {_index(along, step, count)}"
        last.append(f"put_step({where}, {variables.read(part)}, {variables.write(whole)})?;")
    holds = variables.locals.unique("holds") if layer.tested else ""
    if holds:
        # Before the states are those of the next step: the condition may be one of them.
        last.append(f"{holds} = is_true({variables.read(made[-1])})?;")
        lines.append(f"let mut {holds} = {f'is_true({call.inputs[-1]})?' if layer.started else 'true'};")
    for state, new in zip(graph.inputs[: layer.states], made, strict=False):
        if places[state] is not places[new]:
            last.append(f"copy({variables.read(new)}, {variables.write(state)})?;")
    comment = ["", "// The step's results, and what the next step begins with."] if last and body.lines else []
    body.lines += [*comment, *last]
    used = any(step in words(line) for line in body.lines if not line.lstrip().startswith("//"))
    if not holds:
        head = f"for {step if used else '_'} in 0..{count} {{"
    elif used or count or layer.reports:
        lines.append(f"let mut {step} = 0;")
        head = f"while {holds} && {step} < {count or 'usize::MAX'} {{"
        body.lines.append(f"{step} += 1;")
    else:
        head = f"while {holds} {{"
    after = [f"dims_as_numbers(&[{step}], {call.outputs[-1]})?;"] if layer.reports else []
    return Block([*lines, head, *_indented(body.lines), "}", *after], inner.fields)


def _split(whole: Value, along: Along, call: RustCall) -> str:
    """The shape of a sequence as [outer, steps, inner]."""
    shape, axis = whole.shape, along.axis
    return call.dims((product(shape[:axis]), shape[axis], product(shape[axis + 1 :])))


def _index(along: Along, step: str, count: str) -> str:
    return f"{count} - 1 - {step}" if along.backwards else step
