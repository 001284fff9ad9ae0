"""MatMulInteger and QLinearMatMul: products of quantized matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, broadcast, infers
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.cast import Cast
from tf2rust.ops.generator.constant import constant
from tf2rust.ops.linear.dense import Dense, matmul_shape
from tf2rust.ops.linear.matmul import MatMul
from tf2rust.ops.quantized.by_floats import around, constant_kernel, dequantized, quantized
from tf2rust.ops.quantized.quantize_linear import SMALL, QuantizeLinear, check_dtype, check_parameters
from tf2rust.ops.shape.reshape import Reshape


@dataclass(eq=False, kw_only=True)
class MatMulInteger(MatMul):
    """Σ (a − a_zero_point) · (b − b_zero_point) in int32. Inputs: a, b and the two zero points."""

    kind = "MatMulInteger"

    def fuse_producer(self, producer: Layer) -> Layer | None:
        return None


@infers("MatMulInteger")
def _matmul_integer(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    check_zero_points(node, infos)
    a, b = (infos.shape(v) for v in node.operands(2))
    return [ValueInfo("int32", matmul_shape(a, b))]


def check_zero_points(node: Node, infos: ValueInfos) -> None:
    """Raises InferenceError if a zero point of MatMulInteger or ConvInteger has another dtype than its integers."""
    for operand, given in ((node.operand(0), node.input(2)), (node.operand(1), node.input(3))):
        if given is not None:
            check_dtype(infos, given, infos.dtype(operand))


def check_quantized_product(node: Node, infos: ValueInfos) -> None:
    """Raises InferenceError if a scale or zero point of QLinearMatMul or QLinearConv is invalid."""
    for tensor in (0, 3):
        check_parameters(infos, node.operand(tensor + 1), node.operand(tensor + 2), infos.dtype(node.operand(tensor)))
    check_parameters(infos, node.operand(6), node.operand(7), infos.dtype(node.operand(7)))


@infers("QLinearMatMul")
def _qlinear_matmul(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    check_quantized_product(node, infos)
    a, b = infos.shape(node.x), infos.shape(node.operand(3))
    return [ValueInfo(infos.dtype(node.operand(7)), matmul_shape(a, b))]


def zero_point(b: Builder, given: ir.Value | None, like: Value) -> tuple[list[Layer], Value]:
    """The zero point input, or a constant layer with 0 if it is absent."""
    if given is not None:
        return [], b.value(given)
    none = constant(np.asarray(0, like.dtype))
    return [none], none.y


@rule(Op("MatMulInteger", Var("a"), Var("b"), more=True))
def matmul_integer(m: Match, b: Builder) -> RuleResult:
    left, right = b.value(m["a"]), b.value(m["b"])
    if left.dtype not in SMALL or right.dtype not in SMALL:
        return m.reject(
            f"its inputs have the unsupported dtypes {left.dtype} and {right.dtype} (supported: int8, uint8)"
        )
    layers, inputs = [], [left, right]
    for i, value in enumerate((left, right), start=2):
        made, zero = zero_point(b, m.root.input(i), value)
        layers += made
        inputs.append(zero)
    return [*layers, MatMulInteger(inputs=inputs, outputs=[b.value(m.y)])]


def requantized(
    b: Builder, total: Value, scales: tuple[Value, Value, Value], zero: Value, y: Value
) -> list[Layer] | None:
    """Requantizes the integer product ``total`` to y; the scales are those of both factors and of y, which must be
    single.

    The scales are combined into one factor first, as in ONNX's reference implementation. None if y has several scales.
    """
    left, right, own = scales
    if any(v.shape not in ((), (1,)) for v in (own, zero)):
        return None
    product, quotient = (b.temporary(left, broadcast([left.shape, right.shape])) for _ in range(2))
    wide, real = b.temporary(total, dtype="float32"), b.temporary(total, dtype="float32")
    one = constant(np.ones((), np.float32))
    return [
        one,
        Binary(function="Mul", inputs=[left, right], outputs=[product]),
        Binary(function="Div", inputs=[product, own], outputs=[quotient]),
        Cast(inputs=[total], outputs=[wide]),
        Binary(function="Mul", inputs=[wide, quotient], outputs=[real]),
        QuantizeLinear(axis=0, block=0, inputs=[real, one.y, zero], outputs=[y]),
    ]


@rule(Op("QLinearMatMul", *(Var(name) for name in ("a", "as", "az", "b", "bs", "bz", "ys", "yz"))))
def qlinear_matmul(m: Match, b: Builder) -> RuleResult:
    """An integer product, scaled in float32 and quantized again."""
    left, left_scale, left_zero, right, right_scale, right_zero, scale, zero = (
        b.value(m[name]) for name in ("a", "as", "az", "b", "bs", "bz", "ys", "yz")
    )
    y = b.value(m.y)
    if any(v.dtype not in SMALL for v in (left, right, y)) or any(
        v.dtype != "float32" for v in (left_scale, right_scale, scale)
    ):
        return m.reject("its dtypes are not supported (supported: int8 and uint8 with float32 scales)")
    if left_scale.shape in ((), (1,)) and right.rank == 2:
        own = constant_kernel(b.infos, [m[name] for name in ("b", "bs", "bz")], -1, m["as"])
        if own is not None:
            first, last = dequantized(b, left, left_scale, left_zero), quantized(b, y, scale, zero)
            dense = Dense(kernel=own.numbers, scales=own.scales, inputs=[first.y], outputs=[last.x])
            return around(first, dense, last)
    total = b.temporary(y, dtype="int32")
    layers: list[Layer] = [MatMulInteger(inputs=[left, right, left_zero, right_zero], outputs=[total])]
    if left_scale.rank == 1 and left_scale.shape != (1,):  # one per row
        column = b.temporary(left_scale, (*left_scale.shape, 1))
        layers.append(Reshape(inputs=[left_scale], outputs=[column]))
        left_scale = column
    made = requantized(b, total, (left_scale, right_scale, scale), zero, y)
    return m.reject("its result has more than one scale") if made is None else [*layers, *made]
