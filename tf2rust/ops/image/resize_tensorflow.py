"""TensorFlow's own ways of resizing images, which round positions and weights where ONNX' Resize does not."""

from __future__ import annotations

from collections.abc import Sequence

from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, infers
from tf2rust.ops.core.layer import Dims
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.image.resize import Resize
from tf2rust.ops.shape.reshape import Reshape


def _size(node: Node, facts: Facts) -> Dims:
    """The images' shape [n, height, width, channels] afterwards."""
    shape, size = facts.shape(node.x), facts.dims(node.operand(1))
    if len(shape) != 4:
        raise InferenceError(f"its images have {len(shape)} dimensions where TensorFlow takes four")
    if size is None or len(size) != 2:
        raise InferenceError("its size is computed from data, not from shapes and constants")
    return (shape[0], *size, shape[3])


@infers("ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic")
def _resize(node: Node, facts: Facts) -> Sequence[Fact]:
    return [Fact(facts.dtype(node.x), _size(node, facts))]


@rule(Op("ResizeNearestNeighbor|ResizeBilinear|ResizeBicubic", Var("x"), Var("size"), name="resize"))
def resize_images(m: Match, b: Builder) -> Yield:
    """TensorFlow's float32 arithmetic, rounding by rounding; Keys' parameter is −½ for half_pixel_centers, else −¾."""
    x, y, op = b.value(m["x"]), b.value(m.y), m.root.op
    corners, centers = bool(m.root.attr("align_corners", 0)), bool(m.root.attr("half_pixel_centers", 0))
    if x.dtype != "float32" or (corners and centers):
        return m.reject(
            f"its images are {x.dtype}; float32 is supported, with aligned corners or with centers of pixels"
        )
    nearest = op == "ResizeNearestNeighbor"
    coordinates = "TfAlignCorners" if corners else "TfLegacy"
    if centers:
        coordinates = "TfHalfPixelNearest" if nearest else "TfHalfPixel"
    taken = "RoundPreferCeil" if corners else "Floor"

    axes = tuple(axis for axis in (1, 2) if x.shape[axis] != y.shape[axis])
    if not axes:
        return Reshape(inputs=[x], outputs=[y])
    return Resize(
        axes=axes,
        coordinates=coordinates,
        interpolation=taken if nearest else "Linear" if op == "ResizeBilinear" else "CubicSteps",
        scales=None,
        cubic=-0.5 if centers else -0.75,
        exclude_outside=centers,
        inputs=[x],
        outputs=[y],
    )
