"""Bitwise functions, shifts, and reinterpretation of bits as another dtype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from tf2rust.ops.core.dtypes import INTEGERS
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, broadcast, infers, same_shape
from tf2rust.ops.core.layer import Layer, Perm
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.comparison import Elementwise
from tf2rust.ops.shape.reshape import Reshape

_FUNCTIONS = {"BitwiseAnd": "And", "BitwiseOr": "Or", "BitwiseXor": "Xor"}
_SIZES = {8: ("int8", "uint8", "bool"), 16: ("int16", "uint16"), 32: ("float32", "int32", "uint32")}
_SIZES[64] = ("float64", "int64", "uint64")


@dataclass(eq=False, kw_only=True)
class Bitwise(Elementwise):
    """A bitwise ``function`` of two integers."""

    kind = "Bitwise"
    function: str


@dataclass(eq=False, kw_only=True)
class BitwiseUnary(Layer):
    """Inverts every bit, or reinterprets the bits as another dtype."""

    kind = "Bitwise"
    function: str

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        return (replace(self), perms[0]) if perms[0] is not None else None


infers("BitwiseNot")(same_shape)


@infers(*_FUNCTIONS, "BitShift")
def _bitwise(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    parts = [infos[v] for v in node.inputs if v is not None]
    return [ValueInfo(parts[0].dtype, broadcast((p.shape for p in parts), infos))]


@infers("BitCast")
def _bit_cast(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    dtype = ir.DataType(node.attr("to")).numpy().name
    return [ValueInfo(dtype, infos.shape(node.x))]


@rule(Op("|".join([*_FUNCTIONS, "BitShift"]), Var("a"), Var("b"), name="bitwise"))
def bitwise(m: Match, b: Builder) -> RuleResult:
    inputs = [b.value(m["a"]), b.value(m["b"])]
    if bad := next((v for v in inputs if v.dtype not in INTEGERS), None):
        return m.reject(f"its input `{bad.name}` has the unsupported dtype {bad.dtype} (supported: integers)")
    shift = {"LEFT": "ShiftLeft", "RIGHT": "ShiftRight"}.get(m.root.attr("direction", ""), "")
    function = _FUNCTIONS.get(m.root.op, shift)
    return Bitwise(function=function, inputs=inputs, outputs=[b.value(m.y)])


@rule(Op("BitwiseNot", Var("x")))
def bitwise_not(m: Match, b: Builder) -> RuleResult:
    x = b.value(m["x"])
    if x.dtype not in INTEGERS:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: integers)")
    return BitwiseUnary(function="bitwise_not", inputs=[x], outputs=[b.value(m.y)])


@rule(Op("BitCast", Var("x")))
def bit_cast(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    m.root.has("to")
    if y.dtype == "bool" or not any(x.dtype in group and y.dtype in group for group in _SIZES.values()):
        return m.reject(
            f"it casts the bits of {x.dtype} to {y.dtype}, which is not supported (supported: types of equal size, "
            "except bool)"
        )
    if x.dtype == y.dtype:
        return Reshape(inputs=[x], outputs=[y])
    return BitwiseUnary(function="bit_cast", inputs=[x], outputs=[y])
