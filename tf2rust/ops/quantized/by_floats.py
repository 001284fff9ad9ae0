"""QLinearConv and QLinearMatMul as float32 products between DequantizeLinear and QuantizeLinear.

A pass turns the three into one layer on integers. It does the same for models that have these operators themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.inference import ValueInfos
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.registry import Builder
from tf2rust.ops.quantized.quantize_linear import DequantizeLinear, QuantizeLinear


@dataclass(frozen=True)
class Kernel:
    """A dequantized kernel, the scale of each output channel, and the bias as float32."""

    numbers: np.ndarray
    scales: np.ndarray
    bias: np.ndarray | None


def constant_kernel(
    infos: ValueInfos, operands: Sequence[ir.Value], axis: int, x_scale: ir.Value, bias: ir.Value | None = None
) -> Kernel | None:
    """The kernel of ``operands``: integers, scales and zero points, with the output channels on ``axis``.

    None if one of them, the scale of x or the bias is not constant.
    """
    found = [infos.const(value) for value in (*operands, x_scale)]
    integers, scales, zeros, scale = found
    if integers is None or scales is None or zeros is None or scale is None or scale.size != 1:
        return None
    if bias is not None and infos.const(bias) is None:
        return None
    shape = [-1 if i == axis % integers.ndim else 1 for i in range(integers.ndim)]
    size = integers.shape[axis]
    if scales.size not in (1, size) or zeros.size not in (1, size) or scales.dtype != np.float32:
        return None
    weights = integers.astype(np.int32) - zeros.astype(np.int32).reshape(shape)
    numbers = weights.astype(np.float32) * scales.reshape(shape)
    channels = np.broadcast_to(scales.reshape(-1), (size,))
    sums = infos.const(bias)
    if sums is not None:
        sums = (sums * (scale.reshape(()) * channels).astype(np.float64)).astype(np.float32)
    return Kernel(numbers, np.ascontiguousarray(channels), sums)


def dequantized(b: Builder, x: Value, scale: Value, zero: Value) -> DequantizeLinear:
    """x in float32."""
    real = b.temporary(x, dtype="float32")
    return DequantizeLinear(axis=0, block=0, inputs=[x, scale, zero], outputs=[real])


def quantized(b: Builder, y: Value, scale: Value, zero: Value) -> QuantizeLinear:
    """y from float32."""
    real = b.temporary(y, dtype="float32")
    return QuantizeLinear(axis=0, block=0, inputs=[real, scale, zero], outputs=[y])


def around(first: DequantizeLinear, layers: Layer | Sequence[Layer], last: QuantizeLinear) -> list[Layer]:
    """The layers between the two."""
    return [first, *([layers] if isinstance(layers, Layer) else layers), last]
