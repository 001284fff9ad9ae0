"""Det: the determinant of each matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@dataclass(eq=False, kw_only=True)
class Determinant(Layer):
    """The determinant of each matrix."""

    kind = "Determinant"


@infers("Det")
def _determinant(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    return [ValueInfo(data.dtype, data.shape[:-2])]


@rule(Op("Det", Var("x")))
def determinant(m: Match, b: Builder) -> RuleResult:
    x = b.value(m["x"])
    if x.dtype != "float32" or x.shape[-1] != x.shape[-2]:
        return m.reject(f"its input {x} is not supported (supported: square matrices of float32)")
    return Determinant(inputs=[x], outputs=[b.value(m.y)])
