"""The Rust calls of convolutions."""

from __future__ import annotations

from collections.abc import Sequence

from tf2rust.ops.conv.conv import Conv
from tf2rust.ops.conv.conv_transpose import ConvTranspose
from tf2rust.ops.conv.deform_conv import DeformConv
from tf2rust.ops.conv.dynamic import DynamicConv
from tf2rust.ops.conv.embedding_conv import EmbeddingConv1D
from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.emit import CX, LayerField, Site, Weights, layer_call, layer_field
from tf2rust.ops.core.layer import Dims
from tf2rust.ops.indexing.rust import outside
from tf2rust.ops.linear.rust import accumulating, activation, kernel, with_kernel
from tf2rust.rust.tree import Expr, Item, Operand, array, expr, some, string, struct

_NN = "tf_layers::nn"
_DYNAMIC = Item(f"{_NN}::DynamicConv")
_EMBEDDING = Item(f"{_NN}::EmbeddingConv1d")


def each(values: Sequence[Operand | Sequence[Operand]], flat: Operand | Sequence[int] = 1, axes: int = 1) -> Expr:
    """One value per spatial axis: an array, or a single value for one axis.

    The array has at least ``axes`` values; ``flat`` is the value for leading axes that the layer lacks.
    """
    items = [*[flat] * (axes - len(values)), *values]
    found = [expr(item) if isinstance(item, (Expr, int, str)) else array(item) for item in items]
    return array(found) if len(found) > 1 else found[0]


def window_fields(window: Window, size: str, axes: int = 1) -> dict[str, Expr]:
    """The fields of a window; ``size`` is the name of the field for its size.

    Padding that depends on the input's size is not set here; see ``with_sizes``.
    """
    padding = [(0, 0) if pair is None else pair for pair in window.padding]
    return {
        size: each(window.size, axes=axes),
        "stride": each(window.strides, axes=axes),
        "dilation": each(window.dilations, axes=axes),
        "padding": each(padding, (0, 0), axes),
    }


def with_sizes(type: Expr, window: Window, spatial: Dims, site: Site, axes: int = 1) -> Expr:
    """The layer's field, with the padding that depends on the input's spatial dims."""
    if None not in window.padding and not window.ceil:
        return site.field
    same = Item(f"{_NN}::{'same_lower_padding' if window.same_lower else 'same_padding'}")
    ceil = Item(f"{_NN}::ceil_padding")
    padding: list[Operand | Sequence[Operand]] = []
    for pair, size, *walk in zip(window.padding, spatial, window.size, window.strides, window.dilations, strict=True):
        if pair is None:
            padding.append(same(site.dim(size), *walk).tried())
        elif window.ceil and not isinstance(size, int):
            padding.append(ceil(site.dim(size), *walk, array(pair)).tried())
        else:
            padding.append(pair)
    return struct(type, site.field, padding=each(padding, (0, 0), axes))


def _type(layer: Conv) -> Item:
    if layer.winograd:
        return Item(f"{_NN}::WinogradConv2d")
    return Item(f"{_NN}::DepthwiseConv2d" if layer.depthwise else f"{_NN}::Conv{layer.rank}d")


def _axes(layer: Conv) -> int:
    """The number of spatial axes of the Rust layer: some layers treat sequences as images of height 1."""
    return 2 if layer.depthwise or layer.winograd else layer.rank


@layer_field.register
def _(layer: Conv, weights: Weights) -> LayerField:
    fields = {
        "kernel": kernel(layer, weights),
        "bias": weights.optional("bias"),
        "activation": activation(layer, weights),
        **window_fields(layer.window, "kernel_size", _axes(layer)),
    }
    if layer.winograd:
        del fields["stride"], fields["dilation"]
        fields["in_channels"] = expr(layer.channels)
    elif layer.depthwise:
        filters = layer.y.shape[-1]
        assert isinstance(filters, int)
        fields |= {"channels": expr(layer.channels), "multiplier": expr(filters // layer.channels)}
    else:
        fields |= {"in_channels": expr(layer.channels), "groups": expr(layer.groups)}
    return LayerField(with_kernel(_type(layer), layer), struct(_type(layer), **fields))


@layer_call.register
def _(layer: Conv, site: Site) -> Expr:
    called = with_sizes(_type(layer), layer.window, layer.x.shape[1:-1], site, _axes(layer))
    return called.method("run", CX, site.inputs[0], accumulating(layer, site))


@layer_field.register
def _(layer: ConvTranspose, weights: Weights) -> LayerField:
    transpose = Item(f"{_NN}::ConvTranspose")
    value = struct(
        transpose,
        kernel=weights.get("kernel"),
        bias=weights.optional("bias"),
        activation=activation(layer, weights),
        kernel_size=each(layer.size, axes=3),
        stride=each(layer.strides, axes=3),
        dilation=each(layer.dilations, axes=3),
        padding=each(layer.cut, 0, 3),
        in_channels=layer.channels,
        groups=layer.groups,
    )
    return LayerField(transpose.generic("'w"), value)


@layer_field.register
def _(layer: EmbeddingConv1D, weights: Weights) -> LayerField:
    window = window_fields(layer.window, "kernel_size")
    del window["kernel_size"]
    value = struct(
        _EMBEDDING,
        input=string(layer.x.name),
        table=Item("tf_layers::tensor::View").of("new")(weights.get("table"), array(layer.table.shape)).tried(),
        bias=weights.optional("bias"),
        activation=layer.activation.rust(),
        **window,
        outside=outside(layer.outside, len(layer.table)),
    )
    return LayerField(_EMBEDDING.generic("'w"), value)


@layer_call.register
def _(layer: EmbeddingConv1D, site: Site) -> Expr:
    return with_sizes(_EMBEDDING, layer.window, layer.x.shape[1:], site).method("run", CX, *site.inputs, *site.outputs)


@layer_field.register
def _(layer: DynamicConv, weights: Weights) -> LayerField:
    del weights
    window = window_fields(layer.window, "size", 3)
    del window["size"]
    return LayerField(_DYNAMIC, struct(_DYNAMIC, **window, groups=layer.groups))


@layer_call.register
def _(layer: DynamicConv, site: Site) -> Expr:
    if layer.is_transposed:
        return site.field.method("run_transposed", CX, *site.inputs, *site.outputs)
    called = with_sizes(_DYNAMIC, layer.window, layer.x.shape[2:], site, 3)
    return called.method("run_integers" if len(site.inputs) > 2 else "run", CX, *site.inputs, *site.outputs)


@layer_field.register
def _(layer: DeformConv, weights: Weights) -> LayerField:
    del weights
    deform, window = Item(f"{_NN}::DeformConv"), layer.window
    value = struct(
        deform,
        stride=array(window.strides),
        dilation=array(window.dilations),
        padding=array([pair[0] if pair else 0 for pair in window.padding]),
        groups=layer.groups,
        offset_groups=layer.offset_groups,
    )
    return LayerField(deform, value)


@layer_call.register
def _(layer: DeformConv, site: Site) -> Expr:
    del layer
    x, kernel, offset, *mask = site.inputs
    return site.field.method("run", CX, x, kernel, offset, some(mask[0] if mask else None), *site.outputs)
