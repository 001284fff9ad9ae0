"""Range: equidistant numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import onnx_ir as ir

from tf2rust.ops.core.dims import Dim, DimExpr
from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, data_dependent_dim, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@dataclass(eq=False, kw_only=True)
class Range(Layer):
    """start + i · step. Inputs: start, step and, if the length is data-dependent, the limit."""

    kind = "Range"

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        return {0: [0], 1: [1], 2: [5]} if len(self.inputs) > 2 else {}


_WIDE = ("float32", "float64", "int32", "int64")
"""A bound that keeps the sizes of tensors from overflowing."""


@infers("Range")
def _range(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    dtype = infos.dtype(node.x)
    constants = [infos.const(v) for v in node.inputs]
    if all(c is not None and c.size == 1 for c in constants):
        start, limit, step = (c.reshape(()).item() for c in constants if c is not None)
        if step == 0 or not math.isfinite((limit - start) / step):
            raise InferenceError(f"its range from {start} to {limit} in steps of {step} has no end")
        whole = isinstance(step, int)
        count = -((start - limit) // step) if whole else math.ceil((limit - start) / step)
        return [ValueInfo(dtype, (max(count, 0),))]
    first, end, by = (_whole(v, infos) for v in node.inputs)
    if first is None or end is None or not isinstance(by, int) or by == 0:
        return [ValueInfo(dtype, (data_dependent_dim(node.y),))]
    span = end - first
    count = -(-span // by) if by > 0 else -(span // by)
    return [ValueInfo(dtype, (count if isinstance(count, DimExpr) else max(count, 0),))]


def _whole(value: ir.Value | None, infos: ValueInfos) -> Dim | None:
    """An integer that is a constant or computed from shapes. float32 is accepted too, as it is exact below 2^24."""
    if (dims := infos.dims(value)) is not None:
        return dims[0] if len(dims) == 1 else None
    if (known := infos.const(value)) is not None and known.size == 1:
        number = float(known.reshape(-1)[0])
        return int(number) if number.is_integer() else None
    node = value.producer() if value is not None else None
    if value is None or node is None or node.op_type != "Cast" or infos.dtype(value) not in _WIDE:
        return None
    return _whole(node.inputs[0], infos)


@rule(Op("Range", Var("start"), Var("limit"), Var("step")))
def range_(m: Match, b: Builder) -> RuleResult:
    start, step = b.value(m["start"]), b.value(m["step"])
    if start.dtype not in NUMBERS:
        return m.reject(f"its inputs have the unsupported dtype {start.dtype} (supported: {', '.join(NUMBERS)})")
    y, limit = b.value(m.y), b.value(m["limit"])
    computed = y.shape == (data_dependent_dim(m.y),)
    return Range(inputs=[start, step, limit] if computed else [start, step], outputs=[y])
