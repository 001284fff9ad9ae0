"""Cast: the same numbers with another dtype."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer, Perm
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.shape.reshape import Reshape

DTYPES = (
    *("float16", "float32", "float64", "bool"),
    *("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
)


@dataclass(eq=False, kw_only=True)
class Cast(Layer):
    """``y = x as T``: rounds towards zero for integers; true for all numbers but zero for bool."""

    kind = "Cast"
    is_data_movement = True

    def params(self) -> dict[str, object]:
        return {"from": self.x.dtype, "to": self.y.dtype}

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
    m.root.has("to"), m.root.has("saturate"), m.root.has("round_mode")
    for dtype in (x.dtype, y.dtype):
        if dtype not in DTYPES:
            return m.reject(f"it casts {x.dtype} to {y.dtype}, which is not supported (supported: {', '.join(DTYPES)})")
    return Reshape(inputs=[x], outputs=[y]) if x.dtype == y.dtype else Cast(inputs=[x], outputs=[y])
