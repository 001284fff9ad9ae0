"""DepthToSpace and SpaceToDepth: channels to blocks of pixels and back."""

from __future__ import annotations

from collections.abc import Sequence

from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Dims, Layer, Perm, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose, permute, wrap_channels_last


@infers("DepthToSpace", "SpaceToDepth")
def _blocks(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    n, channels, height, width = infos.shape(node.x)
    size = node.attr("blocksize")
    if not isinstance(channels, int) or (node.op == "DepthToSpace" and channels % size**2):
        raise InferenceError(f"{channels} channels cannot be split into blocks of {size} by {size}")
    dtype = infos.dtype(node.x)
    if node.op == "DepthToSpace":
        return [ValueInfo(dtype, (n, channels // size**2, height * size, width * size))]
    return [ValueInfo(dtype, (n, channels * size**2, height // size, width // size))]


def _moved(x: Value, y: Value, shape: Dims, perm: Perm, b: Builder) -> list[Layer]:
    """x reshaped, with its axes permuted, as y."""
    split, turned = b.temporary(x, shape), b.temporary(x, permute(shape, perm))
    return [
        Reshape(inputs=[x], outputs=[split]),
        Transpose(perm=perm, inputs=[split], outputs=[turned]),
        Reshape(inputs=[turned], outputs=[y]),
    ]


@rule(Op("DepthToSpace|SpaceToDepth", Var("x"), name="blocks"))
def blocks(m: Match, b: Builder) -> RuleResult:
    """Takes and returns NC…; the layout pass removes the transposes around it."""
    x, y, size = b.value(m["x"]), b.value(m.y), m.root.attr("blocksize")
    mode = m.root.attr("mode", "DCR")
    if mode not in ("DCR", "CRD"):
        return m.reject(f"its mode {mode} is not supported (supported: DCR, CRD)")
    first, last = wrap_channels_last(x, y, b)
    n, height, width, channels = first.y.shape
    if m.root.op == "SpaceToDepth":
        shape: Dims = (n, height // size, size, width // size, size, channels)
        perm = (0, 1, 3, 2, 4, 5) if mode == "DCR" else (0, 1, 3, 5, 2, 4)
        return [first, *_moved(first.y, last.x, shape, perm, b), last]
    depth = last.x.shape[-1]
    if mode == "DCR":
        shape, perm = (n, height, width, size, size, depth), (0, 1, 3, 2, 4, 5)
    else:
        shape, perm = (n, height, width, depth, size, size), (0, 1, 4, 2, 5, 3)
    return [first, *_moved(first.y, last.x, shape, perm, b), last]
