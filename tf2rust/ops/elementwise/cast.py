"""Cast: conversion to another dtype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from tf2rust.ops.core.dtypes import TENSORS
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer, Perm
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.shape.reshape import Reshape

_SATURATING = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz")
"""The dtypes for which the attribute ``saturate`` says what happens to numbers that overflow."""


@dataclass(eq=False, kw_only=True)
class Cast(Layer):
    """``y = x as T``. Integers are rounded toward zero; bool is x ≠ 0.

    Without ``saturate``, numbers that overflow a float of 8 bits become infinity or NaN instead of the largest number.
    """

    kind = "Cast"
    is_data_movement = True
    saturate: bool = True

    def params(self) -> dict[str, object]:
        return {"from": self.x.dtype, "to": self.y.dtype, **({} if self.saturate else {"saturate": False})}

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        return (replace(self), perms[0]) if perms[0] is not None else None

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)


@infers("Cast")
def _cast(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    dtype = ir.DataType(node.attr("to")).numpy().name
    dims = data.dims if dtype in ("int32", "int64") else None
    return [ValueInfo(dtype, data.shape, dims=dims, fill=data.fill)]


@rule(Op("Cast", Var("x")))
def cast(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    m.root.has("to")
    saturate, mode = bool(m.root.attr("saturate", 1)), m.root.attr("round_mode", "up")
    for dtype in (x.dtype, y.dtype):
        if dtype not in TENSORS:
            return m.reject(
                f"it casts {x.dtype} to {y.dtype}, which is not supported (supported: {', '.join(TENSORS)})"
            )
    if y.dtype == "float8_e8m0fnu" and not (saturate and mode == "up"):
        return m.reject(f"it casts to {y.dtype} with saturate={int(saturate)} and round_mode={mode} (supported: 1, up)")
    if x.dtype == y.dtype:
        return Reshape(inputs=[x], outputs=[y])
    return Cast(saturate=saturate or y.dtype not in _SATURATING, inputs=[x], outputs=[y])
