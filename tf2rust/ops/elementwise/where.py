"""Where: selection by a condition, also in the form that tf2onnx writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dtypes import TEXT
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, broadcast, infers
from tf2rust.ops.core.pattern import Match, Op, Pattern, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.comparison import Elementwise, elementwise_layer
from tf2rust.ops.generator.constant import constant


@dataclass(eq=False, kw_only=True)
class Where(Elementwise):
    """``a`` where the first input is true, otherwise ``b``."""

    kind = "Where"
    takes_text = True


@infers("Where")
def _where(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    condition, a, b = (infos[v] for v in node.operands())
    if condition.const is not None and a.dims is not None and b.dims is not None:
        broadcast((condition.shape, a.shape, b.shape))  # raises if they do not broadcast
        return [ValueInfo.of_dims(np.where(condition.const, a.dims, b.dims), a.dtype)]
    return [ValueInfo(a.dtype, broadcast((condition.shape, a.shape, b.shape), infos))]


@rule(Op("Where", Var("c"), Var("a"), Var("b")))
def where(m: Match, b: Builder) -> RuleResult:
    return elementwise_layer(m, b, Where, "cab", (TEXT,))


def chosen(
    condition: Pattern, a: Pattern, b: Pattern, name: str = "chosen", casts: str = "", exposed: bool = False
) -> Op:
    """The pattern of ``where(condition, a, b)`` in tf2onnx's exports: Cast(c) · a + Cast(Not c) · b.

    The pattern is NaN if the other side is infinite; a Where is not. Conditions are often shared: two choices by the
    same condition read the same nodes, which ``casts`` names. The sum can be ``exposed``.
    """
    casts = casts or name
    when = Op("Cast", condition, name=f"{casts}_when", shared=True)
    negated = Op("Not", condition, name=f"{casts}_not", shared=True)
    otherwise = Op("Cast", negated, name=f"{casts}_otherwise", shared=True)
    first, second = Op("Mul", when, a, name=f"{name}_a"), Op("Mul", otherwise, b, name=f"{name}_b")
    return Op("Add", first, second, name=name, exposed=exposed)


def choices_read(m: Match, *names: str) -> None:
    """Marks the casts of these ``chosen`` patterns as understood: they cast to the dtype of the operands."""
    for name in names or ("chosen",):
        for part in (f"{name}_when", f"{name}_otherwise"):
            if m.has(part):
                m.node(part).has("to")


@rule(chosen(Var("c"), Var("a"), Var("b")))
def where_spelled_out(m: Match, b: Builder) -> RuleResult:
    if b.infos.dtype(m["c"]) != "bool":
        return m.reject("its condition is not bool")
    choices_read(m)
    return elementwise_layer(m, b, Where, "cab")


_ONE = Op("Cast", Var("c"), name="chosen_when", shared=True)
_ZERO = Op("Cast", Op("Not", Var("c"), name="chosen_not", shared=True), name="chosen_otherwise", shared=True)


@rule(Op("Add", _ONE, Op("Mul", _ZERO, Var("b"), name="chosen_b"), name="chosen"))
def where_one(m: Match, b: Builder) -> RuleResult:
    """``where(c, 1, b)``, without the factor 1."""
    return _with_one(m, b, "c1b")


@rule(Op("Add", Op("Mul", _ONE, Var("a"), name="chosen_a"), _ZERO, name="chosen"))
def where_else_one(m: Match, b: Builder) -> RuleResult:
    """``where(c, a, 1)``, without the factor 1."""
    return _with_one(m, b, "ca1")


def _with_one(m: Match, b: Builder, order: str) -> RuleResult:
    y = b.value(m.y)
    if b.infos.dtype(m["c"]) != "bool":
        return m.reject("its condition is not bool")
    choices_read(m)
    one = constant(np.asarray(1, dtype=y.dtype))
    inputs = [one.y if name == "1" else b.value(m[name]) for name in order]
    return [one, Where(inputs=inputs, outputs=[y])]
