"""Range: numbers at equal distances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.arithmetic import NUMBERS
from tf2rust.ops.core.dims import Expr
from tf2rust.ops.core.facts import Fact, Facts, Node, infers, measured
from tf2rust.ops.core.layer import Layer, RustCall
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule


@dataclass(eq=False, kw_only=True)
class Range(Layer):
    """start + i · step for each i; inputs are start, step and, where the length is not known before, the limit."""

    kind = "Range"

    def measures(self, call: RustCall) -> dict[str, str]:
        if len(call.inputs) < 3:
            return {}
        start, step, limit = call.inputs
        return {str(self.y.shape[0]): f"range_len({start}, {limit}, {step})"}

    def rust_call(self, call: RustCall) -> str:
        return f"range({call.inputs[0]}, {call.inputs[1]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"range", "range_len"}


@infers("Range")
def _range(node: Node, facts: Facts) -> Sequence[Fact]:
    start, limit, step = (facts[v] for v in node.ir.inputs)  # type: ignore[index]
    if limit.dims is None or start.dims is None or step.const is None:
        if all(f.const is not None for f in (start, limit, step)):
            return [Fact(start.dtype, (-1,))]  # a constant, which is computed in a moment
        return [Fact(start.dtype, (measured(node.ir.outputs[0]),))]
    first, end = (f.dims.reshape(-1)[0] for f in (start, limit) if f.dims is not None)
    by = int(step.const.reshape(-1)[0])
    span = end - first
    count = -(-span // by) if by > 0 else -(span // by)
    return [Fact(start.dtype, (count if isinstance(count, Expr) else max(count, 0),))]


@rule(Op("Range", Var("start"), Var("limit"), Var("step")))
def range_(m: Match, b: Builder) -> Yield:
    start, step = b.value(m["start"]), b.value(m["step"])
    if start.dtype not in NUMBERS:
        return m.reject(f"it is of {start.dtype}; Range is there for {', '.join(NUMBERS)}")
    y, limit = b.value(m.root.ir.outputs[0]), b.value(m["limit"])
    computed = y.shape == (measured(m.root.ir.outputs[0]),)
    return Range(inputs=[start, step, limit] if computed else [start, step], outputs=[y])
