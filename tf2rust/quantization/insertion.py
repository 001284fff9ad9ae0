"""Writes QuantizeLinear and DequantizeLinear into a float graph.

    x → Conv(w, b) → y   becomes   x → Q → DQ → Conv(DQ(int8 w), DQ(int32 b)) → Q → DQ → y

Weights are symmetric with one scale per output channel; biases have the scale of the sums, x's scale times w's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import helper

from tf2rust.ops.quantized.scale import LARGEST_SUM
from tf2rust.quantization.graph import FLOAT, FloatGraph
from tf2rust.quantization.placement import Placement
from tf2rust.quantization.products import Product, products_of, write_bias
from tf2rust.quantization.ranges import STEPS, Quantizer

LARGEST_WEIGHT = 127
_LARGEST_BIAS = 1 << 24
"""The largest bias in steps of the sums. Channels with tiny weights and a large bias get coarser weights."""


def weight_scales(product: Product, x_scale: float) -> np.ndarray:
    """The scale of the weights of each output channel."""
    scales = product.largest().astype(np.float64) / LARGEST_WEIGHT
    if product.bias is not None:
        scales = np.maximum(scales, np.abs(product.bias) / (x_scale * _LARGEST_BIAS))
    return np.where(scales < np.finfo(FLOAT).tiny, 1.0, scales).astype(FLOAT)


def integer_weights(product: Product, scales: np.ndarray) -> np.ndarray:
    """The weights in steps of ``scales``, as int8."""
    steps = np.rint(product.weights / product.by_channel(scales))
    return np.asarray(np.clip(steps, -LARGEST_WEIGHT, LARGEST_WEIGHT), np.int8)


def overflows(product: Product) -> bool:
    """Whether a sum of products of 8-bit integers, with the largest activations, can exceed 32 bits."""
    terms = product.weights.size // max(product.channels, 1)
    return STEPS * LARGEST_WEIGHT * terms + _LARGEST_BIAS > LARGEST_SUM


def insert(graph: FloatGraph, placement: Placement, quantizers: Mapping[str, Quantizer]) -> FloatGraph:
    """A copy of ``graph`` in which the values of ``placement`` are quantized; ``quantizers`` are those of families."""
    made = graph.copy()
    parameters = {}
    for family in sorted(set(placement.values.values())):
        quantizer = quantizers[family]
        parameters[family] = [
            made.add_constant(f"{family}/scale", np.asarray(quantizer.scale, FLOAT)),
            made.add_constant(f"{family}/zero_point", np.asarray(quantizer.zero_point, np.uint8)),
        ]
    for product in list(products_of(made, placement.products)):
        _quantize_weights(made, product, quantizers[placement.values[product.x]].scale)
    made.index()
    # Readers are known by the names of their outputs, which change when all readers of a value are served.
    for value, family in sorted(placement.values.items(), key=lambda item: item[0] not in placement.readers):
        _quantize(made, value, parameters[family], placement.readers.get(value))
    made.index()
    return made


def _quantize_weights(graph: FloatGraph, product: Product, x_scale: np.float32) -> None:
    scales = weight_scales(product, float(x_scale))
    integers = integer_weights(product, scales)
    product.node.input[1] = _constant(graph, f"{product.name}/weights", integers, scales, product.channel)
    if product.bias is not None:
        sums = (x_scale * scales).astype(FLOAT)
        steps = np.rint(product.bias / sums.astype(np.float64)).astype(np.int32)
        write_bias(graph, product, _constant(graph, f"{product.name}/bias", steps, sums, 0))


def _constant(graph: FloatGraph, name: str, integers: np.ndarray, scales: np.ndarray, axis: int) -> str:
    """The dequantized value of constant integers."""
    value = graph.new_name(name)
    inputs = [graph.add_constant(f"{name}_integers", integers), graph.add_constant(f"{name}_scale", scales)]
    node = helper.make_node("DequantizeLinear", inputs, [value], f"{name}/DequantizeLinear", axis=axis)
    graph.insert_after(None, [node])
    return value


def _quantize(graph: FloatGraph, value: str, parameters: list[str], readers: set[str] | None) -> None:
    """Quantizes and dequantizes ``value`` for the nodes whose first outputs are ``readers``, or for all."""
    integers = graph.new_name(f"{value}/quantized")
    maker = graph.makers.get(value)
    if readers is None and maker is not None:
        before, after = graph.new_name(f"{value}/float"), value
        maker.output[list(maker.output).index(value)] = before
    else:
        before, after = value, graph.new_name(f"{value}/dequantized")
        for node in graph.readers.get(value, []):
            if readers is None or node.output[0] in readers:
                _rename_inputs(node, value, after)
    nodes = [
        helper.make_node("QuantizeLinear", [before, *parameters], [integers], f"{value}/QuantizeLinear"),
        helper.make_node("DequantizeLinear", [integers, *parameters], [after], f"{value}/DequantizeLinear"),
    ]
    graph.insert_after(maker, nodes)


def _rename_inputs(node: onnx.NodeProto, old: str, new: str) -> None:
    for i, name in enumerate(node.input):
        if name == old:
            node.input[i] = new
