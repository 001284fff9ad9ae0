"""The Rust calls of quantized layers."""

from __future__ import annotations

from tf2rust.ops.conv.rust import window_fields, with_sizes
from tf2rust.ops.core.emit import CX, LayerField, Site, Weights, layer_call, layer_field
from tf2rust.ops.quantized.dynamic import DynamicQuantizedDense, DynamicQuantizeLinear
from tf2rust.ops.quantized.elementwise import QuantizedBinary, QuantizedLookup
from tf2rust.ops.quantized.matmul import MatMulInteger
from tf2rust.ops.quantized.pooling import QuantizedAverage, QuantizedAveragePooling, QuantizedMean
from tf2rust.ops.quantized.products import ZERO_POINTS, QuantizedConv, QuantizedDense, QuantizedProduct
from tf2rust.ops.quantized.quantize_linear import Quantization, QuantizeLinear
from tf2rust.rust.literals import rust_f32, rust_type
from tf2rust.rust.tree import Expr, Item, array, expr, some, struct

_NN = "tf_layers::nn"


@layer_call.register
def _(layer: MatMulInteger, site: Site) -> Expr:
    zeros = [view.method("as_slice").tried() for view in site.inputs[2:]]
    return site.field.method("run_integers", CX, *site.inputs[:2], *zeros, *site.outputs)


@layer_field.register
def _(layer: Quantization, weights: Weights) -> LayerField:
    if layer.scale is not None:
        single = Item("tf_layers::ops::PerTensorQuantization")
        value = struct(single, scale=expr(rust_f32(layer.scale.scale)), zero_point=layer.scale.zero_point)
        return LayerField(single.generic(rust_type(layer.scale.dtype)), value)
    quantization = Item("tf_layers::ops::Quantization")
    return LayerField(quantization, struct(quantization, axis=layer.axis, block=layer.block))


@layer_call.register
def _(layer: Quantization, site: Site) -> Expr:
    method = "quantize" if isinstance(layer, QuantizeLinear) else "dequantize"
    if layer.scale is not None:
        return site.field.method(method, CX, *site.inputs, *site.outputs)
    x, scales, *given = site.inputs
    zeros = given[0] if given else None
    if zeros is not None and layer.inputs[2].rank != layer.inputs[1].rank:
        zeros = zeros.method("reshape", site.dims(layer.inputs[1].shape)).tried()
    return site.field.method(method, CX, x, scales, some(zeros), *site.outputs)


def _requantization(layer: QuantizedProduct, weights: Weights) -> Expr:
    """From sums to y; for results in float32, only the multipliers matter."""
    return struct(
        Item(f"{_NN}::Requantization"),
        multipliers=weights.get("multipliers"),
        zero_point=layer.y_zero_point or 0,
        min=layer.limits[0],
        max=layer.limits[1],
    )


@layer_field.register
def _(layer: QuantizedDense, weights: Weights) -> LayerField:
    dense = Item(f"{_NN}::QuantizedDense")
    value = struct(
        dense,
        kernel=weights.get("kernel"),
        kernel_zero_points=weights.optional(ZERO_POINTS),
        bias=weights.get("bias"),
        requantization=_requantization(layer, weights),
    )
    return LayerField(dense.generic("'w"), value)


@layer_field.register
def _(layer: DynamicQuantizedDense, weights: Weights) -> LayerField:
    dense = Item(f"{_NN}::DynamicQuantizedDense")
    kernel, zero_points = weights.get("kernel"), weights.optional(ZERO_POINTS)
    vectors = {"kernel": kernel, ZERO_POINTS: zero_points, "sums": weights.get("sums"), "scales": weights.get("scales")}
    value = struct(dense, **vectors, bias=weights.optional("bias"), activation=layer.activation.rust())
    return LayerField(dense.generic("'w"), value)


@layer_call.register
def _(layer: DynamicQuantizeLinear, site: Site) -> Expr:
    return Item(f"{_NN}::DynamicQuantization").method("run", CX, *site.inputs, *site.outputs)


