"""The Rust calls of reductions and other layers along axes."""

from __future__ import annotations

from tf2rust.ops.core.emit import (
    CX,
    DimValues,
    LayerField,
    Site,
    Weights,
    data_dependent_dims,
    integers,
    layer_call,
    layer_field,
    size_at,
)
from tf2rust.ops.reduction.along_axis import AlongAxis
from tf2rust.ops.reduction.arg_max import ArgReduce
from tf2rust.ops.reduction.axes_by_data import AxesLast
from tf2rust.ops.reduction.cumsum import Cumulative
from tf2rust.ops.reduction.reduce import Reduce
from tf2rust.ops.reduction.top_k import TopK
from tf2rust.rust.tree import Binary, Expr, Item, array, expr, string, struct

_OPS = "tf_layers::ops"


@layer_call.register
def _(layer: Reduce, site: Site) -> Expr:
    kind = Item(f"{_OPS}::{'Reduce' if layer.x.dtype == 'float32' else 'ScalarReduce'}")
    axes = Binary(expr(layer.axes[0]), "..", expr(layer.axes[-1] + 1))
    return kind.of(layer.function).method("run", CX, axes, *site.inputs, *site.outputs)


@layer_field.register
def _(layer: ArgReduce, weights: Weights) -> LayerField:
    del weights
    kind = Item(f"{_OPS}::{layer.kind}")
    return LayerField(kind, struct(kind, axis=layer.axis, select_last_index=_flag(layer.last)))


@layer_call.register
def _(layer: ArgReduce, site: Site) -> Expr:
    return site.field.method("run", CX, _lines(layer, site), *site.outputs)


@layer_field.register
def _(layer: Cumulative, weights: Weights) -> LayerField:
    del weights
    kind = _cumulative(layer)
    axis = layer.axis if len(layer.inputs) == 1 else 0
    value = struct(kind, axis=axis, exclusive=_flag(layer.exclusive), reverse=_flag(layer.reverse))
    return LayerField(kind, value)


@layer_call.register
def _(layer: Cumulative, site: Site) -> Expr:
    called = site.field
    if len(site.inputs) > 1:
        axis = Item(f"{_OPS}::axis_from")(string(layer.inputs[1].name), site.inputs[1], layer.x.rank).tried()
        called = struct(_cumulative(layer), site.field, axis=axis)
    return called.method("run", CX, site.inputs[0], *site.outputs)


def _cumulative(layer: Cumulative) -> Item:
    return Item(f"{_OPS}::{'CumProd' if layer.product else 'CumSum'}")


@layer_call.register
def _(layer: TopK, site: Site) -> Expr:
    return Item(f"{_OPS}::top_k")(CX, layer.axis, _flag(layer.greatest), _lines(layer, site), *site.outputs)


@data_dependent_dims.register
def _(layer: TopK, site: Site) -> DimValues:
    """The number of elements, if it is an input."""
    if len(site.inputs) < 2:
        return {}
    return {str(layer.y.shape[layer.axis]): size_at(layer.inputs[1], site.inputs[1])}


@data_dependent_dims.register
def _(layer: AxesLast, site: Site) -> DimValues:
    x, axes = site.inputs
    return {layer.decided: Item(f"{_OPS}::axes_last_dims")(x.method("dims"), integers(layer.inputs[1], axes)).tried()}


@layer_call.register
def _(layer: AxesLast, site: Site) -> Expr:
    x, axes = site.inputs
    perm = Item(f"{_OPS}::axes_last")(integers(layer.inputs[1], axes)).tried()
    return Item(f"{_OPS}::transpose")(CX, perm, x, *site.outputs)


def _lines(layer: AlongAxis, site: Site) -> Expr:
    """The input; a scalar is reshaped to one element along an axis."""
    x = site.inputs[0]
    return x if layer.x.rank else x.method("reshape", array([1])).tried()


def _flag(value: bool) -> str:
    return str(value).lower()
