"""Transpose: permutes axes. The layout pass removes most Transposes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Dims, Layer, Perm, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, rule


@dataclass(eq=False, kw_only=True)
class Transpose(Layer):
    """Axis i of the output is axis ``perm[i]`` of the input."""

    kind = "Transpose"
    is_data_movement = True
    perm: Perm

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched) and self.perm[0] == 0


def permute(shape: Dims, perm: Perm) -> Dims:
    """The shape of ``transpose(x, perm)`` for x of this shape."""
    return tuple(shape[axis] for axis in perm)


def inverse(perm: Perm) -> Perm:
    """The perm that undoes ``perm``."""
    return tuple(perm.index(axis) for axis in range(len(perm)))


def to_channels_last(rank: int) -> Perm:
    """``NC…`` to ``N…C``."""
    return (0, *range(2, rank), 1)


def to_channels_first(rank: int) -> Perm:
    """``N…C`` to ``NC…``."""
    return (0, rank - 1, *range(1, rank - 1))


def wrap_channels_last(x: Value, y: Value, b: Builder) -> tuple[Transpose, Transpose]:
    """The transposes of ``NC…`` x and y around a layer over ``N…C``, for the layout pass to remove.

    The layer reads the output of the first and writes the input of the second.
    """
    inside_x = b.temporary(x, permute(x.shape, to_channels_last(x.rank)))
    inside_y = b.temporary(y, permute(y.shape, to_channels_last(y.rank)))
    return (
        Transpose(perm=to_channels_last(x.rank), inputs=[x], outputs=[inside_x]),
        Transpose(perm=to_channels_first(y.rank), inputs=[inside_y], outputs=[y]),
    )


@infers("Transpose")
def _transpose(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    perm = tuple(node.attr("perm") or reversed(range(len(data.shape))))
    if sorted(perm) != list(range(len(data.shape))):
        raise InferenceError(
            f"its perm {list(perm)} is not a permutation of the axes of an input of rank {len(data.shape)}"
        )
    dims = None if data.dims is None else data.dims.transpose(perm)
    return [ValueInfo(data.dtype, permute(data.shape, perm), dims=dims, fill=data.fill)]


@rule(Op("Transpose", Var("x")))
def transpose(m: Match, b: Builder) -> Layer:
    x = b.value(m["x"])
    perm = tuple(m.root.attr("perm") or reversed(range(x.rank)))
    return Transpose(perm=perm, inputs=[x], outputs=[b.value(m.y)])
