"""RoiAlign: regions of images, pooled to a fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@dataclass(eq=False, kw_only=True)
class RoiAlign(Layer):
    """Regions of channels-first images, pooled to ``cells``. The inputs are images, regions, and the image of each
    region.
    """

    kind = "RoiAlign"
    maximum: bool
    samples: int
    scale: float
    offset: float
    cells: tuple[int, int]


@infers("RoiAlign")
def _roi_align(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x, regions = (infos[v] for v in node.operands(2))
    cells = (node.attr("output_height", 1), node.attr("output_width", 1))
    return [ValueInfo(x.dtype, (regions.shape[0], x.shape[1], *cells))]


@rule(Op("RoiAlign", Var("x"), Var("regions"), Var("images")))
def roi_align(m: Match, b: Builder) -> RuleResult:
    inputs = [b.value(m[name]) for name in ("x", "regions", "images")]
    y = b.value(m.y)
    mode = m.root.attr("mode", "avg")
    if [v.dtype for v in inputs] != ["float32", "float32", "int64"] or mode not in ("avg", "max"):
        return m.reject(
            f"its mode {mode} for {', '.join(v.dtype for v in inputs)} is not supported (supported: float32)"
        )
    # Before operator set 16, pixels are points.
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
