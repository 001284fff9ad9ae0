"""The Rust calls of quantized layers."""

from __future__ import annotations

from tf2rust.ops.core.emit import CX, LayerField, Site, Weights, layer_call, layer_field
from tf2rust.ops.quantized.matmul import MatMulInteger
from tf2rust.ops.quantized.quantize_linear import Quantization, QuantizeLinear
from tf2rust.rust.tree import Expr, Item, some, struct


@layer_call.register
def _(layer: MatMulInteger, site: Site) -> Expr:
    zeros = [view.method("as_slice").tried() for view in site.inputs[2:]]
    return site.field.method("run_integers", CX, *site.inputs[:2], *zeros, *site.outputs)


@layer_field.register
def _(layer: Quantization, weights: Weights) -> LayerField:
    quantization = Item("tf_layers::ops::Quantization")
    return LayerField(quantization, struct(quantization, axis=layer.axis, block=layer.block))


@layer_call.register
def _(layer: Quantization, site: Site) -> Expr:
    x, scales, *given = site.inputs
    zeros = given[0] if given else None
    if zeros is not None and layer.inputs[2].rank != layer.inputs[1].rank:
        zeros = zeros.method("reshape", site.dims(layer.inputs[1].shape)).tried()
    method = "quantize" if isinstance(layer, QuantizeLinear) else "dequantize"
    return site.field.method(method, CX, x, scales, some(zeros), *site.outputs)
