"""The Rust calls of signal layers."""

from __future__ import annotations

from tf2rust.ops.core.emit import CX, DimValues, Site, data_dependent_dims, layer_call, size_at
from tf2rust.ops.core.layer import Value
from tf2rust.ops.signal.mel_weight_matrix import MelWeightMatrix
from tf2rust.rust.tree import Expr, Item, Token, array

_OPS = "tf_layers::ops"


def _number(value: Value, view: Expr) -> Expr:
    """The only element of a tensor; integers as ``i64``."""
    number = Item(f"{_OPS}::item")(view).tried()
    return Token("i64::from")(number) if value.dtype == "int32" else number


@data_dependent_dims.register
def _(layer: MelWeightMatrix, site: Site) -> DimValues:
    filters, samples = site.inputs[:2]
    bins, columns = layer.y.shape
    found = {
        bins: Item(f"{_OPS}::spectrum_bins")(_number(layer.inputs[1], samples)).tried(),
        columns: size_at(layer.inputs[0], filters),
    }
    return {str(dim): size for dim, size in found.items() if not isinstance(dim, int)}


@layer_call.register
def _(layer: MelWeightMatrix, site: Site) -> Expr:
    _, samples, rate, lower, upper = (_number(v, view) for v, view in zip(layer.inputs, site.inputs, strict=True))
    return Item(f"{_OPS}::mel_weight_matrix")(CX, samples, rate, array([lower, upper]), *site.outputs)
