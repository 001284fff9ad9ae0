"""Layers that run other layers: loops and branches."""

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
    """How a loop scans a sequence: its axis and its direction."""

    axis: int = 0
    backwards: bool = False

    def plain(self) -> str:
        return f"axis {self.axis}{', backwards' if self.backwards else ''}"


@dataclass(eq=False, kw_only=True)
class Loop(Layer):
    """Runs its body once per step.

    Inputs: the initial states, the sequences of which each step reads one slice, the values that the body captures, and
    optionally the number of steps and the initial condition. Outputs: the final states, and the collected results of
    all steps. Inputs of the body: the states, the slices and the captured values. Outputs of the body: the new states,
    the results of the step and, if ``tested``, the condition.
    """

    kind = "Loop"
    is_data_movement = True
    body: LayerGraph
    states: int
    sequences: tuple[ScanAxis, ...]
    collected: tuple[ScanAxis, ...]
    step: str
    """The index of the step, from 0 on, as a dimension in the body."""
    steps: Dim | None
    """The number of steps, or the maximum if the loop is ``tested``; None if only the condition limits it."""
    tested: bool
    """Whether the body computes a condition for the next step."""
    counted: bool
    """Whether the number of steps, ``steps``, is an input."""
    started: bool
    """Whether the initial condition is an input; otherwise it is true."""
    reports: bool = False
    """Whether the last output is the number of completed steps."""

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
    """The results of the steps that ran: a prefix of the memory for all steps, with the length of the second input."""

    kind = "Slice"
    is_data_movement = True


@dataclass(eq=False, kw_only=True)
class If(Layer):
    """Runs its first body if the first input is true, otherwise its second.

    The other inputs are the values that the first body captures, then those of the second.
    """

    kind = "If"
    is_data_movement = True
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
    """The graph of a body; ``before`` are layers that run before the body's own."""
    made = [(value.name or "", body.value(value)) for value in outputs]
    read = [body.value(v) for v in body.captured]
    return LayerGraph([*inputs, *read], made, [*before, *body.layers], body.conditions)


def reads(body: Body, value: ir.Value, outputs: Iterable[ir.Value]) -> bool:
    """Whether a layer of the body reads the value, or an output is the value."""
    wanted = body.value(value)
    return any(wanted in layer.inputs for layer in body.layers) or any(v is value for v in outputs)


def actual(body: Body, b: Builder) -> list[Value]:
    """The outer values that the body reads, as values of the outer graph."""
    return [b.value(v) for v in body.captured]
