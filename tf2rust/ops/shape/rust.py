"""How layers that change shapes are called in Rust."""

from __future__ import annotations

from tf2rust.ops.core.emit import CX, Site, layer_call
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.shape import ShapeOf
from tf2rust.rust.tree import Expr, Item, array, ref


@layer_call.register
def _(layer: Concatenate, site: Site) -> Expr:
    concat = Item("tf_layers::ops::concat")
    return concat(CX, layer.axis, ref(array(site.inputs)), *site.outputs)


@layer_call.register
def _(layer: Reshape, site: Site) -> Expr:
    """The elements are copied where the result must stand in a place of its own."""
    view = site.inputs[0]
    if layer.x.shape != layer.y.shape:
        view = view.method("reshape", site.dims(layer.y.shape)).tried()
    return Item("tf_layers::ops::copy")(CX, view, *site.outputs)


@layer_call.register
def _(layer: ShapeOf, site: Site) -> Expr:
    return Item("tf_layers::ops::write_dims")(CX, ref(site.dims(layer.dims)), *site.outputs)
