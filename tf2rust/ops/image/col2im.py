"""Col2Im: sums the columns of a sliding block into an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.parameters import decided_dims, dims_of_data, elements, is_data, length
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@dataclass(eq=False, kw_only=True)
class Col2Im(Layer):
    """Sums the columns of a sliding block into the image that they come from."""

    kind = "Col2Im"
    block: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]


@dataclass(eq=False, kw_only=True)
class DynamicCol2Im(Col2Im):
    """The same with the sizes of the image and of the block in the second and third input.

    ``decided`` are the data-dependent dimensions of the output; None for a dimension that is known.
    """

    decided: tuple[str | None, ...]

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        """A block of one pixel."""
        count = len(self.block)
        return {1: [*[1] * (count - 1), self.x.shape[2]], 2: [1] * count}


def _is_by_data(node: Node, infos: ValueInfos) -> bool:
    return is_data(node.input(1), infos) or is_data(node.input(2), infos)


@infers("Col2Im")
def _col2im(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    if _is_by_data(node, infos):
        sizes = elements(node.operand(1), infos, "image_shape")
        if length(node.operand(2), infos, "block_shape") != len(sizes):
            raise InferenceError("its image_shape and its block_shape must have the same length")
        return [ValueInfo(data.dtype, dims_of_data(node.y, [data.shape[0], None, *sizes]))]
    image, block = infos.dims(node.input(1)), infos.ints(node, "block_shape", 2)
    if image is None or block is None:
        raise InferenceError("its image_shape is computed from data, not from shapes and constants")
    if min(block, default=0) < 1 or len(block) != len(image):
        raise InferenceError(f"its block_shape {block} must have {len(image)} positive numbers, like its image_shape")
    return [ValueInfo(data.dtype, (data.shape[0], data.shape[1] // math.prod(block), *image))]


@rule(Op("Col2Im", Var("x"), Var("image"), Var("block")))
def col2im(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    rank = y.rank - 2
    if x.dtype != "float32":
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32)")
    ones = [1] * rank
    pads = m.root.attr("pads", [0] * 2 * rank)
    stride, dilation = tuple(m.root.attr("strides", ones)), tuple(m.root.attr("dilations", ones))
    padding = tuple(zip(pads[:rank], pads[rank:], strict=True))
    if _is_by_data(m.root, b.infos):
        return DynamicCol2Im(
            block=tuple(ones),
            stride=stride,
            dilation=dilation,
            padding=padding,
            decided=decided_dims(m.y, y.shape),
            inputs=[x, b.value(m["image"]), b.value(m["block"])],
            outputs=[y],
        )
    block = tuple(b.infos.ints(m.root, "block_shape", 2) or [])
    return Col2Im(block=block, stride=stride, dilation=dilation, padding=padding, inputs=[x], outputs=[y])
