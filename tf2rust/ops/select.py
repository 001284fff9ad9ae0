"""Comparisons, truth values, and choosing by them; also spelled out as tf2onnx writes ``where``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.constant import constant
from tf2rust.ops.core.dims import equals
from tf2rust.ops.core.facts import Fact, Facts, Node, broadcast, infers, same_shape
from tf2rust.ops.core.layer import Layer, Perm, RustCall, Value, broadcasts_rows
from tf2rust.ops.core.pattern import Match, Op, Pattern, Var
from tf2rust.ops.core.registry import Builder, Yield, rule

DTYPES = (
    *("float32", "float64", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)


@dataclass(eq=False, kw_only=True)
class Elementwise(Layer):
    """A function of the elements that stand at the same place, with NumPy's broadcasting."""

    def transposed(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        found = {perm for perm, value in zip(perms, self.inputs, strict=True) if value.rank > 0}
        perm = next(iter(found)) if len(found) == 1 else None
        return None if perm is None or len(perm) != self.y.rank else (replace(self), perm)

    def is_rowwise(self, by_row: Sequence[bool]) -> bool:
        return broadcasts_rows(self.y, self.inputs, by_row)

    def _call(self, function: str, call: RustCall) -> str:
        operands = [f"{x}, &{call.dims(v.shape)}" for x, v in zip(call.inputs, self.inputs, strict=True)]
        return f"{function}({', '.join(operands)}, {call.outputs[0]})"


@dataclass(eq=False, kw_only=True)
class Compare(Elementwise):
    """``a < b`` and its like, of any numbers: to bool."""

    kind = "Compare"
    function: str

    def rust_call(self, call: RustCall) -> str:
        return self._call(f"Compare::{self.function}.run", call)

    def rust_imports(self) -> set[str]:
        return {"Compare"}


@dataclass(eq=False, kw_only=True)
class Logic(Elementwise):
    """``a & b`` and its like."""

    kind = "Logic"
    function: str

    def rust_call(self, call: RustCall) -> str:
        return self._call(f"Logic::{self.function}.run", call)

    def rust_imports(self) -> set[str]:
        return {"Logic"}


@dataclass(eq=False, kw_only=True)
class Not(Layer):
    """``!x`` of a bool."""

    kind = "Not"

    def transposed(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        return (replace(self), perms[0]) if perms[0] is not None else None

    def is_rowwise(self, by_row: Sequence[bool]) -> bool:
        return self.keeps_rows(by_row)

    def rust_call(self, call: RustCall) -> str:
        return f"not({call.inputs[0]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"not"}


@dataclass(eq=False, kw_only=True)
class Select(Elementwise):
    """``a`` where the condition, the first input, holds, else ``b``."""

    kind = "Select"

    def rust_call(self, call: RustCall) -> str:
        return self._call("select", call)

    def rust_imports(self) -> set[str]:
        return {"select"}


_COMPARISONS = ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
_LOGIC = ("And", "Or", "Xor")
infers("Not")(same_shape)


@infers(*_COMPARISONS, *_LOGIC)
def _truth(node: Node, facts: Facts) -> Sequence[Fact]:
    parts = [facts[v] for v in node.inputs if v is not None]
    if node.op == "Equal" and all(p.dims is not None for p in parts):
        broadcast(p.shape for p in parts)  # raises where they do not
        pairs = np.broadcast(*(p.dims for p in parts))  # type: ignore[arg-type]
        known = [equals(a, b) for a, b in pairs]
        if None not in known:
            return [Fact.of_const(np.asarray(known, bool).reshape(pairs.shape))]
    return [Fact("bool", broadcast(p.shape for p in parts))]


@infers("Where")
def _where(node: Node, facts: Facts) -> Sequence[Fact]:
    condition, a, b = (facts[v] for v in node.inputs)  # type: ignore[index]
    if condition.const is not None and a.dims is not None and b.dims is not None:
        broadcast((condition.shape, a.shape, b.shape))  # raises where they do not
        return [Fact.of_dims(np.where(condition.const, a.dims, b.dims), a.dtype)]
    return [Fact(a.dtype, broadcast((condition.shape, a.shape, b.shape)))]


def operands(b: Builder, y: Value, *names: object) -> tuple[list[Layer], list[Value]]:
    """The values as a layer with output ``y`` reads them: filled tensors as the number they are filled with, where the
    others say what shape there is; with the constants that takes."""
    sources = [b.facts[v] for v in names]  # type: ignore[index]
    real = [f.shape for f in sources if f.fill is None]
    numbers_do = bool(real) and broadcast(real) == y.shape
    layers: list[Layer] = []
    values: list[Value] = []
    for source, fact in zip(names, sources, strict=True):
        if fact.fill is not None and (numbers_do or not fact.shape):
            number = fact.fill if fact.const is None else fact.const.flat[0]
            layers.append(constant(np.asarray(number, dtype=fact.dtype)))
            values.append(layers[-1].y)
        else:
            values.append(b.value(source))  # type: ignore[arg-type]
    return layers, values


def _layer(m: Match, b: Builder, make: Callable[..., Layer], names: Sequence[str]) -> Yield:
    y = b.value(m.root.ir.outputs[0])
    constants, inputs = operands(b, y, *(m[n] for n in names))
    for value in inputs:
        if value.dtype not in DTYPES:
            return m.reject(f"its input `{value.name}` is {value.dtype}; the dtypes there are {', '.join(DTYPES)}")
    return [*constants, make(inputs=inputs, outputs=[y])]


@rule(Op("|".join(_COMPARISONS), Var("a"), Var("b"), name="compare"))
def compare(m: Match, b: Builder) -> Yield:
    return _layer(m, b, lambda **parts: Compare(function=m.root.op, **parts), "ab")


@rule(Op("Not", Op("Equal", Var("a"), Var("b"))))
def not_equal(m: Match, b: Builder) -> Yield:
    return _layer(m, b, lambda **parts: Compare(function="NotEqual", **parts), "ab")


@rule(Op("|".join(_LOGIC), Var("a"), Var("b"), name="logic"))
def logic(m: Match, b: Builder) -> Yield:
    return _layer(m, b, lambda **parts: Logic(function=m.root.op, **parts), "ab")


@rule(Op("And", Op("Or", Var("a"), Var("b")), Op("Not", Op("And", Var("a"), Var("b"), name="both"))))
def exclusive_or(m: Match, b: Builder) -> Yield:
    """TensorFlow has it spelled out as (a | b) & !(a & b)."""
    return _layer(m, b, lambda **parts: Logic(function="Xor", **parts), "ab")


@rule(Op("Not", Var("x")))
def not_(m: Match, b: Builder) -> Layer:
    return Not(inputs=[b.value(m["x"])], outputs=[b.value(m.root.ir.outputs[0])])


@rule(Op("Where", Var("c"), Var("a"), Var("b")))
def where(m: Match, b: Builder) -> Yield:
    return _layer(m, b, Select, "cab")


def chosen(condition: Pattern, a: Pattern, b: Pattern, name: str = "chosen") -> Op:
    """The pattern of ``where(condition, a, b)`` in an export of tf2onnx: Cast(c) · a + Cast(Not c) · b.

    That is NaN where the side not chosen is infinite; a Select is not. Conditions are often shared.
    """
    when = Op("Cast", condition, name=f"{name}_when", shared=True)
    otherwise = Op("Cast", Op("Not", condition, name=f"{name}_not", shared=True), name=f"{name}_otherwise", shared=True)
    return Op("Add", Op("Mul", when, a, name=f"{name}_a"), Op("Mul", otherwise, b, name=f"{name}_b"), name=name)


def choices_read(m: Match, *names: str) -> None:
    """Notes that the casts of these ``chosen`` patterns are understood: to the dtype of what is chosen."""
    for name in names or ("chosen",):
        for part in (f"{name}_when", f"{name}_otherwise"):
            if m.has(part):
                m.node(part).has("to")


@rule(chosen(Var("c"), Var("a"), Var("b")))
def where_spelled_out(m: Match, b: Builder) -> Yield:
    if b.facts.dtype(m["c"]) != "bool":
        return m.reject("the condition is not a truth value")
    choices_read(m)
    return _layer(m, b, Select, "cab")


_ONE = Op("Cast", Var("c"), name="chosen_when", shared=True)
_ZERO = Op("Cast", Op("Not", Var("c"), name="chosen_not", shared=True), name="chosen_otherwise", shared=True)


@rule(Op("Add", _ONE, Op("Mul", _ZERO, Var("b"), name="chosen_b"), name="chosen"))
def where_one(m: Match, b: Builder) -> Yield:
    """``where(c, 1, b)``, the factor of 1 left out."""
    return _with_one(m, b, "c1b")


@rule(Op("Add", Op("Mul", _ONE, Var("a"), name="chosen_a"), _ZERO, name="chosen"))
def where_else_one(m: Match, b: Builder) -> Yield:
    """``where(c, a, 1)``, the factor of 1 left out."""
    return _with_one(m, b, "ca1")


def _with_one(m: Match, b: Builder, order: str) -> Yield:
    y = b.value(m.root.ir.outputs[0])
    if b.facts.dtype(m["c"]) != "bool":
        return m.reject("the condition is not a truth value")
    choices_read(m)
    one = constant(np.asarray(1, dtype=y.dtype))
    inputs = [one.y if name == "1" else b.value(m[name]) for name in order]
    return [one, Select(inputs=inputs, outputs=[y])]
