"""Expand, Tile and ConstantOfShape: repetition along axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dims import Dim, symbols
from tf2rust.ops.core.dtypes import DTYPES, TEXT
from tf2rust.ops.core.inference import (
    InferenceError,
    Node,
    ValueInfo,
    ValueInfos,
    broadcast,
    data_dependent_dim,
    infers,
)
from tf2rust.ops.core.layer import Dims, Layer, broadcasts_batch
from tf2rust.ops.core.parameters import is_data
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.generator.constant import constant
from tf2rust.ops.shape.dynamic import expanded_by_data, tiled_by_data
from tf2rust.ops.shape.reshape import Reshape


@dataclass(eq=False, kw_only=True)
class Expand(Layer):
    """Repeats the input along its axes of size 1."""

    kind = "Expand"
    takes_text = True

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return broadcasts_batch(self.y, self.inputs, batched)


@dataclass(eq=False, kw_only=True)
class ConstantOfShape(Expand):
    """The first input, a scalar, repeated to the shape in the second input."""

    kind = "ConstantOfShape"

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        return {1: [2] * self.y.rank}


@dataclass(eq=False, kw_only=True)
class Tile(Layer):
    """Repeats the whole input ``repeats[i]`` times along axis i."""

    kind = "Tile"
    takes_text = True
    repeats: Dims

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        once = self.repeats[0] == 1
        return self.keeps_batch(batched) and once and not symbols(self.repeats) & symbols(self.x.shape[:1])


def _repeats(node: Node, infos: ValueInfos) -> Dims:
    repeats = infos.dims(node.input(1))
    if repeats is None:
        raise InferenceError("its repeats are computed from data, not from shapes and constants")
    return tuple(repeats)


@infers("Tile")
def _tile(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    if is_data(node.input(1), infos):
        return tiled_by_data(node, infos)
    data = infos[node.x]
    repeats = _repeats(node, infos)
    if len(repeats) != len(data.shape):
        raise InferenceError(f"it has {len(repeats)} repeats for an input of rank {len(data.shape)}")
    shape = tuple(d * r for d, r in zip(data.shape, repeats, strict=True))
    return [ValueInfo(data.dtype, shape, fill=data.fill)]


_MAX_AXES = 64
"""The maximum rank of NumPy arrays."""


@infers("ConstantOfShape")
def _constant_of_shape(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    shape = infos.dims(node.input(0))
    if shape is None:
        rank = infos.shape(node.x)
        if len(rank) != 1 or not isinstance(rank[0], int):
            raise InferenceError("its shape is computed from data, and its rank is unknown")
        if rank[0] > _MAX_AXES:
            raise InferenceError(f"its shape has {rank[0]} dimensions, but at most {_MAX_AXES} are supported")
        shape = [data_dependent_dim(node.y, f"d{axis}") for axis in range(rank[0])]
    value = np.asarray(node.attr("value", np.zeros(1, np.float32)))
    if value.size != 1:
        raise InferenceError(f"its value must be one number, but has shape {list(value.shape)}")
    return [ValueInfo(value.dtype.name, tuple(shape), fill=float(value.flat[0]))]


@infers("Expand")
def _expand(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    target = infos.dims(node.input(1))
    if target is None:
        return expanded_by_data(node, infos)
    return [ValueInfo(data.dtype, broadcast([data.shape, tuple(target)], infos), fill=data.fill)]


@rule(Op("Tile", Var("x"), Var("repeats")))
def tile(m: Match, b: Builder) -> RuleResult:
    x, y, repeats = b.value(m["x"]), b.value(m.y), _repeats(m.root, b.infos)
    if x.dtype not in (*DTYPES, TEXT):
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(DTYPES)})")
    if x.shape == y.shape:
        return Reshape(inputs=[x], outputs=[y])
    return Tile(repeats=repeats, inputs=[x], outputs=[y])


@rule(Op("Expand", Var("x"), Var("shape")))
def expand(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    if is_data(m["shape"], b.infos):
        return m.reject("its shape depends on data")
    if x.dtype not in (*DTYPES, TEXT):
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(DTYPES)})")
    return Reshape(inputs=[x], outputs=[y]) if x.shape == y.shape else Expand(inputs=[x], outputs=[y])


@rule(Op("ConstantOfShape", Var("shape")))
def filled(m: Match, b: Builder) -> RuleResult:
    """A repeated scalar."""
    m.root.has("value")
    info = b.infos[m.y]
    if info.fill is None or info.dtype not in DTYPES:
        return m.reject(f"its value has the unsupported dtype {info.dtype} (supported: {', '.join(DTYPES)})")
    number = constant(np.asarray(info.fill, dtype=info.dtype))
    if b.infos.dims(m["shape"]) is None:
        return [number, ConstantOfShape(inputs=[number.y, b.value(m["shape"])], outputs=[b.value(m.y)])]
    return [number, Expand(inputs=[number.y], outputs=[b.value(m.y)])]
