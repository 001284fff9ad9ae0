"""Quantisation: numbers as integers of few bits, and products of those."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from tf2rust.ops.arithmetic import Binary
from tf2rust.ops.cast import Cast
from tf2rust.ops.constant import constant
from tf2rust.ops.core.dims import product
from tf2rust.ops.core.facts import Fact, Facts, Node, broadcast, infers, normal_axis
from tf2rust.ops.core.layer import Layer, RustCall, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.dense import matmul_shape
from tf2rust.ops.matmul import MatMul, batch
from tf2rust.ops.reshape import Reshape

SMALL = ("int8", "uint8")
_INTEGERS = (*SMALL, "int16", "uint16", "int32")


@dataclass(eq=False, kw_only=True)
class _Quantization(Layer):
    """Inputs are the tensor, its scales and, where there are any, its zero points.

    Scales are one, one for each place on ``axis``, or one for each ``block`` elements along it.
    """

    axis: int
    block: int
    _function = ""

    def rust_call(self, call: RustCall) -> str:
        shape = self.x.shape
        axis = min(self.axis, max(len(shape) - 1, 0))
        dims = call.dims((product(shape[:axis]), shape[axis] if shape else 1, product(shape[axis + 1 :])))
        zeros = f"Some({call.inputs[2]})" if len(call.inputs) > 2 else "None"
        return (
            f"Quantization {{ dims: {dims}, block: {self.block} }}"
            f".{self._function}({call.inputs[0]}, {call.inputs[1]}, {zeros}, {call.outputs[0]})"
        )

    def rust_imports(self) -> set[str]:
        return {"Quantization"}


@dataclass(eq=False, kw_only=True)
class Quantize(_Quantization):
    """round(x / scale) + zero, saturated."""

    kind = "Quantize"
    _function = "quantize"


@dataclass(eq=False, kw_only=True)
class Dequantize(_Quantization):
    """scale · (x − zero)."""

    kind = "Dequantize"
    _function = "dequantize"


@dataclass(eq=False, kw_only=True)
class IntegerMatMul(MatMul):
    """Σ (a − zero of a) · (b − zero of b) in int32; inputs are a, b and the two zero points."""

    kind = "IntegerMatMul"

    def absorb_input(self, producer: Layer) -> Layer | None:
        return None

    def rust_call(self, call: RustCall) -> str:
        rows, depth, columns = (call.dim(d) for d in self.sizes())
        operands = [
            f"({call.inputs[i]}, &{call.dims(batch(self.inputs[i].shape))}, {call.inputs[i + 2]})" for i in range(2)
        ]
        return (
            f"MatMul {{ rows: {rows}, depth: {depth}, columns: {columns}, transposed: false }}"
            f".run_integers({', '.join(operands)}, {call.outputs[0]})"
        )


@infers("QuantizeLinear")
def _quantize(node: Node, facts: Facts) -> Sequence[Fact]:
    given, dtype = node.input(2), node.attr("output_dtype", 0)
    found = facts.dtype(given) if given is not None else ir.DataType(dtype).numpy().name if dtype else "uint8"
    return [Fact(found, facts.shape(node.ir.inputs[0]))]  # type: ignore[arg-type]


@infers("DequantizeLinear")
def _dequantize(node: Node, facts: Facts) -> Sequence[Fact]:
    dtype = node.attr("output_dtype", 0)
    found = ir.DataType(dtype).numpy().name if dtype else facts.dtype(node.ir.inputs[1])  # type: ignore[arg-type]
    return [Fact(found, facts.shape(node.ir.inputs[0]))]  # type: ignore[arg-type]


@infers("MatMulInteger")
def _matmul_integer(node: Node, facts: Facts) -> Sequence[Fact]:
    a, b = (facts.shape(v) for v in node.ir.inputs[:2])  # type: ignore[arg-type]
    return [Fact("int32", matmul_shape(a, b))]


@infers("QLinearMatMul")
def _qlinear_matmul(node: Node, facts: Facts) -> Sequence[Fact]:
    a, b = facts.shape(node.ir.inputs[0]), facts.shape(node.ir.inputs[3])  # type: ignore[arg-type]
    return [Fact(facts.dtype(node.ir.inputs[7]), matmul_shape(a, b))]  # type: ignore[arg-type]


@rule(Op("QuantizeLinear|DequantizeLinear", Var("x"), Var("scale"), more=True, name="quantization"))
def quantize(m: Match, b: Builder) -> Yield:
    inputs = [b.value(v) for v in m.root.inputs if v is not None]
    y, forward = b.value(m.root.ir.outputs[0]), m.root.op == "QuantizeLinear"
    floats, integers = ([inputs[0], inputs[1]], [y]) if forward else ([inputs[1], y], [inputs[0]])
    bad = [v for v in floats if v.dtype != "float32"] + [v for v in integers if v.dtype not in _INTEGERS]
    if bad:
        return m.reject(f"`{bad[0].name}` is {bad[0].dtype}; what is there is float32, and {', '.join(_INTEGERS)}")
    for attribute in ("output_dtype", "saturate"):
        m.root.has(attribute)
    if m.root.attr("precision", 0) not in (0, ir.DataType.FLOAT.value):
        return m.reject("its precision is not float32")
    rank, axis = inputs[0].rank, m.root.attr("axis", 1)
    # Where there is one scale, the axis means nothing.
    axis = 0 if inputs[1].rank == 0 or inputs[1].shape == (1,) else normal_axis(axis, rank)
    layer = Quantize if forward else Dequantize
    return layer(axis=axis, block=m.root.attr("block_size", 0), inputs=inputs, outputs=[y])


def zero_point(b: Builder, given: ir.Value | None, like: Value) -> tuple[list[Layer], Value]:
    """The zero point that is given; 0, with the layer that holds it, where none is."""
    if given is not None:
        return [], b.value(given)
    none = constant(np.asarray(0, like.dtype))
    return [none], none.y


@rule(Op("MatMulInteger", Var("a"), Var("b"), more=True))
def matmul_integer(m: Match, b: Builder) -> Yield:
    left, right = b.value(m["a"]), b.value(m["b"])
    if left.dtype not in SMALL or right.dtype not in SMALL:
        return m.reject(f"it multiplies {left.dtype} with {right.dtype}; integers of 8 bits are there")
    layers, inputs = [], [left, right]
    for i, value in enumerate((left, right), start=2):
        made, zero = zero_point(b, m.root.input(i), value)
        layers += made
        inputs.append(zero)
    return [*layers, IntegerMatMul(inputs=inputs, outputs=[b.value(m.root.ir.outputs[0])])]


def requantized(
    b: Builder, total: Value, scales: tuple[Value, Value, Value], zero: Value, y: Value
) -> list[Layer] | None:
    """The integers of a product, ``total``, as y: scales are those of the two factors and of y, which must be one.

    The scales become one factor first, as ONNX' reference has it; None if y has several scales.
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
        Quantize(axis=0, block=0, inputs=[real, one.y, zero], outputs=[y]),
    ]


