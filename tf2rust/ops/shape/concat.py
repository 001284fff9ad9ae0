"""Concatenate: joins tensors along an axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.core.dims import Dim, format_shape
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.layer import Columns, Layer, Perm, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@dataclass(eq=False, kw_only=True)
class Concatenate(Layer):
    """The inputs joined along ``axis``."""

    kind = "Concatenate"
    is_data_movement = True
    axis: int

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        first = perms[0]
        if first is None or any(p != first for p in perms):
            return None
        return replace(self, axis=first[self.axis]), first

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched) and self.axis > 0

    def columns(self) -> list[tuple[Value, Columns]]:
        """The columns of each input in the output; empty if the inputs are not known to be columns."""
        widths = [value.shape[-1] for value in self.inputs] if self.axis == self.y.rank - 1 else []
        found, first = [], 0
        for value, width in zip(self.inputs, widths, strict=False):
            if not isinstance(width, int) or value.shape[:-1] != self.y.shape[:-1]:
                return []
            found.append((value, Columns(self.y, first)))
            first += width
        return found


@infers("Concat")
def _concat(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    parts = [infos[v] for v in node.inputs if v is not None]
    dims = [p.dims for p in parts if p.dims is not None and p.dims.ndim == 1]
    if len(dims) == len(parts):
        return [ValueInfo.of_dims(np.concatenate(dims), parts[0].dtype)]
    ranks = {len(p.shape) for p in parts}
    if len(ranks) > 1 or 0 in ranks:
        shapes = ", ".join(format_shape(p.shape) for p in parts)
        raise InferenceError(f"it concatenates {shapes}, but needs tensors of equal rank that are not scalars")
    axis = normal_axis(node.attr("axis", 1), len(parts[0].shape))
    total: Dim = 0
    shape = list(parts[0].shape)
    for part in parts:
        total = total + part.shape[axis]
        for i, size in enumerate(part.shape):
            if i != axis:
                shape[i] = infos.assumptions.unify(shape[i], size) or shape[i]
    fill = parts[0].fill if all(p.fill == parts[0].fill for p in parts) else None
    return [ValueInfo(parts[0].dtype, (*shape[:axis], total, *shape[axis + 1 :]), fill=fill)]


@rule(Op("Concat", Var("first"), more=True))
def concat(m: Match, b: Builder) -> RuleResult:
    y = b.value(m.y)
    inputs = [v for v in m.root.inputs if v is not None]
    axis = normal_axis(m.root.attr("axis", 1), y.rank)
    return Concatenate(axis=axis, inputs=[b.value(v) for v in inputs], outputs=[y])
