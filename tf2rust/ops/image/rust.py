"""The Rust calls of image layers."""

from __future__ import annotations

from tf2rust.ops.core.emit import (
    CX,
    DimValues,
    LayerField,
    Site,
    Weights,
    data_dependent_dims,
    integers,
    layer_call,
    layer_field,
    sizes,
)
from tf2rust.ops.image.col2im import Col2Im, DynamicCol2Im
from tf2rust.ops.image.grid_sample import GridSample
from tf2rust.ops.image.max_roi_pool import MaxRoiPool
from tf2rust.ops.image.non_max_suppression import NonMaxSuppression
from tf2rust.ops.image.resize import DynamicResize, Resize
from tf2rust.ops.image.roi_align import RoiAlign
from tf2rust.rust.literals import rust_f32
from tf2rust.rust.tree import Expr, Item, array, ref, some, string, struct

_OPS = "tf_layers::ops"


@layer_field.register
def _(layer: Col2Im, weights: Weights) -> LayerField:
    fold = Item(f"{_OPS}::Col2Im")
    axes = {name: array(getattr(layer, name)) for name in ("block", "stride", "dilation")}
    padding = array([array(list(pair)) for pair in layer.padding])
    return LayerField(fold.generic(str(len(layer.block))), struct(fold, **axes, padding=padding))


def _fold(layer: DynamicCol2Im, site: Site) -> Expr:
    """The layer with the block that an input holds."""
    return struct(Item(f"{_OPS}::Col2Im"), site.field, block=sizes(layer.inputs[2], site.inputs[2]))


@data_dependent_dims.register
def _(layer: DynamicCol2Im, site: Site) -> DimValues:
    x, image = site.inputs[0].method("dims"), sizes(layer.inputs[1], site.inputs[1])
    return {layer.decided: _fold(layer, site).method("dims", x, image).tried()}


@layer_call.register
def _(layer: DynamicCol2Im, site: Site) -> Expr:
    return _fold(layer, site).method("run", CX, site.inputs[0], *site.outputs)


@layer_field.register
def _(layer: GridSample, weights: Weights) -> LayerField:
    sample = Item(f"{_OPS}::GridSample")
    value = struct(
        sample,
        mode=Item(f"{_OPS}::GridSampleMode").of(layer.interpolation),
        padding_mode=Item(f"{_OPS}::PaddingMode").of(layer.outside),
        align_corners=layer.align_corners,
    )
    return LayerField(sample, value)


@layer_field.register
def _(layer: MaxRoiPool, weights: Weights) -> LayerField:
    pool = Item(f"{_OPS}::MaxRoiPool")
    return LayerField(pool, struct(pool, scale=rust_f32(layer.scale)))


@layer_field.register
def _(layer: RoiAlign, weights: Weights) -> LayerField:
    align = Item(f"{_OPS}::RoiAlign")
    value = struct(
        align,
        maximum=layer.maximum,
        sampling_ratio=layer.samples,
        spatial_scale=rust_f32(layer.scale),
        offset=rust_f32(layer.offset),
    )
    return LayerField(align, value)


def _suppression(layer: NonMaxSuppression, site: Site) -> Expr:
    most, overlap, *least = (Item(f"{_OPS}::item")(view).tried() for view in site.inputs[2:])
    return struct(
        Item(f"{_OPS}::NonMaxSuppression"),
        center_point_box=layer.centers,
        max_output_boxes_per_class=most,
        iou_threshold=overlap,
        score_threshold=some(least[0] if least else None),
    )


@data_dependent_dims.register
def _(layer: NonMaxSuppression, site: Site) -> DimValues:
    return {str(layer.y.shape[0]): _suppression(layer, site).method("count", CX, *site.inputs[:2]).tried()}


@layer_call.register
def _(layer: NonMaxSuppression, site: Site) -> Expr:
    return _suppression(layer, site).method("run", CX, *site.inputs[:2], *site.outputs)


def _coordinates(layer: Resize) -> Expr:
    """The mapping of positions along each axis."""
    coordinates = Item(f"{_OPS}::Coordinates")
    if layer.crop is None:
        return array([coordinates.of(layer.coordinates)] * len(layer.axes))
    outside = rust_f32(layer.outside)
    parts = [(rust_f32(start), rust_f32(end)) for start, end in layer.crop]
    return array([struct(coordinates.of("Crop"), start=start, end=end, outside=outside) for start, end in parts])


def _interpolation(layer: Resize) -> Expr:
    interpolation = Item(f"{_OPS}::Interpolation").of(layer.interpolation)
    if layer.interpolation == "Antialias":
        parameter: Expr | str = some(None if layer.cubic is None else rust_f32(layer.cubic))
    elif layer.interpolation in ("Cubic", "CubicSteps"):
        parameter = rust_f32(layer.cubic or 0.0)
    else:
        return interpolation
    return struct(interpolation, a=parameter, exclude_outside=layer.exclude_outside)


@layer_field.register
def _(layer: Resize, weights: Weights) -> LayerField:
    resize = Item(f"{_OPS}::Resize")
    value = struct(
        resize,
        axes=array(layer.axes),
        coordinates=_coordinates(layer),
        interpolation=_interpolation(layer),
        scales=some(None if layer.scales is None else array([array(scale) for scale in layer.scales])),
    )
    return LayerField(resize.generic(str(len(layer.axes))), value)


@layer_call.register
def _(layer: Resize, site: Site) -> Expr:
    method = "run" if layer.x.dtype == "float32" else "run_nearest"
    return site.field.method(method, CX, *site.inputs, *site.outputs)


def _target(layer: DynamicResize, site: Site) -> Expr:
    """The dims and scales that the inputs decide about."""
    x, parameter, *region = site.inputs
    axes, target = ref(array(layer.named)), Item(f"{_OPS}::ResizeTarget")
    if layer.by_scales:
        found = target.of("by_scales")(x.method("dims"), axes, string(layer.inputs[1].name), parameter).tried()
    else:
        ratio = {"not_larger": "NotLarger", "not_smaller": "NotSmaller"}.get(layer.ratio, "Stretch")
        wanted = integers(layer.inputs[1], parameter)
        found = target.of("by_sizes")(x.method("dims"), axes, wanted, Item(f"{_OPS}::AspectRatio").of(ratio)).tried()
    if region:
        outside = rust_f32(layer.outside)
        found = found.method("within", axes, string(layer.inputs[2].name), region[0], outside).tried()
    return found


@data_dependent_dims.register
def _(layer: DynamicResize, site: Site) -> DimValues:
    return {layer.decided: _target(layer, site).method("dims")}


@layer_call.register
def _(layer: DynamicResize, site: Site) -> Expr:
    return _target(layer, site).method("run", CX, ref(site.field), site.inputs[0], *site.outputs)
