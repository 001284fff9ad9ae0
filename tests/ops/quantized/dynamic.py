"""Graphs of dynamic quantization, as ONNX Runtime's quantizer writes them, and the layers that they become."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.models.graphs import node
from tests.ops.nodes import floats, integers
from tests.ops.quantized.qdq import Build, Graph, Quantized, quantized, small, weights

ROWS = floats(3, 5, 10)
EACH = np.abs(floats(6)) / 50 + 0.002
_FLOAT = 1
_NOT_SCALED = "its weights are not"
_AT_RUN = "the scale or zero point is computed"


def quantize(g: Quantized, x: str) -> list[str]:
    """The integers, the scale and the zero point of x."""
    made = [f"{part}_{len(g.nodes)}" for part in ("integers", "scale", "zero")]
    g.nodes.append(node("DynamicQuantizeLinear", [x], made))
    return made


def product(
    g: Quantized, x: Sequence[str], kernel: np.ndarray, scales: Any = 0.01, zero: Any = 0, swapped: bool = False
) -> str:
    """The product of quantized x with a kernel, scaled to float32. ``swapped`` exchanges the operands of Mul."""
    integers, scale, x_zero = x
    zeros = [] if zero is None else [g.constant(zero, kernel.dtype.name)]
    total = g.op("MatMulInteger", integers, g.constant(kernel, kernel.dtype.name), x_zero, *zeros)
    order = -1 if swapped else 1
    factor = g.op("Mul", *[scale, g.constant(scales, "float32")][::order])
    return g.op("Mul", *[g.op("Cast", total, to=_FLOAT), factor][::order])


def dense(array: np.ndarray = ROWS, bias: bool = False, **options: Any) -> Build:
    kernel = options.pop("kernel", weights(array.shape[-1], 6))

    def build(g: Quantized) -> str:
        made = product(g, quantize(g, g.input(array)), kernel, **options)
        return g.op("Add", g.constant(floats(6), "float32"), made) if bias else made

    return build


def _unsigned(zero: int) -> Build:
    """A kernel of uint8. With the zero point 128 it fits in int8, with others it does not."""
    return dense(kernel=small(10, 6), zero=zero)


def _shared(g: Quantized) -> list[str]:
    """The queries, keys and values of an attention: three products of one quantized tensor."""
    x = quantize(g, g.input(ROWS))
    return [product(g, x, weights(10, 6, seed=seed), EACH) for seed in (1, 2, 3)]


def _activated(op: str, bias: bool = True, **options: Any) -> Build:
    def build(g: Quantized) -> str:
        made = dense(bias=bias, **options)(g)
        assert isinstance(made, str)
        return g.op(op, made)

    return build


def _transposed(g: Quantized) -> str:
    """The heads of an attention: axes change in front of the product."""
    x = g.op("Transpose", g.input(floats(3, 4, 5, 10)), perm=[0, 2, 1, 3])
    return product(g, quantize(g, x), weights(10, 6), EACH)


def _parts(g: Quantized) -> list[str]:
    """A tensor whose integers, scale and zero point are results, not only operands."""
    return quantize(g, g.input(ROWS))


def _static(dtype: str) -> Build:
    """MatMulInteger whose input has a constant scale and zero point."""

    def build(g: Quantized) -> str:
        x = [g.input(small(3, 5, 10, dtype=dtype)), g.constant(0.02, "float32"), g.constant(-7 % 100, dtype)]
        return product(g, x, weights(10, 6), EACH)

    return build


def _without_zeros(g: Quantized) -> str:
    total = g.op("MatMulInteger", g.input(small(3, 5, 10)), g.constant(weights(10, 6), "int8"))
    return g.op("Mul", g.op("Cast", total, to=_FLOAT), g.constant(EACH, "float32"))


def _two_inputs(g: Quantized) -> str:
    """The scores of an attention: a product of two tensors that are both quantized here."""
    a, b = quantize(g, g.input(ROWS)), quantize(g, g.input(floats(3, 10, 6, seed=9)))
    total = g.op("MatMulInteger", a[0], b[0], a[2], b[2])
    return g.op("Mul", g.op("Cast", total, to=_FLOAT), g.op("Mul", a[1], b[1]))


def _integers_end(g: Quantized) -> str:
    x = quantize(g, g.input(ROWS))
    return g.op("MatMulInteger", x[0], g.constant(weights(10, 6), "int8"), x[2])


def conv(kernel: np.ndarray, scales: Any = 0.01, zero: Any = 0, bias: bool = False, **attributes: Any) -> Build:
    def build(g: Quantized) -> str:
        integers, scale, x_zero = quantize(g, g.input(floats(3, 4, 7, 6)))
        constants = (g.constant(kernel, kernel.dtype.name), x_zero, g.constant(zero, kernel.dtype.name))
        total = g.op("ConvInteger", integers, *constants, **attributes)
        made = g.op("Mul", g.op("Cast", total, to=_FLOAT), g.op("Mul", scale, g.constant(scales, "float32")))
        return g.op("Add", made, g.constant(floats(6, 1, 1), "float32")) if bias else made

    return build


def _conv_of_inputs(g: Quantized) -> str:
    x = quantize(g, g.input(floats(3, 4, 7, 6)))
    return g.op("ConvInteger", x[0], g.input(weights(3, 4, 3, 3)), x[2])


_BOTH = "DynamicQuantizeLinear DynamicQuantizedDense"
GRAPHS: dict[str, Graph] = {
    "dynamic": quantized(_BOTH, dense()),
    "dynamic_each_column": quantized(_BOTH, dense(scales=EACH, zero=np.zeros(6))),
    "dynamic_bias": quantized(_BOTH, dense(bias=True, scales=EACH)),
    "dynamic_matrix": quantized(_BOTH, dense(ROWS[:, 0], zero=None)),
    "dynamic_swapped": quantized(_BOTH, dense(swapped=True)),
    "dynamic_positive": quantized(_BOTH, dense(np.abs(ROWS) + 1)),
    "dynamic_negative": quantized(_BOTH, dense(-np.abs(ROWS) - 1, bias=True)),
    "dynamic_of_zeros": quantized(_BOTH, dense(np.zeros_like(ROWS), bias=True)),
    "dynamic_kernel_zero": quantized(_BOTH, dense(kernel=weights(10, 6, most=100), zero=-9)),
    "dynamic_zero_each_column": quantized(_BOTH, dense(kernel=weights(10, 6, most=100), zero=integers(6), scales=EACH)),
    "dynamic_unsigned": quantized(_BOTH, _unsigned(128)),
    "dynamic_shared": quantized(f"DynamicQuantizeLinear {' '.join(['DynamicQuantizedDense'] * 3)}", _shared),
    "dynamic_relu": quantized(_BOTH, _activated("Relu")),
    "dynamic_tanh": quantized(_BOTH, _activated("Tanh", bias=False)),
    "dynamic_transposed": quantized(f"{_BOTH} Transpose", _transposed),
    "dynamic_parts": quantized("DynamicQuantizeLinear", _parts),
    "dynamic_constant_scale": quantized("DynamicQuantizedDense", _static("uint8")),
    "dynamic_signed": quantized("DynamicQuantizedDense", _static("int8")),
    "dynamic_without_zeros": quantized("DynamicQuantizedDense", _without_zeros),
    **{f"dynamic_wide_kernel_{zero}": quantized(_BOTH, _unsigned(zero)) for zero in (0, 90, 255)},
    "dynamic_wide_signed": quantized(_BOTH, dense(kernel=small(10, 6, dtype="int8"), zero=-100, bias=True)),
    "dynamic_wide_zero_each_column": quantized(
        _BOTH, dense(kernel=small(10, 6), zero=integers(6, low=0, high=256), scales=EACH)
    ),
    "dynamic_wide_relu": quantized(_BOTH, _activated("Relu", kernel=small(10, 6), zero=100)),
    **{
        f"dynamic_conv_{name}": quantized(
            "DynamicQuantizeLinear DequantizeLinear Transpose Conv2D Transpose",
            build,
            Conv2D=_AT_RUN,
        )
        for name, build in {
            "plain": conv(weights(6, 4, 3, 3), pads=[1, 1, 1, 1]),
            "unsigned": conv(small(6, 4, 3, 3), zero=90, bias=True),
            "groups": conv(weights(6, 2, 3, 2), EACH.reshape(6, 1, 1), group=2, strides=[2, 1], pads=[1, 0, 2, 1]),
        }.items()
    },
    "dynamic_conv_of_inputs": quantized(
        "DynamicQuantizeLinear Conv2D", _conv_of_inputs, Conv2D="its weights are not constant"
    ),
    "dynamic_two_inputs": quantized(
        "DynamicQuantizeLinear DynamicQuantizeLinear MatMulInteger Cast Multiply Multiply",
        _two_inputs,
        MatMulInteger=_NOT_SCALED,
    ),
    "dynamic_integers": quantized("DynamicQuantizeLinear MatMulInteger", _integers_end, MatMulInteger=_NOT_SCALED),
}
