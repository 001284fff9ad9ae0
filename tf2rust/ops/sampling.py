"""Images sampled, pooled by regions and put together again: GridSample, AffineGrid, RoiAlign, Col2Im; determinants."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.constant import constant
from tf2rust.ops.core.dims import product
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, infers
from tf2rust.ops.core.layer import Layer, RustCall
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.core.rust import rust_f32, rust_list
from tf2rust.ops.matmul import MatMul
from tf2rust.ops.reshape import Reshape

_INTERPOLATIONS = {
    "linear": "Linear",
    "bilinear": "Linear",
    "cubic": "Cubic",
    "bicubic": "Cubic",
    "nearest": "Nearest",
}


@dataclass(eq=False, kw_only=True)
class GridSample(Layer):
    """The first input, of channels-first images, at the places of the second, whose coordinates run from −1 to 1."""

    kind = "GridSample"
    interpolation: str
    outside: str
    align_corners: bool

    def rust_call(self, call: RustCall) -> str:
        x, grid = (f"{text}, &{call.dims(v.shape)}" for text, v in zip(call.inputs, self.inputs, strict=True))
        return (
            f"GridSample {{ interpolation: Sampling::{self.interpolation}, outside: Outer::{self.outside}, "
            f"align_corners: {str(self.align_corners).lower()} }}.run({x}, {grid}, {call.outputs[0]})"
        )

    def rust_imports(self) -> set[str]:
        return {"GridSample", "Sampling", "Outer"}


@dataclass(eq=False, kw_only=True)
class RoiAlign(Layer):
    """Regions of channels-first images pooled to ``cells``: inputs are images, regions, the image of each region."""

    kind = "RoiAlign"
    maximum: bool
    samples: int
    scale: float
    offset: float
    cells: tuple[int, int]

    def rust_call(self, call: RustCall) -> str:
        x, regions, images = call.inputs
        return (
            f"RoiAlign {{ maximum: {str(self.maximum).lower()}, samples: {self.samples}, "
            f"scale: {rust_f32(self.scale)}, offset: {rust_f32(self.offset)}, cells: {rust_list(self.cells)} }}"
            f".run({x}, {call.dims(self.x.shape)}, {regions}, {images}, {call.outputs[0]})"
        )

    def rust_imports(self) -> set[str]:
        return {"RoiAlign"}


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


@dataclass(eq=False, kw_only=True)
class Determinant(Layer):
    """The determinant of each matrix."""

    kind = "Determinant"

    def rust_call(self, call: RustCall) -> str:
        return f"determinant({call.dim(self.x.shape[-1])}, {call.inputs[0]}, {call.scratch()}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"determinant"}


@infers("GridSample")
def _grid_sample(node: Node, facts: Facts) -> Sequence[Fact]:
    x, grid = (facts[v] for v in node.ir.inputs)  # type: ignore[index]
    return [Fact(x.dtype, (*x.shape[:2], *grid.shape[1:-1]))]


@infers("AffineGrid")
def _affine_grid(node: Node, facts: Facts) -> Sequence[Fact]:
    size = facts.dims(node.input(1))
    if size is None:
        raise InferenceError("its size is computed from data, not from shapes and constants")
    if len(size) not in (4, 5):
        raise InferenceError(f"its size has {len(size)} numbers, where those of an image are 4 and of a volume 5")
    return [Fact(facts.dtype(node.ir.inputs[0]), (size[0], *size[2:], len(size) - 2))]  # type: ignore[arg-type]


@infers("RoiAlign")
def _roi_align(node: Node, facts: Facts) -> Sequence[Fact]:
    x, regions = (facts[v] for v in node.ir.inputs[:2])  # type: ignore[index]
    cells = (node.attr("output_height", 1), node.attr("output_width", 1))
    return [Fact(x.dtype, (regions.shape[0], x.shape[1], *cells))]


@infers("Col2Im")
def _col2im(node: Node, facts: Facts) -> Sequence[Fact]:
    data = facts[node.ir.inputs[0]]  # type: ignore[index]
    image, block = facts.dims(node.input(1)), facts.ints(node, "block_shape", 2)
    if image is None or block is None:
        raise InferenceError("the size of its image is computed from data, not from shapes and constants")
    if min(block, default=0) < 1 or len(block) != len(image):
        raise InferenceError(f"its block_shape {block} is not {len(image)} positive numbers, as its image_shape needs")
    return [Fact(data.dtype, (data.shape[0], data.shape[1] // math.prod(block), *image))]


@infers("Det")
def _determinant(node: Node, facts: Facts) -> Sequence[Fact]:
    data = facts[node.ir.inputs[0]]  # type: ignore[index]
    return [Fact(data.dtype, data.shape[:-2])]


@rule(Op("GridSample", Var("x"), Var("grid")))
def grid_sample(m: Match, b: Builder) -> Yield:
    x, grid, y = b.value(m["x"]), b.value(m["grid"]), b.value(m.root.ir.outputs[0])
    mode, outside = m.root.attr("mode", "linear"), m.root.attr("padding_mode", "zeros").capitalize()
    if {x.dtype, grid.dtype} != {"float32"} or not 3 <= x.rank <= 5 or mode not in _INTERPOLATIONS:
        return m.reject(
            f"its mode is {mode}, its input {x.dtype} of {x.rank} dimensions; there are "
            f"{', '.join(_INTERPOLATIONS)} for float32 of 3 to 5 dimensions"
        )
    return GridSample(
        interpolation=_INTERPOLATIONS[mode],
        outside=outside,
        align_corners=bool(m.root.attr("align_corners", 0)),
        inputs=[x, grid],
        outputs=[y],
    )


@rule(Op("AffineGrid", Var("theta"), Var("size")))
def affine_grid(m: Match, b: Builder) -> Yield:
    """The regular grid, a constant, times each matrix."""
    theta, y = b.value(m["theta"]), b.value(m.root.ir.outputs[0])
    sizes = [d for d in y.shape[1:-1] if isinstance(d, int)]
    if theta.dtype != "float32" or len(sizes) != y.rank - 2:
        return m.reject(f"its input is {theta.dtype}, or the image has a free dimension; bind it with --dim")
    centres = not m.root.attr("align_corners", 0)
    axes = [(2 * np.arange(n) + 1) / n - 1 if centres else np.linspace(-1, 1, n) for n in sizes]
    places = np.meshgrid(*axes, indexing="ij")
    rows = np.stack([*places[::-1], np.ones_like(places[0])], -1).reshape(-1, len(sizes) + 1)
    grid = constant(rows.astype(np.float32))
    flat = b.temporary(y, (y.shape[0], len(rows), len(sizes)))
    return [
        grid,
        MatMul(transposed_right=True, inputs=[grid.y, theta], outputs=[flat]),
        Reshape(inputs=[flat], outputs=[y]),
    ]


@rule(Op("RoiAlign", Var("x"), Var("regions"), Var("images")))
def roi_align(m: Match, b: Builder) -> Yield:
    inputs = [b.value(m[name]) for name in ("x", "regions", "images")]
    y = b.value(m.root.ir.outputs[0])
    mode = m.root.attr("mode", "avg")
    if [v.dtype for v in inputs] != ["float32", "float32", "int64"] or mode not in ("avg", "max"):
        return m.reject(f"its mode is {mode}, its inputs {', '.join(v.dtype for v in inputs)}; float32 is there")
    # Before operator set 16 pixels are points.
    default = "half_pixel" if m.root.version >= 16 else "output_half_pixel"
    areas = m.root.attr("coordinate_transformation_mode", default) == "half_pixel"
    return RoiAlign(
        maximum=mode == "max",
        samples=m.root.attr("sampling_ratio", 0),
        scale=m.root.attr("spatial_scale", 1.0),
        offset=0.5 if areas else 0.0,
        cells=(m.root.attr("output_height", 1), m.root.attr("output_width", 1)),
        inputs=inputs,
        outputs=[y],
    )


@rule(Op("Col2Im", Var("x"), Const("image"), Const("block")))
def col2im(m: Match, b: Builder) -> Yield:
    x, y = b.value(m["x"]), b.value(m.root.ir.outputs[0])
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


@rule(Op("Det", Var("x")))
def determinant(m: Match, b: Builder) -> Yield:
    x = b.value(m["x"])
    if x.dtype != "float32" or x.shape[-1] != x.shape[-2]:
        return m.reject(f"its input is {x}; square matrices of float32 are there")
    return Determinant(inputs=[x], outputs=[b.value(m.root.ir.outputs[0])])
