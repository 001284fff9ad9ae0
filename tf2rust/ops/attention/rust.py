"""The Rust calls of attention."""

from __future__ import annotations

from collections.abc import Sequence

from tf2rust.ops.attention.additive_attention import AdditiveAttention
from tf2rust.ops.attention.attention import Attention
from tf2rust.ops.attention.mask import Mask
from tf2rust.ops.core.emit import CX, LayerField, Site, Weights, layer_call, layer_field
from tf2rust.rust.literals import rust_f32
from tf2rust.rust.tree import Expr, Item, array, struct


@layer_field.register
def _(layer: Attention, weights: Weights) -> LayerField:
    attention = Item("tf_layers::nn::Attention")
    axes = array([array(own) for own in layer.axes])
    return LayerField(attention, struct(attention, scale=rust_f32(layer.scale), axes=axes))


@layer_field.register
def _(layer: AdditiveAttention, weights: Weights) -> LayerField:
    attention = Item("tf_layers::nn::AdditiveAttention")
    return LayerField(attention.generic("'w"), struct(attention, scale=weights.optional("scale")))


@layer_call.register(Attention)
@layer_call.register(AdditiveAttention)
def _(layer: Attention | AdditiveAttention, site: Site) -> Expr:
    method = "run_with_scores" if len(layer.outputs) > 1 else "run"
    masked = mask_argument(layer.mask, site.inputs[3:])
    return site.field.method(method, CX, *site.inputs[:3], masked, *site.outputs)


def mask_argument(mask: Mask | None, views: Sequence[Expr]) -> Expr:
    """The ``Mask`` of a call. ``views`` holds the tensor of the mask, if there is one."""
    kinds = Item("tf_layers::nn::Mask")
    if mask is None:
        return kinds.of("None")
    (view,) = views
    number = rust_f32(mask.number)
    match mask.mode:
        case "add":
            return kinds.of("Add")(view)
        case "lower":
            return struct(kinds.of("Lower"), drop=view, penalty=number)
    return struct(kinds.of("Keep" if mask.mode == "keep" else "KeepOrZero"), keep=view, fill=number)
