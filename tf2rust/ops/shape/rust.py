"""How layers that change shapes are called in Rust."""

from __future__ import annotations

from tf2rust.ops.core.emit import CX, Site, layer_call
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.rust.tree import Expr, Item, array, ref


@layer_call.register
def _(layer: Concatenate, site: Site) -> Expr:
    concat = Item("tf_layers::ops::concat")
    return concat(CX, layer.axis, ref(array(site.inputs)), *site.outputs)
