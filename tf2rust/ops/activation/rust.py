"""The Rust calls of activation functions."""

from __future__ import annotations

from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.activation.hardmax import Hardmax
from tf2rust.ops.activation.softmax import Softmax
from tf2rust.ops.core.dims import product
from tf2rust.ops.core.emit import CX, Site, layer_call
from tf2rust.rust.tree import Expr, Item


@layer_call.register
def _(layer: ActivationLayer, site: Site) -> Expr:
    function = layer.activation.rust()
    if site.in_place is not None:
        return function.method("run_in_place", CX, *site.outputs)
    return function.method("run", CX, *site.inputs, *site.outputs)


@layer_call.register
def _(layer: Softmax, site: Site) -> Expr:
    """Merges several axes into one, and reshapes the result."""
    name = "log_softmax" if layer.log else "softmax"
    views = list(site.outputs) if site.in_place is not None else [*site.inputs, *site.outputs]
    function = Item(f"tf_layers::ops::{name}_in_place" if site.in_place is not None else f"tf_layers::ops::{name}")
    if layer.span == 1:
        return function(CX, layer.axis, *views)
    shape, end = layer.x.shape, layer.axis + layer.span
    joined = (*shape[: layer.axis], product(shape[layer.axis : end]), *shape[end:])
    flat = [view.method("reshape", site.dims(joined)).tried() for view in views]
    return function(CX, layer.axis, *flat).tried().method("reshape", site.dims(shape))


@layer_call.register
def _(layer: Hardmax, site: Site) -> Expr:
    return Item("tf_layers::ops::hardmax")(CX, layer.axis, *site.inputs, *site.outputs)
