"""The Rust calls of attention."""

from __future__ import annotations

from tf2rust.ops.attention.attention import Attention
from tf2rust.ops.core.emit import CX, LayerField, Site, Weights, layer_call, layer_field
from tf2rust.rust.literals import rust_f32
from tf2rust.rust.tree import Expr, Item, array, struct


@layer_field.register
def _(layer: Attention, weights: Weights) -> LayerField:
    attention = Item("tf_layers::nn::Attention")
    axes = array([array(own) for own in layer.axes])
    return LayerField(attention, struct(attention, scale=rust_f32(layer.scale), axes=axes))


@layer_call.register
def _(layer: Attention, site: Site) -> Expr:
    mask = Item("tf_layers::nn::Mask")
    if len(layer.inputs) < 4:
        masked: Expr = mask.of("None")
    elif layer.inputs[3].dtype == "bool":
        masked = struct(mask.of("Keep"), keep=site.inputs[3], fill=rust_f32(layer.fill))
    else:
        masked = mask.of("Add")(site.inputs[3])
    return site.field.method("run", CX, *site.inputs[:3], masked, *site.outputs)
