"""Layers that run other layers: loops, and branches of which one is taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import onnx_ir as ir

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.core.registry import Body, Builder


@dataclass(frozen=True)
class ScanAxis:
    """How a sequence is walked through: along which of its axes, and whether from the end."""

    axis: int = 0
    backwards: bool = False

    def plain(self) -> str:
        return f"axis {self.axis}{', backwards' if self.backwards else ''}"


@dataclass(eq=False, kw_only=True)
class Loop(Layer):
    """Runs its body once for every step.

    Inputs are the first values of the states, the sequences of which each step is given its part, what the body reads
    from outside, and, where they are there, the number of steps and the first condition. Outputs are the last values of
    the states and the results collected of all steps. The body's inputs are the states, the parts of the sequences and
    what it reads from outside; its outputs the new states, the results of the step and, if it is ``tested``, the
    condition.
    """

    kind = "Loop"
    body: LayerGraph
    states: int
    sequences: tuple[ScanAxis, ...]
    collected: tuple[ScanAxis, ...]
    step: str
    """The number of the step, from 0 on, as a dimension in the body."""
    steps: Dim | None
    """How many steps there are, at most if it is ``tested``; None: as many as the condition lets it run."""
    tested: bool
    """Whether the body computes a condition that must hold for another step."""
    counted: bool
    """Whether the number of steps is an input, which ``steps`` is measured from."""
    started: bool
    """Whether the condition of the first step is an input; else it holds."""
    reports: bool = False
    """Whether the last output is the number of the steps that were done."""

    def params(self) -> dict[str, Any]:
        steps = {} if self.steps is None else {"steps": self.steps if isinstance(self.steps, int) else str(self.steps)}
        along = {"sequences": self.sequences, "collected": self.collected}
        return {**steps, **{name: [a.plain() for a in part] for name, part in along.items() if part}}

    def bodies(self) -> list[LayerGraph]:
        return [self.body]

    def captured(self) -> list[tuple[Value, Value]]:
        first = self.states + len(self.sequences)
        return list(zip(self.body.inputs[first:], self.inputs[first:], strict=False))


@dataclass(eq=False, kw_only=True)
class CollectedSteps(Layer):
    """The results of the steps that were done: the first part of the memory for all, of the second input's length."""

    kind = "Slice"


@dataclass(eq=False, kw_only=True)
class If(Layer):
    """Runs the first of its bodies if the first input holds, else the second.

    The other inputs are what the two read from outside, one after the other.
    """

    kind = "If"
    then: LayerGraph
    otherwise: LayerGraph

    def params(self) -> dict[str, Any]:
        return {}

    def bodies(self) -> list[LayerGraph]:
        return [self.then, self.otherwise]

    def captured(self) -> list[tuple[Value, Value]]:
        return list(zip([*self.then.inputs, *self.otherwise.inputs], self.inputs[1:], strict=True))


def body_graph(
    body: Body, inputs: Sequence[Value], outputs: Iterable[ir.Value], before: Iterable[Layer] = ()
) -> LayerGraph:
    """The graph of a body; ``before`` are layers that run before its own."""
    made = [(value.name or "", body.value(value)) for value in outputs]
    return LayerGraph([*inputs, *(body.value(v) for v in body.captured)], made, [*before, *body.layers])


def reads(body: Body, value: ir.Value, outputs: Iterable[ir.Value]) -> bool:
    """Whether a layer of the body reads the value, or it is one of its outputs."""
    wanted = body.value(value)
    return any(wanted in layer.inputs for layer in body.layers) or any(v is value for v in outputs)


def actual(body: Body, b: Builder) -> list[Value]:
    """What the body reads from outside, as the graph around it knows it."""
    return [b.value(v) for v in body.captured]
