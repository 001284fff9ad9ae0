"""The Rust calls of normalizations."""

from __future__ import annotations

from tf2rust.ops.core.activation import LINEAR
from tf2rust.ops.core.emit import CX, LayerField, Site, Weights, layer_call, layer_field
from tf2rust.ops.normalization.layers import (
    GroupNormalization,
    LayerNormalization,
    RmsNormalization,
    UnitNormalization,
)
from tf2rust.rust.literals import rust_f32
from tf2rust.rust.tree import Expr, Item, struct


@layer_field.register
def _(layer: LayerNormalization, weights: Weights) -> LayerField:
    norm = Item("tf_layers::nn::LayerNorm")
    value = struct(
        norm,
        axis=layer.axis,
        span=layer.span,
        gamma=weights.optional("gamma"),
        beta=weights.optional("beta"),
        epsilon=rust_f32(layer.epsilon),
        activation=LINEAR.rust(),
    )
    return LayerField(norm.generic("'w"), value)


@layer_field.register
def _(layer: RmsNormalization, weights: Weights) -> LayerField:
    norm, epsilon = Item("tf_layers::nn::RmsNorm"), rust_f32(layer.epsilon)
    value = struct(norm, axis=layer.axis, span=layer.span, gamma=weights.optional("gamma"), epsilon=epsilon)
    return LayerField(norm.generic("'w"), value)


@layer_field.register
def _(layer: UnitNormalization, weights: Weights) -> LayerField:
    norm = Item("tf_layers::nn::UnitNorm")
    return LayerField(norm, struct(norm, axis=layer.axis, span=layer.span, p=layer.p, limit=rust_f32(layer.limit)))


@layer_field.register
def _(layer: GroupNormalization, weights: Weights) -> LayerField:
    norm = Item("tf_layers::nn::GroupNorm")
    value = struct(
        norm,
        gamma=weights.optional("gamma"),
        beta=weights.optional("beta"),
        groups=layer.groups,
        epsilon=rust_f32(layer.epsilon),
    )
    return LayerField(norm.generic("'w"), value)


@layer_call.register
def _(layer: GroupNormalization, site: Site) -> Expr:
    """Merges several channel axes into one, and reshapes the result."""
    views, shape = [*site.inputs, *site.outputs], layer.x.shape
    if layer.channel_axes == 1:
        return site.field.method("run", CX, *views)
    joined = site.dims((*shape[: -layer.channel_axes], layer.channels))
    flat = [view.method("reshape", joined).tried() for view in views]
    return site.field.method("run", CX, *flat).tried().method("reshape", site.dims(shape))
