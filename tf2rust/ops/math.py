"""Elementwise functions of one tensor that are not activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.arithmetic import INTEGERS
from tf2rust.ops.core.facts import infers, same_shape
from tf2rust.ops.core.layer import Layer, Perm, RustCall
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule

_FUNCTIONS = {
    "Neg": "Neg",
    "Abs": "Abs",
    "Sqrt": "Sqrt",
    "Reciprocal": "Reciprocal",
    "Erf": "Erf",
    "Log": "Log",
    "Floor": "Floor",
    "Ceil": "Ceil",
    "Round": "Round",
    "Sign": "Sign",
    "Sin": "Sin",
    "Cos": "Cos",
}
_OF_INTEGERS = ("Neg", "Abs", "Sign")
infers(*_FUNCTIONS)(same_shape)


@dataclass(eq=False, kw_only=True)
class Unary(Layer):
    """A function of each element."""

    kind = "Unary"
    function: str

    def transposed(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        return (replace(self), perms[0]) if perms[0] is not None else None

    def is_rowwise(self, by_row: Sequence[bool]) -> bool:
        return self.keeps_rows(by_row)

    def can_run_inplace(self) -> bool:
        return self.x.dtype == "float32"

    def rust_call(self, call: RustCall) -> str:
        if self.x.dtype != "float32":
            return f"IntegerUnary::{self.function}.run({call.inputs[0]}, {call.outputs[0]})"
        return f"Unary::{self.function}.run(isa, {call.inputs[0]}, {call.outputs[0]})"

    def rust_call_inplace(self, call: RustCall) -> str:
        return f"Unary::{self.function}.run_in_place(isa, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"Unary", "IntegerUnary"}


@rule(Op("|".join(_FUNCTIONS), Var("x"), name="unary"))
def unary(m: Match, b: Builder) -> Yield:
    x = b.value(m["x"])
    known = ("float32", *INTEGERS) if m.root.op in _OF_INTEGERS else ("float32",)
    if x.dtype not in known:
        return m.reject(f"its input is {x.dtype}; {m.root.op} is there for {', '.join(known)}")
    return Unary(function=_FUNCTIONS[m.root.op], inputs=[x], outputs=[b.value(m.root.ir.outputs[0])])
