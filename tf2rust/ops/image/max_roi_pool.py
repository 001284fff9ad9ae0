"""MaxRoiPool: max pooling of regions of images to a fixed size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.shape.transpose import wrap_channels_last


@dataclass(eq=False, kw_only=True)
class MaxRoiPool(Layer):
    """Maxima over a grid of ``cells`` in each region: images [n, height, width, c], regions [r, 5] → [r, *cells, c].

    A region holds the index of its image and the corners x₁ y₁ x₂ y₂, which ``scale`` converts to pixels.
    """

    kind = "MaxRoiPool"
    scale: float
    cells: tuple[int, int]


@infers("MaxRoiPool")
def _max_roi_pool(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x, regions = (infos[v] for v in node.operands(2))
    cells = tuple(node.attr("pooled_shape"))
    if len(cells) != 2 or min(cells) < 1:
        raise InferenceError(f"its attribute `pooled_shape` is {list(cells)}, not a positive height and width")
    return [ValueInfo(x.dtype, (regions.shape[0], x.shape[1], *cells))]


@rule(Op("MaxRoiPool", Var("x"), Var("regions")))
def max_roi_pool(m: Match, b: Builder) -> RuleResult:
    """Channels-first input and output: the layout pass removes the transposes around the layer."""
    x, regions, y = b.value(m["x"]), b.value(m["regions"]), b.value(m.y)
    scale = m.root.attr("spatial_scale", 1.0)
    if unsupported := {x.dtype, regions.dtype} - {"float32"}:
        return m.reject(f"unsupported dtype {unsupported.pop()} (supported: float32)")
    if isinstance(regions.shape[1], int) and regions.shape[1] != 5:
        return m.reject(f"its regions have {regions.shape[1]} numbers each; five are an index and two corners")
    if not scale > 0:
        return m.reject(f"its attribute `spatial_scale` is {scale}, which must be positive")
    first, last = wrap_channels_last(x, y, b)
    layer = MaxRoiPool(
        scale=scale, cells=tuple(m.root.attr("pooled_shape")), inputs=[first.y, regions], outputs=[last.x]
    )
    return [first, layer, last]
