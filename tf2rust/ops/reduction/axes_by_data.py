"""Reductions over axes that depend on data: the axes move behind all others, and the last axes are reduced."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.dtypes import INTEGERS
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfos, data_dependent_dim
from tf2rust.ops.core.layer import Dims, Layer, Value
from tf2rust.ops.core.parameters import decided_dims, dims_of_data, length
from tf2rust.ops.core.pattern import Match
from tf2rust.ops.core.registry import Builder
from tf2rust.ops.shape.dynamic import DynamicReshape


@dataclass(eq=False, kw_only=True)
class AxesLast(Layer):
    """Moves the axes that the second input holds behind all others; both keep their order.

    ``decided`` are the dimensions of the output.
    """

    kind = "Transpose"
    is_data_movement = True
    decided: tuple[str | None, ...]

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        """The last axes."""
        count = self.inputs[1].shape[0] if self.inputs[1].shape else 1
        return {1: range(self.x.rank - count, self.x.rank) if isinstance(count, int) else []}


@dataclass(frozen=True)
class Reduction:
    """The operands of a reduction whose axes are known, and the layers around it that make them known."""

    x: Value
    axes: list[int]
    keepdims: bool
    y: Value
    before: list[Layer]
    after: list[Layer]


def reduced_by_data(node: Node, infos: ValueInfos, keepdims: bool) -> Dims:
    """The shape of the result: an axis of size 1 keeps its size, whether it is reduced or not."""
    shape, count = infos.shape(node.x), length(node.operand(1), infos, "axes")
    if count > len(shape):
        raise InferenceError(f"it reduces {count} axes of a tensor of rank {len(shape)}")
    kept: list[Dim | None] = [1 if d == 1 else None for d in shape] if keepdims else [None] * (len(shape) - count)
    return dims_of_data(node.y, kept)


def reduction_by_data(m: Match, b: Builder, keepdims: bool) -> Reduction:
    """The reduction of the last axes, between an AxesLast and, with ``keepdims``, an Unsqueeze."""
    parameter = m.root.operand(1)
    x, y, axes = b.value(m["x"]), b.value(m.y), b.value(parameter)
    if axes.dtype not in INTEGERS:
        raise InferenceError(f"its axes are {axes.dtype}, but integers are expected")
    count = length(parameter, b.infos, "axes")
    moved: list[Dim] = [data_dependent_dim(m.y, f"moved{i}") for i in range(x.rank)]
    if not keepdims:
        moved[: y.rank] = y.shape
    whole = b.temporary(x, tuple(moved))
    first = AxesLast(decided=tuple(map(str, moved)), inputs=[x, axes], outputs=[whole])
    last = list(range(x.rank - count, x.rank))
    if not keepdims:
        return Reduction(whole, last, False, y, [first], [])
    total = b.temporary(y, tuple(moved[: x.rank - count]))
    restored = DynamicReshape(method="unsqueeze", decided=decided_dims(m.y, y.shape), inputs=[total, axes], outputs=[y])
    return Reduction(whole, last, False, total, [first], [restored])
