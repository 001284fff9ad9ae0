"""Col2Im: sums the columns of sliding blocks into an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@dataclass(eq=False, kw_only=True)
class Col2Im(Layer):
    """The sum of columns of sliding blocks, at their positions in the image."""

    kind = "Col2Im"
    block: tuple[int, ...]
    stride: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: tuple[tuple[int, int], ...]


@infers("Col2Im")
def _col2im(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    image, block = infos.dims(node.input(1)), infos.ints(node, "block_shape", 2)
    if image is None or block is None:
        raise InferenceError("its image_shape is computed from data, not from shapes and constants")
    if min(block, default=0) < 1 or len(block) != len(image):
        raise InferenceError(f"its block_shape {block} must have {len(image)} positive numbers, like its image_shape")
    return [ValueInfo(data.dtype, (data.shape[0], data.shape[1] // math.prod(block), *image))]


@rule(Op("Col2Im", Var("x"), Const("image"), Const("block")))
def col2im(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    image, block = ([int(n) for n in m.const(name)] for name in ("image", "block"))
    if x.dtype != "float32":
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32)")
    ones = [1] * len(image)
    pads = m.root.attr("pads", [0] * 2 * len(image))
    return Col2Im(
        block=tuple(block),
        stride=tuple(m.root.attr("strides", ones)),
        dilation=tuple(m.root.attr("dilations", ones)),
        padding=tuple(zip(pads[: len(image)], pads[len(image) :], strict=True)),
        inputs=[x],
        outputs=[y],
    )
