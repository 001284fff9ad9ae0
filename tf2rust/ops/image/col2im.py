"""Col2Im: the columns of a sliding block, added up to an image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import product
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, infers
from tf2rust.ops.core.layer import Layer, RustCall
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.core.rust import rust_list


@dataclass(eq=False, kw_only=True)
class Col2Im(Layer):
    """Columns that a sliding block read, added up to the image they came from."""

    kind = "Col2Im"
    block: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    places: tuple[int, ...]

    def rust_call(self, call: RustCall) -> str:
        fields = {"image": call.dims(self.y.shape[2:])} | {
            name: rust_list(getattr(self, name)) for name in ("block", "strides", "dilations", "before", "places")
        }
        text = ", ".join(f"{name}: &{value}" for name, value in fields.items())
        planes = call.dim(product(self.y.shape[:2]))
        return f"Col2Im {{ {text} }}.run({planes}, {call.inputs[0]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"Col2Im"}


@infers("Col2Im")
def _col2im(node: Node, facts: Facts) -> Sequence[Fact]:
    data = facts[node.x]
    image, block = facts.dims(node.input(1)), facts.ints(node, "block_shape", 2)
    if image is None or block is None:
        raise InferenceError("the size of its image is computed from data, not from shapes and constants")
    if min(block, default=0) < 1 or len(block) != len(image):
        raise InferenceError(f"its block_shape {block} is not {len(image)} positive numbers, as its image_shape needs")
    return [Fact(data.dtype, (data.shape[0], data.shape[1] // math.prod(block), *image))]


@rule(Op("Col2Im", Var("x"), Const("image"), Const("block")))
def col2im(m: Match, b: Builder) -> Yield:
    x, y = b.value(m["x"]), b.value(m.y)
    image, block = ([int(n) for n in m.const(name)] for name in ("image", "block"))
    if x.dtype != "float32":
        return m.reject(f"its input is {x.dtype}; Col2Im is there for float32")
    ones = [1] * len(image)
    strides, dilations = m.root.attr("strides", ones), m.root.attr("dilations", ones)
    pads = m.root.attr("pads", [0] * 2 * len(image))
    places = tuple(
        (size + before + after - dilation * (own - 1) - 1) // stride + 1
        for size, before, after, dilation, own, stride in zip(
            image, pads[: len(image)], pads[len(image) :], dilations, block, strides, strict=True
        )
    )
    return Col2Im(
        block=tuple(block),
        strides=tuple(strides),
        dilations=tuple(dilations),
        before=tuple(pads[: len(image)]),
        places=places,
        inputs=[x],
        outputs=[y],
    )
