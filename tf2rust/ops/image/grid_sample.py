"""GridSample and AffineGrid: images sampled at the positions of a grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.generator.constant import constant
from tf2rust.ops.linear.matmul import MatMul
from tf2rust.ops.shape.reshape import Reshape

_INTERPOLATIONS = {
    "linear": "Linear",
    "bilinear": "Linear",
    "cubic": "Cubic",
    "bicubic": "Cubic",
    "nearest": "Nearest",
}


@dataclass(eq=False, kw_only=True)
class GridSample(Layer):
    """Samples channels-first images, the first input, at the coordinates (−1 to 1) in the second input."""

    kind = "GridSample"
    interpolation: str
    outside: str
    align_corners: bool


@infers("GridSample")
def _grid_sample(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x, grid = (infos[v] for v in node.operands())
    return [ValueInfo(x.dtype, (*x.shape[:2], *grid.shape[1:-1]))]


@infers("AffineGrid")
def _affine_grid(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    size = infos.dims(node.input(1))
    if size is None:
        raise InferenceError("its size is computed from data, not from shapes and constants")
    if len(size) not in (4, 5):
        raise InferenceError(f"its size has {len(size)} numbers, but must have 4 for images or 5 for volumes")
    return [ValueInfo(infos.dtype(node.x), (size[0], *size[2:], len(size) - 2))]


@rule(Op("GridSample", Var("x"), Var("grid")))
def grid_sample(m: Match, b: Builder) -> RuleResult:
    x, grid, y = b.value(m["x"]), b.value(m["grid"]), b.value(m.y)
    mode, outside = m.root.attr("mode", "linear"), m.root.attr("padding_mode", "zeros").capitalize()
    if {x.dtype, grid.dtype} != {"float32"} or not 3 <= x.rank <= 5 or mode not in _INTERPOLATIONS:
        return m.reject(
            f"its mode {mode} for {x.dtype} of rank {x.rank} is not supported (supported: "
            f"{', '.join(_INTERPOLATIONS)} for float32 of rank 3 to 5)"
        )
    return GridSample(
        interpolation=_INTERPOLATIONS[mode],
        outside=outside,
        align_corners=bool(m.root.attr("align_corners", 0)),
        inputs=[x, grid],
        outputs=[y],
    )


@rule(Op("AffineGrid", Var("theta"), Var("size")))
def affine_grid(m: Match, b: Builder) -> RuleResult:
    """The regular grid, a constant, times each matrix."""
    theta, y = b.value(m["theta"]), b.value(m.y)
    sizes = [d for d in y.shape[1:-1] if isinstance(d, int)]
    if theta.dtype != "float32" or len(sizes) != y.rank - 2:
        return m.reject(
            f"its input has the dtype {theta.dtype} or the image has a symbolic dimension; only float32 and fixed "
            "sizes are supported, so bind the dimension with --dim"
        )
    centres = not m.root.attr("align_corners", 0)
    axes = [(2 * np.arange(n) + 1) / n - 1 if centres else np.linspace(-1, 1, n) for n in sizes]
    positions = np.meshgrid(*axes, indexing="ij")
    rows = np.stack([*positions[::-1], np.ones_like(positions[0])], -1).reshape(-1, len(sizes) + 1)
    grid = constant(rows.astype(np.float32))
    flat = b.temporary(y, (y.shape[0], len(rows), len(sizes)))
    return [
        grid,
        MatMul(transposed_right=True, inputs=[grid.y, theta], outputs=[flat]),
        Reshape(inputs=[flat], outputs=[y]),
    ]
