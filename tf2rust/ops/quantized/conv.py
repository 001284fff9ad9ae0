"""Convolutions of quantized tensors: ConvInteger and QLinearConv."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from tf2rust.ops.conv.conv import convolution
from tf2rust.ops.conv.dynamic import dynamic_conv, with_bias
from tf2rust.ops.conv.window import kernel_size, window
from tf2rust.ops.core.dims import format_shape
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Dims, Layer
from tf2rust.ops.core.pattern import Const, Match, Mismatch, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.quantized.by_floats import around, constant_kernel, dequantized, quantized
from tf2rust.ops.quantized.matmul import check_quantized_product, check_zero_points, requantized, zero_point
from tf2rust.ops.quantized.quantize_linear import SMALL, DequantizeLinear
from tf2rust.ops.shape.reshape import Reshape


def _shape(node: Node, infos: ValueInfos, kernel: int) -> Dims:
    x, weights = infos.shape(node.x), infos.shape(node.operand(kernel))
    return (x[0], weights[0], *window(node, x[2:], kernel_size(weights)).output(x[2:]))


@infers("ConvInteger")
def _conv_integer(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    check_zero_points(node, infos)
    return [ValueInfo("int32", _shape(node, infos, 1))]


@infers("QLinearConv")
def _qlinear_conv(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    check_quantized_product(node, infos)
    filters, bias = infos.shape(node.operand(3))[0], node.input(8)
    if bias is not None and infos.shape(bias) != (filters,):
        raise InferenceError(
            f"its bias has shape {format_shape(infos.shape(bias))}, but needs one integer for each of {filters} filters"
        )
    return [ValueInfo(infos.dtype(node.operand(7)), _shape(node, infos, 3))]


@rule(Op("ConvInteger", Var("x"), Var("kernel"), more=True))
def conv_integer(m: Match, b: Builder) -> RuleResult:
    """Σ (x − x_zero_point) · (kernel − kernel_zero_point) in int32."""
    inputs = [b.value(m["x"]), b.value(m["kernel"])]
    if bad := next((v for v in inputs if v.dtype not in SMALL), None):
        return m.reject(f"`{bad.name}` has the unsupported dtype {bad.dtype} (supported: int8, uint8)")
    layers: list[Layer] = []
    for i, value in enumerate(tuple(inputs), start=2):
        made, zero = zero_point(b, m.root.input(i), value)
        layers += made
        inputs.append(zero)
    layer = dynamic_conv(m, b, inputs, b.value(m.y))
    return layer if isinstance(layer, Mismatch) else [*layers, layer]


_SUM = Op("Cast", Op("ConvInteger", Var("x"), Const("kernel"), more=True))


@rule(Op("Mul", _SUM, Op("Mul", Var("x_scale"), Const("scales"), name="factor", shared=True)))
def dynamic_quantized_conv(m: Match, b: Builder) -> RuleResult:
    """A convolution as ONNX Runtime's quantizer writes it for a tensor that is quantized while the model runs.

    It computes in float32: products of integers one at a time take longer.
    """
    sums, x, scale, y = m.node("ConvInteger"), b.value(m["x"]), b.value(m["x_scale"]), b.value(m.y)
    kernel, scales = m.const("kernel"), m.const("scales")
    given, zeros = sums.input(2), np.zeros(1, np.int32) if sums.input(3) is None else b.infos.const(sums.input(3))
    if x.dtype not in SMALL or kernel.dtype.name not in SMALL or m.node("Cast").attr("to") != ir.DataType.FLOAT.value:
        return m.reject("it is not a convolution of 8-bit integers that is scaled in float32")
    if scale.dtype != "float32" or scale.shape not in ((), (1,)):
        return m.reject("the scale of its input is not a single float32 number")
    if given is not None and b.value(given).shape not in ((), (1,)):
        return m.reject("its input has more than one zero point")
    per_filter = (kernel.shape[0], *(1,) * (kernel.ndim - 2))
    if scales.dtype != np.float32 or (scales.size != 1 and scales.shape[-len(per_filter) :] != per_filter):
        return m.reject("its kernel does not have one float32 scale, or one per filter")
    if zeros is None or zeros.size not in (1, kernel.shape[0]):
        return m.reject("the zero point of its kernel is not constant, or not one per filter")
    if scales.ndim > y.rank:
        return m.reject("its scales add axes to its result")
    axes = (-1, *(1,) * (kernel.ndim - 1))
    numbers = (kernel.astype(np.int32) - zeros.reshape(axes)).astype(np.float32) * scales.reshape(axes)
    real = b.temporary(x, dtype="float32")
    inputs = [x, scale, *([] if given is None else [b.value(given)])]
    first = DequantizeLinear(axis=0, block=0, inputs=inputs, outputs=[real])
    each = np.ascontiguousarray(np.broadcast_to(scales.reshape(-1), kernel.shape[:1]))
    made = convolution(m, b, real, y, numbers, None, each, sums)
    return made if isinstance(made, Mismatch) else [first, *([made] if isinstance(made, Layer) else made)]


_NAMES = ("x", "xs", "xz", "w", "ws", "wz", "ys", "yz")


@rule(Op("QLinearConv", *(Var(name) for name in _NAMES), more=True))
def qlinear_conv(m: Match, b: Builder) -> RuleResult:
    """An integer convolution, scaled in float32 and quantized again."""
    x, x_scale, x_zero, kernel, scales, zeros, scale, zero = (b.value(m[name]) for name in _NAMES)
    y, given = b.value(m.y), m.root.input(8)
    if any(v.dtype not in SMALL for v in (x, kernel, y)) or {x_scale.dtype, scales.dtype, scale.dtype} != {"float32"}:
        return m.reject("its dtypes are not supported (supported: int8 and uint8 with float32 scales)")
    operands = [m[name] for name in ("w", "ws", "wz")]
    if x_scale.shape in ((), (1,)) and (own := constant_kernel(b.infos, operands, 0, m["xs"], given)) is not None:
        first, last = dequantized(b, x, x_scale, x_zero), quantized(b, y, scale, zero)
        between = convolution(m, b, first.y, last.x, own.numbers, own.bias, own.scales)
        return between if isinstance(between, Mismatch) else around(first, between, last)
    total = b.temporary(y, dtype="int32")
    layer = dynamic_conv(m, b, [x, kernel, x_zero, zeros], total)
    if isinstance(layer, Mismatch):
        return layer
    layers = with_bias(layer, None if given is None else b.value(given), b)
    if scales.rank == 1 and scales.shape != (1,):  # one per filter
        column = b.temporary(scales, (*scales.shape, *(1,) * (y.rank - 2)))
        layers.append(Reshape(inputs=[scales], outputs=[column]))
        scales = column
    made = requantized(b, total, (x_scale, scales, scale), zero, y)
    return m.reject("its result has more than one scale") if made is None else [*layers, *made]
