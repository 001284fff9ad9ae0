"""Where: choosing by a condition; also spelled out as tf2onnx writes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.facts import Fact, Facts, Node, broadcast, infers
from tf2rust.ops.core.pattern import Match, Op, Pattern, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.elementwise.comparison import Elementwise, elementwise_layer
from tf2rust.ops.generator.constant import constant


@dataclass(eq=False, kw_only=True)
class Select(Elementwise):
    """``a`` where the condition, the first input, holds, else ``b``."""

    kind = "Select"


@infers("Where")
def _where(node: Node, facts: Facts) -> Sequence[Fact]:
    condition, a, b = (facts[v] for v in node.operands())
    if condition.const is not None and a.dims is not None and b.dims is not None:
        broadcast((condition.shape, a.shape, b.shape))  # raises where they do not
        return [Fact.of_dims(np.where(condition.const, a.dims, b.dims), a.dtype)]
    return [Fact(a.dtype, broadcast((condition.shape, a.shape, b.shape)))]


@rule(Op("Where", Var("c"), Var("a"), Var("b")))
def where(m: Match, b: Builder) -> Yield:
    return elementwise_layer(m, b, Select, "cab")


def chosen(
    condition: Pattern, a: Pattern, b: Pattern, name: str = "chosen", casts: str = "", exposed: bool = False
) -> Op:
    """The pattern of ``where(condition, a, b)`` in an export of tf2onnx: Cast(c) · a + Cast(Not c) · b.

    That is NaN where the side not chosen is infinite; a Select is not. Conditions are often shared; two choices by the
    same condition read the same nodes, which ``casts`` names. The sum may be ``exposed``.
    """
    casts = casts or name
    when = Op("Cast", condition, name=f"{casts}_when", shared=True)
    negated = Op("Not", condition, name=f"{casts}_not", shared=True)
    otherwise = Op("Cast", negated, name=f"{casts}_otherwise", shared=True)
    first, second = Op("Mul", when, a, name=f"{name}_a"), Op("Mul", otherwise, b, name=f"{name}_b")
    return Op("Add", first, second, name=name, exposed=exposed)


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
    return elementwise_layer(m, b, Select, "cab")


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
    y = b.value(m.y)
    if b.facts.dtype(m["c"]) != "bool":
        return m.reject("the condition is not a truth value")
    choices_read(m)
    one = constant(np.asarray(1, dtype=y.dtype))
    inputs = [one.y if name == "1" else b.value(m[name]) for name in order]
    return [one, Select(inputs=inputs, outputs=[y])]
