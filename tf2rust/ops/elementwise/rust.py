"""How elementwise layers are called in Rust."""

from __future__ import annotations

from tf2rust.ops.core.emit import LayerField, Weights, layer_field
from tf2rust.ops.elementwise.scale_shift import ScaleShift
from tf2rust.rust.tree import Item, struct


@layer_field.register
def _(layer: ScaleShift, weights: Weights) -> LayerField:
    scale_shift = Item("tf_layers::nn::ScaleShift")
    value = struct(
        scale_shift,
        mean=weights.optional("mean"),
        scale=weights.get("scale"),
        shift=weights.get("shift"),
        activation=layer.activation.rust(),
    )
    return LayerField(scale_shift.generic("'w"), value)
