"""Graphs of quantization-aware training, as exporters write them, and the layers that they become."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.nodes import floats
from tests.ops.quantized.qdq import Graph, Quantized, quantized, small, weights

IMAGE = small(3, 4, 7, 6)
EACH = np.abs(floats(6)) / 50 + 0.002
STATISTICS = (np.abs(floats(6)) + 0.5, floats(6, seed=2), floats(6, seed=3), np.abs(floats(6, seed=4)) + 0.5)
NEGATIVE = (-STATISTICS[0], *STATISTICS[1:])
FLOAT_CONV = "Transpose QuantizedConv2D{} QuantizeLinear Transpose"
_BETWEEN = "its bias is not a multiple"
CONV = "Transpose QuantizedConv2D Transpose"


def trained(*between: Any, bias: bool = True, clip: float = 0.0) -> Any:
    """A layer as quantization-aware training exports it: its weights and its result are quantized and dequantized, its
    bias is a float, and operators with their constants are between the product and its quantization.
    """

    def build(g: Quantized) -> str:
        kernel = g.constant(floats(6, 4, 3, 3), "float32")
        if clip:
            kernel = g.op("Clip", kernel, g.constant(-clip, "float32"), g.constant(clip, "float32"))
        scales, zeros = g.constant(EACH, "float32"), g.constant(np.zeros(6), "int8")
        integers = g.op("QuantizeLinear", kernel, scales, zeros, axis=0)
        kernel = g.op("DequantizeLinear", integers, scales, zeros, axis=0)
        made = g.op("Conv", g.real(IMAGE), kernel, *[g.constant(floats(6), "float32")] * bias)
        for op, *constants in between:
            made = g.op(op, made, *(g.constant(c, "float32") for c in constants))
        return g.quantize(made, 0.0313, 60)

    return build


def residual(relu: bool) -> Any:
    """A residual connection that is quantized, onto a product that is not."""

    def build(g: Quantized) -> str:
        first = g.quantize(g.op("Conv", g.real(IMAGE), g.kernel(weights(4, 4, 1, 1))), 0.313, 128)
        x, kernel = g.dequantize(first, 0.313, 128), g.kernel(weights(4, 4, 3, 3), EACH[:4])
        total = g.op("Add", g.op("Conv", x, kernel, g.constant(floats(4), "float32"), pads=[1] * 4), x)
        return g.quantize(g.op("Relu", total) if relu else total, 0.713, 70)

    return build


GRAPHS: dict[str, Graph] = {
    **{
        f"trained_{name}": quantized(FLOAT_CONV.format(own), build, QuantizedConv2D=reason)
        for name, own, reason, build in (
            ("bias", "", _BETWEEN, trained(clip=1.0)),
            ("bias_relu", "", _BETWEEN, trained(("Relu",))),
            ("batch_normalization", "", _BETWEEN, trained(("BatchNormalization", *STATISTICS), ("Relu",), bias=False)),
            ("negative_factors", "", _BETWEEN, trained(("BatchNormalization", *NEGATIVE))),
            ("scaled_back", "", _BETWEEN, trained(("Div", STATISTICS[0].reshape(6, 1, 1)), ("Clip", 0.0, 6.0))),
            ("prelu", " PReLU", "its PReLU is not quantized", trained(("PRelu", STATISTICS[0].reshape(6, 1, 1)))),
            ("silu", " Activation", "its activation sigmoid", trained(("Sigmoid",))),
        )
    },
    "trained_factors": quantized(CONV, trained(("Mul", NEGATIVE[0].reshape(6, 1, 1)), ("Relu",), bias=False)),
    **{
        f"trained_residual_{op.lower()}": quantized(
            "Transpose QuantizedConv2D DequantizeLinear QuantizedConv2D Add QuantizeLinear Transpose",
            residual(relu),
            QuantizedConv2D="it adds a residual input",
            Add="one of its inputs is not",
        )
        for relu, op in ((True, "AddRelu"), (False, "Add"))
    },
}
