"""How convolutions are called in Rust."""

from __future__ import annotations

from collections.abc import Sequence

from tf2rust.ops.conv.conv import Conv
from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.emit import CX, LayerField, Site, Weights, layer_call, layer_field
from tf2rust.ops.core.layer import Dims
from tf2rust.ops.linear.rust import accumulating
from tf2rust.rust.tree import Expr, Item, Operand, Token, array, struct


def each(values: Sequence[Operand | Sequence[int]]) -> Expr:
    """An array with one element for each spatial axis."""
    return array([value if isinstance(value, (Expr, int, str)) else array(list(value)) for value in values])


def padding(window: Window) -> list[Sequence[int]]:
    """The padding that a layer's field holds: none yet where it depends on the input's size."""
    return [(0, 0) if pair is None else pair for pair in window.padding]


def late_padding(window: Window, spatial: Dims, site: Site) -> list[Expr] | None:
    """The padding where some of it depends on the input's size; else None."""
    if None not in window.padding:
        return None
    same = Item("tf_layers::nn::same_padding")
    axes = zip(window.padding, spatial, window.size, window.strides, window.dilations, strict=True)
    return [
        array(list(pair)) if pair is not None else same(site.dim(size), *axis).tried() for pair, size, *axis in axes
    ]


def _type(layer: Conv) -> Item:
    if layer.winograd or layer.depthwise:
        return Item(f"tf_layers::nn::{'Winograd' if layer.winograd else 'Depthwise'}Conv2d")
    return Item(f"tf_layers::nn::Conv{layer.rank}d")


def _axes(layer: Conv, values: Sequence[Operand | Sequence[int]], flat: Operand | Sequence[int]) -> Expr:
    """One value for each spatial axis; ``flat`` for the height of a sequence that is taken for an image."""
    if layer.rank == 1 and (layer.depthwise or layer.winograd):
        return each([flat, *values])
    return each(values) if layer.rank > 1 else each(values).items[0]  # type: ignore[attr-defined]


@layer_field.register
def _(layer: Conv, weights: Weights) -> LayerField:
    w = layer.window
    fields = {
        "kernel": weights.get("kernel"),
        "bias": weights.optional("bias"),
        "activation": layer.activation.rust(),
        "kernel_size": _axes(layer, w.size, 1),
        "stride": _axes(layer, w.strides, 1),
        "dilation": _axes(layer, w.dilations, 1),
        "padding": _axes(layer, padding(w), (0, 0)),
    }
    if layer.winograd:
        del fields["stride"], fields["dilation"]
        fields["in_channels"] = Token(str(layer.channels))
    elif layer.depthwise:
        filters = layer.y.shape[-1]
        assert isinstance(filters, int)
        fields |= {"channels": Token(str(layer.channels)), "multiplier": Token(str(filters // layer.channels))}
    else:
        fields |= {"in_channels": Token(str(layer.channels)), "groups": Token(str(layer.groups))}
    return LayerField(_type(layer).generic("'w"), struct(_type(layer), **fields))


@layer_call.register
def _(layer: Conv, site: Site) -> Expr:
    called = site.field
    if (late := late_padding(layer.window, layer.x.shape[1:-1], site)) is not None:
        called = struct(_type(layer), site.field, padding=_axes(layer, late, (0, 0)))
    return called.method("run", CX, site.inputs[0], accumulating(layer, site))
