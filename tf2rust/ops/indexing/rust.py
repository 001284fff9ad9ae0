"""The Rust calls of indexing layers."""

from __future__ import annotations

from tf2rust.ops.core.dims import DimExpr
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
from tf2rust.ops.core.layer import Dims
from tf2rust.ops.indexing.category_encoding import CategoryEncoding
from tf2rust.ops.indexing.data_dependent import Compress, NonZero, Unique
from tf2rust.ops.indexing.dynamic_slice import DynamicSlice, DynamicSplit
from tf2rust.ops.indexing.embedding import Embedding
from tf2rust.ops.indexing.gather import Gather, GatherElements, GatherND
from tf2rust.ops.indexing.one_hot import OneHot
from tf2rust.ops.indexing.reverse_sequence import ReverseSequence
from tf2rust.ops.indexing.scatter import ScatterElements, ScatterND
from tf2rust.ops.indexing.slice import Slice
from tf2rust.ops.indexing.tensor_scatter import TensorScatter
from tf2rust.rust.literals import rust_type
from tf2rust.rust.tree import Expr, Item, Operand, array, some, string, struct

_OPS = "tf_layers::ops"


def _call(function: str, site: Site, *attributes: Operand) -> Expr:
    """A call of the function with all inputs and outputs."""
    return Item(f"{_OPS}::{function}")(CX, *attributes, *site.inputs, *site.outputs)


@layer_field.register
def _(layer: Embedding, weights: Weights) -> LayerField:
    embedding, view = Item("tf_layers::nn::Embedding"), Item("tf_layers::tensor::View")
    value = struct(
        embedding,
        input=string(layer.x.name),
        table=view.of("new")(weights.get("embeddings"), array(layer.table.shape)).tried(),
        outside=outside(layer.outside, len(layer.table)),
    )
    dtype = "" if layer.y.dtype == "float32" else f", {rust_type(layer.y.dtype)}"
    return LayerField(embedding.generic(f"'w{dtype}"), value)


def outside(outside: str, rows: int) -> Expr:
    """The behaviour for indices outside a table with this many rows; see ``Embedding``."""
    kinds = Item("tf_layers::tensor::Outside")
    if outside == "row":
        return kinds.of("Row")(rows - 1)
    return kinds.of({"error": "Error", "from_end": "FromEnd"}[outside])


@layer_call.register
def _(layer: Slice, site: Site) -> Expr:
    return _call("slice", site, site.dims(layer.starts), array(layer.steps))


@data_dependent_dims.register
def _(layer: DynamicSlice, site: Site) -> DimValues:
    return {layer.decided: _ranges(layer, site).method("dims")}


def _ranges(layer: DynamicSlice, site: Site) -> Expr:
    """The bounds of every axis."""
    read = {
        name: integers(value, view)
        for name, value, view in zip(layer.parameters, layer.inputs[1:], site.inputs[1:], strict=True)
    }
    optional = [some(read.get(name)) for name in ("axes", "steps")]
    new = Item(f"{_OPS}::SliceRanges").of("new")
    return new(site.inputs[0].method("dims"), read["starts"], read["ends"], *optional).tried()


@layer_call.register
def _(layer: DynamicSlice, site: Site) -> Expr:
    return _ranges(layer, site).method("run", CX, site.inputs[0], *site.outputs)


@data_dependent_dims.register
def _(layer: DynamicSplit, site: Site) -> DimValues:
    size, sizes = site.dim(layer.x.shape[layer.axis]), integers(layer.inputs[1], site.inputs[1])
    return {(layer.start, layer.size): Item(f"{_OPS}::split_range")(size, sizes, layer.index).tried()}


@layer_call.register
def _(layer: DynamicSplit, site: Site) -> Expr:
    starts: Dims = tuple(DimExpr.symbol(layer.start) if i == layer.axis else 0 for i in range(layer.x.rank))
    steps = array([1] * layer.x.rank)
    return Item(f"{_OPS}::slice")(CX, site.dims(starts), steps, site.inputs[0], *site.outputs)


@layer_call.register
def _(layer: Gather, site: Site) -> Expr:
    return _call("gather", site, string(layer.inputs[1].name), layer.axis)


@layer_call.register
def _(layer: GatherElements, site: Site) -> Expr:
    return _call("gather_elements", site, string(layer.inputs[1].name), layer.axis)


@layer_call.register
def _(layer: GatherND, site: Site) -> Expr:
    return _call("gather_nd", site, string(layer.inputs[1].name), layer.batch)


def _update(name: str) -> Expr:
    return Item(f"{_OPS}::ScatterReduction").of(name)


@layer_call.register
def _(layer: ScatterElements, site: Site) -> Expr:
    return _call("scatter_elements", site, string(layer.inputs[1].name), layer.axis, _update(layer.update))


@layer_call.register
def _(layer: ScatterND, site: Site) -> Expr:
    return _call("scatter_nd", site, string(layer.inputs[1].name), _update(layer.update))


@layer_call.register
def _(layer: TensorScatter, site: Site) -> Expr:
    return _call("tensor_scatter", site, string(layer.inputs[2].name), layer.axis, layer.circular)


@layer_call.register
def _(layer: ReverseSequence, site: Site) -> Expr:
    return _call("reverse_sequence", site, string(layer.inputs[1].name), layer.time_axis, layer.batch_axis)


@data_dependent_dims.register
def _(layer: OneHot, site: Site) -> DimValues:
    if len(site.inputs) < 3:
        return {}
    return {str(layer.y.shape[layer.axis]): size_at(layer.inputs[2], site.inputs[2])}


@layer_call.register
def _(layer: OneHot, site: Site) -> Expr:
    return Item(f"{_OPS}::one_hot")(CX, layer.axis, *site.inputs[:2], *site.outputs)


@layer_call.register
def _(layer: CategoryEncoding, site: Site) -> Expr:
    mode = Item("tf_layers::nn::CategoryEncoding").of({"count": "Count", "multi_hot": "MultiHot"}[layer.output_mode])
    return mode.method("run", CX, *site.inputs, *site.outputs)


@data_dependent_dims.register
def _(layer: NonZero, site: Site) -> DimValues:
    return {str(layer.y.shape[1]): Item(f"{_OPS}::count_nonzero")(*site.inputs).tried()}


@layer_call.register
def _(layer: NonZero, site: Site) -> Expr:
    return _call("nonzero", site)


@data_dependent_dims.register
def _(layer: Compress, site: Site) -> DimValues:
    return {str(layer.y.shape[layer.axis]): Item(f"{_OPS}::count_nonzero")(site.inputs[1]).tried()}


@layer_call.register
def _(layer: Compress, site: Site) -> Expr:
    return _call("compress", site, layer.axis)


@layer_field.register
def _(layer: Unique, weights: Weights) -> LayerField:
    unique = Item(f"{_OPS}::Unique")
    return LayerField(unique, struct(unique, axis=layer.axis, sorted=layer.in_order))


@data_dependent_dims.register
def _(layer: Unique, site: Site) -> DimValues:
    return {str(layer.y.shape[layer.axis]): site.field.method("count", *site.inputs).tried()}
