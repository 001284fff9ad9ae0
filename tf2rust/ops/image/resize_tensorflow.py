"""TensorFlow's image resizing, which rounds positions and weights where ONNX' Resize does not."""

from __future__ import annotations

from collections.abc import Sequence

from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Dims
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.image.resize import Resize
from tf2rust.ops.shape.reshape import Reshape


def _size(node: Node, infos: ValueInfos) -> Dims:
    """The shape [n, height, width, channels] of the result."""
    shape, size = infos.shape(node.x), infos.dims(node.operand(1))
    if len(shape) != 4:
        raise InferenceError(f"its images have rank {len(shape)}, but TensorFlow requires rank 4")
    if size is None or len(size) != 2:
        raise InferenceError("its size is computed from data, not from shapes and constants")
    return (shape[0], *size, shape[3])


@infers("ResizeNearestNeighbor", "ResizeBilinear", "ResizeBicubic")
def _resize(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    return [ValueInfo(infos.dtype(node.x), _size(node, infos))]


@rule(Op("ResizeNearestNeighbor|ResizeBilinear|ResizeBicubic", Var("x"), Var("size"), name="resize"))
def resize_images(m: Match, b: Builder) -> RuleResult:
    """TensorFlow's float32 arithmetic with the same rounding.

    Keys' parameter is −½ with half_pixel_centers, otherwise −¾.
    """
    x, y, op = b.value(m["x"]), b.value(m.y), m.root.op
    corners, centers = bool(m.root.attr("align_corners", 0)), bool(m.root.attr("half_pixel_centers", 0))
    if x.dtype != "float32" or (corners and centers):
        return m.reject(
            f"its images of {x.dtype} are not supported (supported: float32, with aligned corners or half-pixel "
            "centers)"
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
