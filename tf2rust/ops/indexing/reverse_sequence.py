"""ReverseSequence: reverses sequences, each up to its own length, or whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from tf2rust.ops.core.dims import Dim, format_shape
from tf2rust.ops.core.dtypes import DTYPES, INTEGERS
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.indexing.slice import Slice


@infers("ReverseSequence")
def _reverse_sequence(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x, lengths = (infos[v] for v in node.operands())
    axes = {node.attr("time_axis", 0), node.attr("batch_axis", 1)}
    if axes != {0, 1} or len(x.shape) < 2 or len(lengths.shape) != 1:
        raise InferenceError(
            f"its input {format_shape(x.shape)}, lengths {format_shape(lengths.shape)} and axes {sorted(axes)} do "
            "not match: time and batch must be axes 0 and 1, with one length per sample"
        )
    return [ValueInfo(x.dtype, x.shape)]


@dataclass(eq=False, kw_only=True)
class ReverseSequence(Layer):
    """Reverses the first steps of each sequence; the second input holds their numbers."""

    kind = "ReverseSequence"
    time_axis: int
    batch_axis: int


def reversal(starts_axis: int, shape: tuple[Dim, ...]) -> tuple[tuple[Dim, ...], tuple[int, ...]]:
    """The starts and steps of the Slice that reverses one axis."""
    starts = tuple(size - 1 if i == starts_axis else 0 for i, size in enumerate(shape))
    return starts, tuple(-1 if i == starts_axis else 1 for i in range(len(shape)))


def are_all(lengths: ir.Value, size: Dim, infos: ValueInfos) -> bool:
    """Whether every element of ``lengths`` is known to be ``size``."""
    producer = lengths.producer()
    while producer is not None and producer.op_type in ("Cast", "Expand", "Tile"):
        inner = producer.inputs[0]
        assert inner is not None
        lengths, producer = inner, inner.producer()
    info = infos.known(lengths)
    if info is None or (info.fill is None and info.dims is None):
        return False
    if info.fill is not None:
        return info.fill == size
    found = infos.dims(lengths)
    return bool(found) and all(d == size for d in found or [])


@rule(Op("ReverseSequence", Var("x"), Var("lengths")))
def reverse_sequence(m: Match, b: Builder) -> RuleResult:
    """Whole sequences become a Slice with step −1."""
    x, y = b.value(m["x"]), b.value(m.y)
    time, batch = m.root.attr("time_axis", 0), m.root.attr("batch_axis", 1)
    if are_all(m["lengths"], x.shape[time], b.infos):
        starts, steps = reversal(time, x.shape)
        return Slice(starts=starts, steps=steps, inputs=[x], outputs=[y])
    lengths = b.value(m["lengths"])
    if x.dtype not in DTYPES or lengths.dtype not in INTEGERS:
        return m.reject(
            f"its input is {x.dtype} with lengths of {lengths.dtype}, which is not supported (supported: "
            f"{', '.join(DTYPES)} with integer lengths)"
        )
    return ReverseSequence(time_axis=time, batch_axis=batch, inputs=[x, lengths], outputs=[y])
