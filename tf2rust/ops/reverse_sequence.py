"""ReverseSequence over whole sequences: a Slice with step −1."""

from __future__ import annotations

import onnx_ir as ir

from tf2rust.ops.core.dims import Expr
from tf2rust.ops.core.facts import Facts, infers, same_shape
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.slice import Slice

infers("ReverseSequence")(same_shape)


def reversal(starts_axis: int, shape: tuple[int | Expr, ...]) -> tuple[tuple[int | Expr, ...], tuple[int, ...]]:
    """Starts and steps of the Slice that reverses one axis."""
    starts = tuple(size - 1 if i == starts_axis else 0 for i, size in enumerate(shape))
    return starts, tuple(-1 if i == starts_axis else 1 for i in range(len(shape)))


def are_all(lengths: ir.Value, size: int | Expr, facts: Facts) -> bool:
    """Whether every element of ``lengths`` is known to be ``size``."""
    producer = lengths.producer()
    while producer is not None and producer.op_type in ("Cast", "Expand", "Tile"):
        inner = producer.inputs[0]
        assert inner is not None
        lengths, producer = inner, inner.producer()
    fact = facts.known(lengths)
    if fact is None or (fact.fill is None and fact.dims is None):
        return False
    if fact.fill is not None:
        return fact.fill == size
    found = facts.dims(lengths)
    return bool(found) and all(d == size for d in found or [])


@rule(Op("ReverseSequence", Var("x"), Var("lengths")))
def reverse_sequence(m: Match, b: Builder) -> Yield:
    x, y = b.value(m["x"]), b.value(m.root.ir.outputs[0])
    time = m.root.attr("time_axis", 0)
    m.root.has("batch_axis")
    if not are_all(m["lengths"], x.shape[time], b.facts):
        return m.reject("the sequences have lengths of their own; all must be reversed whole")
    starts, steps = reversal(time, x.shape)
    return Slice(starts=starts, steps=steps, inputs=[x], outputs=[y])
