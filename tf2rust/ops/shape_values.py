"""Shape and Size where their numbers are data, not only the shapes of other tensors."""

from __future__ import annotations

from dataclasses import dataclass

from tf2rust.ops.core.layer import Dims, Layer, RustCall
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule


@dataclass(eq=False, kw_only=True)
class ShapeOf(Layer):
    """Dimensions as int64."""

    kind = "Shape"
    dims: Dims

    def rust_call(self, call: RustCall) -> str:
        return f"dims_as_numbers(&{call.dims(self.dims)}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"dims_as_numbers"}


@rule(Op("Shape|Size", Var("x"), name="shape"))
def shape(m: Match, b: Builder) -> Yield:
    for attribute in ("start", "end"):
        m.root.has(attribute)
    dims = b.facts.dims(m.root.ir.outputs[0])
    if dims is None:
        return m.reject("its input has a shape that is not known")
    return ShapeOf(dims=tuple(dims), inputs=[], outputs=[b.value(m.root.ir.outputs[0])])