def _conv(layer: QuantizedConv) -> Item:
    return Item(f"{_NN}::Quantized{'DepthwiseConv2d' if layer.depthwise else f'Conv{layer.rank}d'}")


def _axes(layer: QuantizedConv) -> int:
    """The number of spatial axes of the Rust layer: a depthwise convolution treats sequences as images of height 1."""
    return 2 if layer.depthwise else layer.rank


@layer_field.register
def _(layer: QuantizedConv, weights: Weights) -> LayerField:
    fields = {
        "kernel": weights.get("kernel"),
        "bias": weights.get("bias"),
        "requantization": _requantization(layer, weights),
        "x_zero_point": expr(layer.x_zero_point),
        **window_fields(layer.window, "kernel_size", _axes(layer)),
    }
    if layer.depthwise:
        fields |= {"channels": expr(layer.channels), "multiplier": expr(layer.kernel.shape[-1] // layer.channels)}
    else:
        fields |= {ZERO_POINTS: weights.optional(ZERO_POINTS)}
        fields |= {"in_channels": expr(layer.channels), "groups": expr(layer.groups)}
    return LayerField(_conv(layer).generic("'w"), struct(_conv(layer), **fields))


@layer_call.register
def _(layer: QuantizedProduct, site: Site) -> Expr:
    called = site.field
    if isinstance(layer, QuantizedConv):
        called = with_sizes(_conv(layer), layer.window, layer.x.shape[1:-1], site, _axes(layer))
    if layer.is_requantized:
        return called.method("run", CX, *site.inputs, *site.outputs)
    bounds = array([rust_f32(bound) for bound in layer.activation.bounds or ()])
    x, *bias = site.inputs
    given = bias[0].method("as_slice").tried() if bias else None
    return called.method("run_f32", CX, x, some(given), bounds, *site.outputs)


@layer_field.register
def _(layer: QuantizedBinary, weights: Weights) -> LayerField:
    del weights
    kind = Item(f"{_NN}::Quantized{layer.function}")
    first: dict[str, Expr] = {"a": expr(rust_f32(layer.a)), "b": expr(rust_f32(layer.b))}
    if layer.function == "Mul":
        first = {"x_zero_points": array(layer.zero_points), "multiplier": expr(rust_f32(layer.a))}
    low, high = layer.limits
    value = struct(kind, **first, offset=rust_f32(layer.offset), zero_point=layer.zero_point, min=low, max=high)
    return LayerField(kind, value)


@layer_field.register
def _(layer: QuantizedLookup, weights: Weights) -> LayerField:
    lookup = Item(f"{_NN}::QuantizedLookup")
    return LayerField(lookup.generic("'w"), struct(lookup, table=weights.get("table")))


def _average(layer: QuantizedAverage) -> dict[str, Expr]:
    low, high = layer.limits
    zeros = {"x_zero_point": expr(layer.x_zero_point), "zero_point": expr(layer.y_zero_point)}
    return {**zeros, "multiplier": expr(rust_f32(layer.ratio)), "min": expr(low), "max": expr(high)}


_AVERAGE_POOL = Item(f"{_NN}::QuantizedAveragePool2d")


@layer_field.register
def _(layer: QuantizedAveragePooling, weights: Weights) -> LayerField:
    del weights
    window = window_fields(layer.window, "size", 2)
    counts = str(layer.count_include_pad).lower()
    offset = rust_f32(layer.offset)
    value = struct(_AVERAGE_POOL, **window, count_include_pad=counts, **_average(layer), offset=offset)
    return LayerField(_AVERAGE_POOL, value)


@layer_call.register
def _(layer: QuantizedAveragePooling, site: Site) -> Expr:
    called = with_sizes(_AVERAGE_POOL, layer.window, layer.x.shape[1:-1], site, 2)
    return called.method("run", CX, *site.inputs, *site.outputs)


@layer_field.register
def _(layer: QuantizedMean, weights: Weights) -> LayerField:
    del weights
    mean = Item(f"{_NN}::QuantizedMean")
    return LayerField(mean, struct(mean, **_average(layer)))
