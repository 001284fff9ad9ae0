"""Comparisons of numbers, and functions of booleans."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.dims import Condition, Dim
from tf2rust.ops.core.dtypes import DTYPES, TEXT
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, broadcast, infers
from tf2rust.ops.core.layer import Layer, Perm, Value, broadcasts_batch
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.generator.constant import constant


@dataclass(eq=False, kw_only=True)
class Elementwise(Layer):
    """A function of the elements of several tensors, with NumPy's broadcasting."""

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        found = {perm for perm, value in zip(perms, self.inputs, strict=True) if value.rank > 0}
        perm = next(iter(found)) if len(found) == 1 else None
        return None if perm is None or len(perm) != self.y.rank else (replace(self), perm)

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return broadcasts_batch(self.y, self.inputs, batched)


@dataclass(eq=False, kw_only=True)
class Compare(Elementwise):
    """A comparison such as ``a < b``, of any dtype, to bool."""

    kind = "Compare"
    function: str


@dataclass(eq=False, kw_only=True)
class EqualStrings(Elementwise):
    """Whether strings are equal."""

    kind = "EqualStrings"
    takes_text = True


@dataclass(eq=False, kw_only=True)
class Logic(Elementwise):
    """A function of two booleans, such as ``a & b``."""

    kind = "Logic"
    function: str


@dataclass(eq=False, kw_only=True)
class Not(Layer):
    """``!x`` of booleans."""

    kind = "Not"

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        return (replace(self), perms[0]) if perms[0] is not None else None

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)


_COMPARISONS = ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
_LOGIC = ("And", "Or", "Xor")


@infers(*_COMPARISONS, *_LOGIC)
def _truth(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    parts = [infos[v] for v in node.inputs if v is not None]
    dims = [p.dims for p in parts if p.dims is not None]
    if node.op in _CONDITIONS and len(dims) == len(parts):
        broadcast(p.shape for p in parts)  # raises if they do not broadcast
        pairs = np.broadcast(*dims)
        conditions = [_CONDITIONS[node.op](a, b) for a, b in pairs]
        known = [condition.known() for condition in conditions]
        if None not in known:
            return [ValueInfo.of_const(np.asarray(known, bool).reshape(pairs.shape))]
        if len(conditions) == 1:
            return [ValueInfo("bool", pairs.shape, condition=conditions[0])]
    return [ValueInfo("bool", broadcast((p.shape for p in parts), infos))]


_CONDITIONS: dict[str, Callable[[Dim, Dim], Condition]] = {
    "Equal": lambda a, b: Condition(a, "==", b),
    "Less": lambda a, b: Condition(b, ">=", a + 1),
    "LessOrEqual": lambda a, b: Condition(b, ">=", a),
    "Greater": lambda a, b: Condition(a, ">=", b + 1),
    "GreaterOrEqual": lambda a, b: Condition(a, ">=", b),
}
"""Comparisons of sizes."""


@infers("Not")
def _not(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    info = infos[node.x]
    condition = None if info.condition is None else info.condition.negated()
    return [ValueInfo(info.dtype, info.shape, condition=condition)]


def operands(b: Builder, y: Value, *names: ir.Value) -> tuple[list[Layer], list[Value]]:
    """The operands of a layer with output ``y``, and constants that they need. Filled tensors become scalars if the
    other operands determine the shape.
    """
    sources = [b.infos[v] for v in names]
    real = [f.shape for f in sources if f.fill is None]
    numbers_do = bool(real) and broadcast(real) == y.shape
    layers: list[Layer] = []
    values: list[Value] = []
    for source, info in zip(names, sources, strict=True):
        if info.fill is not None and (numbers_do or not info.shape):
            number = info.fill if info.const is None else info.const.flat[0]
            layers.append(constant(np.asarray(number, dtype=info.dtype)))
            values.append(layers[-1].y)
        else:
            values.append(b.value(source))
    return layers, values


def elementwise_layer(
    m: Match, b: Builder, make: Callable[..., Layer], names: Sequence[str], extra: Sequence[str] = ()
) -> RuleResult:
    """The layer that ``make`` builds from the match's values ``names``, or the reason if a dtype is not supported.

    ``extra`` are dtypes that the layer supports beyond numbers and booleans.
    """
    y = b.value(m.y)
    constants, inputs = operands(b, y, *(m[n] for n in names))
    for value in inputs:
        if value.dtype not in (*DTYPES, *extra):
            return m.reject(
                f"its input `{value.name}` has the unsupported dtype {value.dtype} (supported: {', '.join(DTYPES)})"
            )
    return [*constants, make(inputs=inputs, outputs=[y])]


@rule(Op("|".join(_COMPARISONS), Var("a"), Var("b"), name="compare"))
def compare(m: Match, b: Builder) -> RuleResult:
    if m.root.op == "Equal" and b.infos.dtype(m["a"]) == TEXT:
        return elementwise_layer(m, b, EqualStrings, "ab", (TEXT,))
    return elementwise_layer(m, b, lambda **parts: Compare(function=m.root.op, **parts), "ab")


@rule(Op("Not", Op("Equal", Var("a"), Var("b"))))
def not_equal(m: Match, b: Builder) -> RuleResult:
    return elementwise_layer(m, b, lambda **parts: Compare(function="NotEqual", **parts), "ab")


@rule(Op("|".join(_LOGIC), Var("a"), Var("b"), name="logic"))
def logic(m: Match, b: Builder) -> RuleResult:
    return elementwise_layer(m, b, lambda **parts: Logic(function=m.root.op, **parts), "ab")


@rule(Op("And", Op("Or", Var("a"), Var("b")), Op("Not", Op("And", Var("a"), Var("b"), name="both"))))
def exclusive_or(m: Match, b: Builder) -> RuleResult:
    """(a | b) & !(a & b), as TensorFlow writes it."""
    return elementwise_layer(m, b, lambda **parts: Logic(function="Xor", **parts), "ab")


@rule(Op("Not", Var("x")))
def not_(m: Match, b: Builder) -> Layer:
    return Not(inputs=[b.value(m["x"])], outputs=[b.value(m.y)])
