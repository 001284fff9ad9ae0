"""The Rust calls of shape layers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf2rust.ops.core.emit import CX, DimValues, Site, data_dependent_dims, integers, layer_call, size_at
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.ops.shape.dynamic import DynamicExpand, DynamicReshape, DynamicShape, DynamicTile
from tf2rust.ops.shape.dynamic_pad import DynamicPad
from tf2rust.ops.shape.expand import ConstantOfShape, Expand, Tile
from tf2rust.ops.shape.pad import Pad
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.shape import Shape
from tf2rust.ops.shape.transpose import Transpose
from tf2rust.rust.literals import rust_number
from tf2rust.rust.tree import Expr, Item, array, ref, some

_OPS = "tf_layers::ops"


@layer_call.register
def _(layer: Concatenate, site: Site) -> Expr:
    return Item(f"{_OPS}::concat")(CX, layer.axis, ref(array(site.inputs)), *site.outputs)


@layer_call.register
def _(layer: Expand, site: Site) -> Expr:
    return Item(f"{_OPS}::expand")(CX, site.inputs[0], *site.outputs)


@data_dependent_dims.register
def _(layer: ConstantOfShape, site: Site) -> DimValues:
    """All dimensions of the output, which the second input holds."""
    return {str(dim): size_at(layer.inputs[1], site.inputs[1], axis) for axis, dim in enumerate(layer.y.shape)}


@layer_call.register
def _(layer: Tile, site: Site) -> Expr:
    return Item(f"{_OPS}::tile")(CX, *site.inputs, *site.outputs)


@layer_call.register
def _(layer: Pad, site: Site) -> Expr:
    before = site.dims([before for before, _ in layer.padding])
    return Item(f"{_OPS}::pad")(CX, before, _pad_mode(layer, site.inputs[1:]), site.inputs[0], *site.outputs)


def _pad_mode(layer: Pad | DynamicPad, value: Sequence[Expr]) -> Expr:
    """The mode, with the value of the padding if it needs one: an input or a constant."""
    mode = Item(f"{_OPS}::PadMode").of(layer.mode.capitalize())
    if layer.mode != "constant":
        return mode
    if value:
        return mode(Item(f"{_OPS}::item")(value[0]).tried())
    return mode(rust_number(np.dtype(layer.x.dtype).type(layer.value), layer.x.dtype))


@data_dependent_dims.register
def _(layer: DynamicPad, site: Site) -> DimValues:
    return {layer.decided: _padding(layer, site).method("dims")}


def _padding(layer: DynamicPad, site: Site) -> Expr:
    x, pads, *others = site.inputs
    axes = some(integers(layer.inputs[2], others[0]) if layer.has_axes else None)
    return Item(f"{_OPS}::Padding").of("new")(x.method("dims"), integers(layer.inputs[1], pads), axes).tried()


@layer_call.register
def _(layer: DynamicPad, site: Site) -> Expr:
    value = site.inputs[3 if layer.has_axes else 2 :]
    return _padding(layer, site).method("run", CX, _pad_mode(layer, value), site.inputs[0], *site.outputs)


@layer_call.register
def _(layer: Reshape, site: Site) -> Expr:
    """Copies the elements if the result has an allocation of its own."""
    view = site.inputs[0]
    if layer.x.shape != layer.y.shape:
        view = view.method("reshape", site.dims(layer.y.shape)).tried()
    return Item(f"{_OPS}::copy")(CX, view, *site.outputs)


@layer_call.register
def _(layer: Shape, site: Site) -> Expr:
    return Item(f"{_OPS}::write_dims")(CX, ref(site.dims(layer.dims)), *site.outputs)


@layer_call.register
def _(layer: Transpose, site: Site) -> Expr:
    return Item(f"{_OPS}::transpose")(CX, array(layer.perm), *site.inputs, *site.outputs)


@data_dependent_dims.register
def _(layer: DynamicShape, site: Site) -> DimValues:
    return {layer.decided: _dims(layer, site)}


def _dims(layer: DynamicShape, site: Site) -> Expr:
    """The dims of the output."""
    x, parameter = site.inputs
    attributes = []
    match layer:
        case DynamicReshape(method=method):
            attributes = [str(layer.allow_zero).lower()] if method == "reshape" else []
        case DynamicExpand():
            method = "broadcast"
        case _:
            method = "tile"
    return Item(f"{_OPS}::{method}_dims")(x.method("dims"), integers(layer.inputs[1], parameter), *attributes).tried()


@layer_call.register
def _(layer: DynamicReshape, site: Site) -> Expr:
    view = site.inputs[0].method("reshape", site.dims(layer.y.shape)).tried()
    return Item(f"{_OPS}::copy")(CX, view, *site.outputs)


@layer_call.register
def _(layer: DynamicExpand, site: Site) -> Expr:
    return Item(f"{_OPS}::expand")(CX, site.inputs[0], *site.outputs)


@layer_call.register
def _(layer: DynamicTile, site: Site) -> Expr:
    return Item(f"{_OPS}::tile")(CX, site.inputs[0], *site.outputs)
