"""The Rust of constants and ranges."""

from __future__ import annotations

from tf2rust.ops.core.emit import CX, DimValues, LayerField, Site, Weights, data_dependent_dims, layer_call, layer_field
from tf2rust.ops.generator.constant import Constant
from tf2rust.ops.generator.range import Range
from tf2rust.rust.literals import rust_number, rust_type
from tf2rust.rust.tree import Expr, Item, array, ref


@layer_field.register
def _(layer: Constant, weights: Weights) -> LayerField:
    view = Item("tf_layers::tensor::View")
    shape = array([str(size) for size in layer.array.shape])
    if layer.is_number:
        number: Expr = ref(array([rust_number(layer.array.reshape(())[()], layer.y.dtype)]))
    else:
        number = weights.get("value")
    arguments = f"'w, {rust_type(layer.y.dtype)}, {layer.array.ndim}"
    return LayerField(view.generic(arguments), view.of("new")(number, shape).tried())


@layer_call.register
def _(layer: Constant, site: Site) -> Expr:
    """A constant is copied only if it is an output of the model."""
    return Item("tf_layers::ops::copy")(CX, site.field, *site.outputs)


@layer_call.register
def _(layer: Range, site: Site) -> Expr:
    start, step = site.inputs[:2]
    return Item("tf_layers::ops::range")(CX, start, step, *site.outputs)


@data_dependent_dims.register
def _(layer: Range, site: Site) -> DimValues:
    """The length, if it is computed from inputs."""
    if len(site.inputs) < 3:
        return {}
    start, step, limit = site.inputs
    return {str(layer.y.shape[0]): Item("tf_layers::ops::range_len")(start, limit, step).tried()}
