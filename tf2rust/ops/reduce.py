"""Mean, sum, maximum, minimum and product over axes; the global poolings are of this kind."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.arithmetic import INTEGERS
from tf2rust.ops.core.dims import product
from tf2rust.ops.core.facts import Fact, Facts, Node, infers, normal_axis
from tf2rust.ops.core.layer import Dims, Layer, Perm, RustCall, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule

_FUNCTIONS = {"ReduceMean": "Mean", "ReduceSum": "Sum", "ReduceMax": "Max", "ReduceMin": "Min", "ReduceProd": "Prod"}


@dataclass(eq=False, kw_only=True)
class Reduce(Layer):
    """``function`` over neighbouring ``axes``, which disappear from the shape or, with ``keepdims``, become 1."""

    function: str
    axes: tuple[int, ...]
    keepdims: bool

    @property
    def kind(self) -> str:  # type: ignore[override]
        if self.axes == tuple(range(1, self.x.rank - 1)) and self.function in ("Mean", "Max"):
            return f"Global{'Average' if self.function == 'Mean' else 'Max'}Pooling{len(self.axes)}D"
        return self.function

    def params(self) -> dict[str, object]:
        return {"function": self.function.lower(), "axes": list(self.axes), "keepdims": self.keepdims}

    def transposed(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        if perm is None:
            return None
        axes = tuple(sorted(perm[axis] for axis in self.axes))
        if axes[-1] - axes[0] >= len(axes):
            return None
        moved = replace(self, axes=axes)
        if self.keepdims:
            return moved, perm
        rest = [a for a in perm if a not in axes]
        return moved, tuple(sorted(rest).index(a) for a in rest)

    def is_rowwise(self, by_row: Sequence[bool]) -> bool:
        return self.keeps_rows(by_row) and self.axes[0] > 0

    def absorb(self, consumer: Layer) -> Layer | None:
        """The same over the axis in front of these as well."""
        if not isinstance(consumer, Reduce) or (consumer.function, consumer.keepdims) != (self.function, self.keepdims):
            return None
        if consumer.axes[-1] != self.axes[0] - 1:
            return None
        return replace(self, axes=consumer.axes + self.axes)

    def rust_call(self, call: RustCall) -> str:
        shape, first, last = self.x.shape, self.axes[0], self.axes[-1] + 1
        split = call.dims((product(shape[:first]), product(shape[first:last]), product(shape[last:])))
        if self.x.dtype != "float32":
            return f"IntegerReduce::{self.function}.run({split}, {call.inputs[0]}, {call.outputs[0]})"
        return f"Reduce::{self.function}.run(isa, {split}, {call.inputs[0]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"Reduce", "IntegerReduce"}


def _axes(node: Node, facts: Facts) -> list[int]:
    rank = len(facts.shape(node.ir.inputs[0]))  # type: ignore[arg-type]
    if node.op.startswith("Global"):
        return list(range(2, rank))
    axes = facts.ints(node, "axes", 1)
    if not axes:
        return [] if node.attr("noop_with_empty_axes", 0) else list(range(rank))
    node.has("noop_with_empty_axes")
    return sorted(normal_axis(a, rank) for a in axes)


def _reduced(shape: Dims, axes: Sequence[int], keepdims: bool) -> Dims:
    if keepdims:
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)


@infers(*_FUNCTIONS, "GlobalAveragePool", "GlobalMaxPool")
def _reduce(node: Node, facts: Facts) -> Sequence[Fact]:
    data = facts[node.ir.inputs[0]]  # type: ignore[index]
    keepdims = node.op.startswith("Global") or bool(node.attr("keepdims", 1))
    shape = _reduced(data.shape, _axes(node, facts), keepdims)
    if node.op == "ReduceProd" and data.dims is not None and len(data.shape) == 1:
        return [Fact.of_dims(np.asarray([product(data.dims), None], dtype=object)[:-1].reshape(shape), data.dtype)]  # type: ignore[arg-type]
    return [Fact(data.dtype, shape)]


@rule(Op("|".join([*_FUNCTIONS, "GlobalAveragePool", "GlobalMaxPool"]), Var("x"), more=True, name="reduce"))
def reduce(m: Match, b: Builder) -> Yield:
    """Axes go one at a time, the last first; what are neighbours in the end is fused."""
    x, y = b.value(m["x"]), b.value(m.root.ir.outputs[0])
    known = ("float32",) if m.root.op in ("ReduceMean", "GlobalAveragePool") else ("float32", *INTEGERS)
    if x.dtype not in known:
        return m.reject(f"its input is {x.dtype}; {m.root.op} is there for {', '.join(known)}")
    function = {"GlobalAveragePool": "Mean", "GlobalMaxPool": "Max"}.get(m.root.op) or _FUNCTIONS[m.root.op]
    keepdims = m.root.op.startswith("Global") or bool(m.root.attr("keepdims", 1))
    axes = _axes(m.root, b.facts)
    if not axes:
        return m.reject("it reduces over no axis")
    layers: list[Layer] = []
    value: Value = x
    for axis in reversed(axes):
        last = axis == axes[0]
        out = y if last else b.temporary(y, _reduced(value.shape, [axis], keepdims))
        layers.append(Reduce(function=function, axes=(axis,), keepdims=keepdims, inputs=[value], outputs=[out]))
        value = out
    return layers
