"""Elements and slices at places that indices name, read or written: the Gather and Scatter families but for Gather."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.arithmetic import INTEGERS, NUMBERS
from tf2rust.ops.core.dims import Expr, format_shape
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, infers, normal_axis, same_shape
from tf2rust.ops.core.layer import Layer, RustCall, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.core.rust import rust_str
from tf2rust.ops.select import DTYPES

_UPDATES = {"none": "Replace", "add": "Add", "mul": "Mul", "max": "Max", "min": "Min"}


@dataclass(eq=False, kw_only=True)
class GatherElements(Layer):
    """Element (i, j, …) is that of x where the place on ``axis`` is the index there."""

    kind = "GatherElements"
    axis: int

    def index_limits(self) -> dict[int, int | Expr]:
        return {1: self.x.shape[self.axis]}

    def rust_call(self, call: RustCall) -> str:
        x, indices = call.inputs
        return (
            f"gather_elements({rust_str(self.inputs[1].name)}, {x}, &{call.dims(self.x.shape)}, {self.axis}, "
            f"{indices}, &{call.dims(self.inputs[1].shape)}, {call.outputs[0]})"
        )

    def rust_imports(self) -> set[str]:
        return {"gather_elements"}


@dataclass(eq=False, kw_only=True)
class ScatterElements(Layer):
    """x with each update at the element whose place on ``axis`` is the index; ``update`` says what it does there."""

    kind = "ScatterElements"
    axis: int
    update: str

    def index_limits(self) -> dict[int, int | Expr]:
        return {1: self.x.shape[self.axis]}

    def rust_call(self, call: RustCall) -> str:
        x, indices, updates = call.inputs
        shapes = [call.dims(v.shape) for v in self.inputs]
        return (
            f"scatter_elements({rust_str(self.inputs[1].name)}, ({x}, &{shapes[0]}), {self.axis}, "
            f"({indices}, &{shapes[1]}), {updates}, Update::{self.update}, {call.outputs[0]})"
        )

    def rust_imports(self) -> set[str]:
        return {"scatter_elements", "Update"}


@dataclass(eq=False, kw_only=True)
class _ByTuples(Layer):
    """The last axis of the indices, the second input, holds tuples that name slices of the first."""

    batch: int = 0

    def index_limits(self) -> dict[int, int | Expr]:
        """The smallest of the axes that tuples point into."""
        sizes = [d for d in self.x.shape[self.batch :] if isinstance(d, int)]
        return {1: min(sizes)} if sizes else {}

    def _tuples(self, call: RustCall) -> str:
        indices = self.inputs[1]
        dims, depth = call.dims(self.x.shape), call.dim(indices.shape[-1])
        return f"Tuples {{ input: {rust_str(indices.name)}, dims: &{dims}, batch: {self.batch}, depth: {depth} }}"


@dataclass(eq=False, kw_only=True)
class GatherND(_ByTuples):
    """The slices of x that tuples of indices name, behind ``batch`` axes that both have."""

    kind = "GatherND"

    def rust_call(self, call: RustCall) -> str:
        return f"{self._tuples(call)}.gather({call.inputs[0]}, {call.inputs[1]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"Tuples"}


@dataclass(eq=False, kw_only=True)
class ScatterND(_ByTuples):
    """x with each slice of the updates at the slice that its tuple of indices names."""

    kind = "ScatterND"
    update: str = "Replace"

    def rust_call(self, call: RustCall) -> str:
        operands = ", ".join(call.inputs)
        return f"{self._tuples(call)}.scatter({operands}, Update::{self.update}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"Tuples", "Update"}


infers("ScatterElements", "Scatter")(same_shape)


@infers("ScatterND")
def _scatter_nd(node: Node, facts: Facts) -> Sequence[Fact]:
    data, indices = (facts[v] for v in node.ir.inputs[:2])  # type: ignore[index]
    _check_depth(data, indices, 0)
    return [Fact(data.dtype, data.shape)]


def _check_depth(data: Fact, indices: Fact, batch: int) -> None:
    """Raises InferenceError unless the last axis of ``indices`` holds places in the axes of ``data``."""
    depth = indices.shape[-1] if indices.shape else 0
    if isinstance(depth, int) and not 1 <= depth <= len(data.shape) - batch:
        raise InferenceError(
            f"its indices {format_shape(indices.shape)} hold no places in {len(data.shape) - batch} axes: their last "
            "axis counts the axes that each names"
        )


@infers("GatherElements")
def _gather_elements(node: Node, facts: Facts) -> Sequence[Fact]:
    data, indices = (facts[v] for v in node.ir.inputs)  # type: ignore[index]
    return [Fact(data.dtype, indices.shape)]


@infers("GatherND")
def _gather_nd(node: Node, facts: Facts) -> Sequence[Fact]:
    data, indices = (facts[v] for v in node.ir.inputs)  # type: ignore[index]
    _check_depth(data, indices, node.attr("batch_dims", 0))
    depth = indices.shape[-1]
    if not isinstance(depth, int):
        raise InferenceError(f"its tuples of indices have the free length {depth}; bind it with --dim")
    return [Fact(data.dtype, (*indices.shape[:-1], *data.shape[node.attr("batch_dims", 0) + depth :]))]


def _check(m: Match, x: Value, indices: Value, update: str) -> str | None:
    known = DTYPES if update == "none" else NUMBERS
    if update not in _UPDATES:
        return f"its reduction is {update}; {', '.join(_UPDATES)} are there"
    if x.dtype not in known or indices.dtype not in INTEGERS:
        return f"it is of {x.dtype} by {indices.dtype}; what is there is {', '.join(known)} by integers"
    return None


@rule(Op("GatherElements", Var("x"), Var("indices")))
def gather_elements(m: Match, b: Builder) -> Yield:
    x, indices = b.value(m["x"]), b.value(m["indices"])
    if reason := _check(m, x, indices, "none"):
        return m.reject(reason)
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    return GatherElements(axis=axis, inputs=[x, indices], outputs=[b.value(m.root.ir.outputs[0])])


@rule(Op("ScatterElements|Scatter", Var("x"), Var("indices"), Var("updates"), name="scatter"))
def scatter_elements(m: Match, b: Builder) -> Yield:
    x, indices, updates = (b.value(m[name]) for name in ("x", "indices", "updates"))
    update = m.root.attr("reduction", "none")
    if reason := _check(m, x, indices, update):
        return m.reject(reason)
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    y = b.value(m.root.ir.outputs[0])
    return ScatterElements(axis=axis, update=_UPDATES[update], inputs=[x, indices, updates], outputs=[y])


@rule(Op("GatherND", Var("x"), Var("indices")))
def gather_nd(m: Match, b: Builder) -> Yield:
    x, indices = b.value(m["x"]), b.value(m["indices"])
    if reason := _check(m, x, indices, "none"):
        return m.reject(reason)
    batch = m.root.attr("batch_dims", 0)
    return GatherND(batch=batch, inputs=[x, indices], outputs=[b.value(m.root.ir.outputs[0])])


@rule(Op("ScatterND", Var("x"), Var("indices"), Var("updates")))
def scatter_nd(m: Match, b: Builder) -> Yield:
    x, indices, updates = (b.value(m[name]) for name in ("x", "indices", "updates"))
    update = m.root.attr("reduction", "none")
    if reason := _check(m, x, indices, update):
        return m.reject(reason)
    y = b.value(m.root.ir.outputs[0])
    return ScatterND(update=_UPDATES[update], inputs=[x, indices, updates], outputs=[y])
