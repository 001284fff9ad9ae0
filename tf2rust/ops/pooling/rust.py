"""The Rust calls of pooling layers."""

from __future__ import annotations

from tf2rust.ops.conv.rust import window_fields, with_sizes
from tf2rust.ops.core.emit import (
    CX,
    DimValues,
    LayerField,
    Site,
    Weights,
    data_dependent_dims,
    layer_call,
    layer_field,
    sizes,
)
from tf2rust.ops.pooling.adaptive import AdaptivePooling
from tf2rust.ops.pooling.indices import MaxPoolWithIndices, MaxUnpool
from tf2rust.ops.pooling.pooling import Pooling
from tf2rust.rust.tree import Expr, Item, struct

_MAX = Item("tf_layers::nn::MaxPool")


_MAX_OF_BYTES = Item("tf_layers::nn::QuantizedMaxPool2d")


def _type(layer: Pooling) -> Item:
    if layer.x.dtype != "float32":
        return _MAX_OF_BYTES
    return Item(f"tf_layers::nn::Pool{layer.rank}d")


def _axes(layer: Pooling) -> int:
    """The number of spatial axes of the Rust layer: that of bytes treats sequences as images of height 1."""
    return 2 if layer.x.dtype != "float32" else 1


def _kind(layer: Pooling) -> Expr:
    kinds = Item("tf_layers::nn::PoolKind")
    if layer.function == "Average":
        return struct(kinds.of("Average"), count_include_pad=layer.count_include_pad)
    return kinds.of("MaxOverPadding" if layer.function == "Max" and layer.count_include_pad else layer.function)


@layer_field.register
def _(layer: Pooling, weights: Weights) -> LayerField:
    del weights
    window = window_fields(layer.window, "size", _axes(layer))
    if _type(layer) == _MAX_OF_BYTES:
        return LayerField(_MAX_OF_BYTES, struct(_MAX_OF_BYTES, **window))
    return LayerField(_type(layer), struct(_type(layer), kind=_kind(layer), **window))


@layer_call.register
def _(layer: Pooling, site: Site) -> Expr:
    called = with_sizes(_type(layer), layer.window, layer.x.shape[1:-1], site, _axes(layer))
    return called.method("run", CX, *site.inputs, *site.outputs)


@layer_call.register
def _(layer: AdaptivePooling, site: Site) -> Expr:
    kind = Item("tf_layers::nn::AdaptivePool").of(layer.function)
    return kind.method("run", CX, *site.inputs, *site.outputs)


@layer_field.register
def _(layer: MaxPoolWithIndices, weights: Weights) -> LayerField:
    del weights
    window = window_fields(layer.window, "size", 3)
    return LayerField(_MAX, struct(_MAX, **window, column_major=layer.column_major))


@layer_call.register
def _(layer: MaxPoolWithIndices, site: Site) -> Expr:
    called = with_sizes(_MAX, layer.window, layer.x.shape[2:], site, 3)
    return called.method("run_with_indices" if len(site.outputs) > 1 else "run", CX, *site.inputs, *site.outputs)


@layer_call.register
def _(layer: MaxUnpool, site: Site) -> Expr:
    return Item("tf_layers::nn::max_unpool")(CX, site.dims(layer.inner), *site.inputs[:2], *site.outputs)


@data_dependent_dims.register
def _(layer: MaxUnpool, site: Site) -> DimValues:
    """The shape of the output, if it is an input."""
    if len(site.inputs) < 3:
        return {}
    return {layer.decided: sizes(layer.inputs[2], site.inputs[2])}
