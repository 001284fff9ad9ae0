"""Elementwise functions of one tensor that are not activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers, same_shape
from tf2rust.ops.core.layer import Layer, Perm, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule

_FUNCTIONS = (
    *("Neg", "Abs", "Sign", "Sqrt", "Reciprocal", "Erf", "Log", "Floor", "Ceil", "Round"),
    *("Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh"),
)
_OF_NUMBERS = ("Neg", "Abs", "Sign")
OF_DOUBLES = ("Sqrt", "Reciprocal", "Exp", "Log", "Floor", "Ceil", "Round")
ROUNDING = "RoundToBFloat16"
"""Rounds to the nearest number of bfloat16, ties to even; of the domain ``tf2rust``."""
infers(ROUNDING, *(name for name in _FUNCTIONS if name != "Neg"))(same_shape)


@infers("Neg")
def _neg(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    info = infos[node.x]
    return [ValueInfo(info.dtype, info.shape) if info.dims is None else ValueInfo.of_dims(-info.dims, info.dtype)]


@dataclass(eq=False, kw_only=True)
class Unary(Layer):
    """A function of every element."""

    kind = "Unary"
    function: str

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        return (replace(self), perms[0]) if perms[0] is not None else None

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)

    def inplace_input(self) -> Value | None:
        return self.x if self.x.dtype == "float32" else None


@rule(Op("|".join((*_FUNCTIONS, ROUNDING)), Var("x"), name="unary"))
def unary(m: Match, b: Builder) -> RuleResult:
    x = b.value(m["x"])
    doubles = ("float32", "float64") if m.root.op in OF_DOUBLES else ("float32",)
    known = NUMBERS if m.root.op in _OF_NUMBERS else doubles
    if x.dtype not in known:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(known)})")
    return Unary(function=m.root.op, inputs=[x], outputs=[b.value(m.y)])


@rule(Op("Exp", Var("x")))
def exp_of_doubles(m: Match, b: Builder) -> RuleResult:
    x = b.value(m["x"])
    if x.dtype != "float64":
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32 and float64)")
    return Unary(function="Exp", inputs=[x], outputs=[b.value(m.y)])
