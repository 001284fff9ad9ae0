"""The Rust calls of elementwise layers."""

from __future__ import annotations

from tf2rust.ops.core.emit import CX, LayerField, Site, Weights, layer_call, layer_field
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.bitwise import Bitwise, BitwiseUnary
from tf2rust.ops.elementwise.cast import Cast
from tf2rust.ops.elementwise.comparison import Compare, Logic, Not
from tf2rust.ops.elementwise.scale_shift import ScaleShift
from tf2rust.ops.elementwise.unary import OF_DOUBLES, Unary
from tf2rust.ops.elementwise.where import Where
from tf2rust.rust.literals import rust_type
from tf2rust.rust.tree import Expr, Item, array, struct

_OPS = "tf_layers::ops"


@layer_field.register
def _(layer: Binary, weights: Weights) -> LayerField | None:
    """The constant operand."""
    if layer.constant is None:
        return None
    view = Item("tf_layers::tensor::View")
    constant = view.of("new")(weights.get("constant"), array(layer.constant.shape)).tried()
    return LayerField(view.generic(f"'w, {rust_type(layer.constant.dtype.name)}, {layer.constant.ndim}"), constant)


@layer_call.register
def _(layer: Binary, site: Site) -> Expr:
    operands = list(site.inputs)
    if layer.constant is not None:
        operands.insert(0 if layer.constant_first else 1, site.field)
    kind = "Binary" if layer.y.dtype == "float32" else "ScalarBinary"
    return _function(kind, layer.function, site, operands)


@layer_call.register
def _(layer: Unary, site: Site) -> Expr:
    kind = "Unary" if layer.x.dtype == "float32" else "ScalarUnary"
    if layer.x.dtype == "float64" and layer.function in OF_DOUBLES:
        kind = "DoubleUnary"
    return _function(kind, layer.function, site, list(site.inputs))


@layer_call.register(Compare)
@layer_call.register(Logic)
@layer_call.register(Bitwise)
def _(layer: Compare | Logic | Bitwise, site: Site) -> Expr:
    return _function(type(layer).__name__, layer.function, site, list(site.inputs))


def _function(kind: str, function: str, site: Site, operands: list[Expr]) -> Expr:
    """``Binary::Add.run(cx, a, b, y)``; in place, ``y`` holds the first operand."""
    method = "run" if site.in_place is None else "run_in_place"
    read = operands if site.in_place is None else operands[1:]
    return Item(f"{_OPS}::{kind}").of(function).method(method, CX, *read, *site.outputs)


@layer_call.register
def _(layer: Where, site: Site) -> Expr:
    return Item(f"{_OPS}::select")(CX, *site.inputs, *site.outputs)


@layer_call.register
def _(layer: Not, site: Site) -> Expr:
    return Item(f"{_OPS}::not")(CX, *site.inputs, *site.outputs)


@layer_call.register
def _(layer: BitwiseUnary, site: Site) -> Expr:
    return Item(f"{_OPS}::{layer.function}")(CX, *site.inputs, *site.outputs)


@layer_call.register
def _(layer: Cast, site: Site) -> Expr:
    function = "cast" if layer.saturate else "cast_unsaturated"
    return Item(f"{_OPS}::{function}")(CX, *site.inputs, *site.outputs)


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