@rule(Op("QLinearMatMul", *(Var(name) for name in ("a", "as", "az", "b", "bs", "bz", "ys", "yz"))))
def qlinear_matmul(m: Match, b: Builder) -> Yield:
    """The product in integers, its scale in floats, and that quantised again."""
    left, left_scale, left_zero, right, right_scale, right_zero, scale, zero = (
        b.value(m[name]) for name in ("a", "as", "az", "b", "bs", "bz", "ys", "yz")
    )
    y = b.value(m.root.ir.outputs[0])
    if any(v.dtype not in SMALL for v in (left, right, y)) or any(
        v.dtype != "float32" for v in (left_scale, right_scale, scale)
    ):
        return m.reject("it is not of integers of 8 bits with scales of float32")
    total = b.temporary(y, dtype="int32")
    layers: list[Layer] = [IntegerMatMul(inputs=[left, right, left_zero, right_zero], outputs=[total])]
    if left_scale.rank == 1 and left_scale.shape != (1,):  # one for each row
        column = b.temporary(left_scale, (*left_scale.shape, 1))
        layers.append(Reshape(inputs=[left_scale], outputs=[column]))
        left_scale = column
    made = requantized(b, total, (left_scale, right_scale, scale), zero, y)
    return m.reject("its result has several scales") if made is None else [*layers, *made]
