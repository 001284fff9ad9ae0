"""ZeroPadding: a constant around a tensor. In front of a convolution it becomes part of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.conv import Conv
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, infers, normal_axis
from tf2rust.ops.core.layer import Layer, Perm, RustCall
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.core.rust import rust_f32, rust_list
from tf2rust.ops.slice import Slice


@dataclass(eq=False, kw_only=True)
class Pad(Layer):
    """``padding[i]`` elements of ``value`` before and after axis i."""

    kind = "ZeroPadding"
    padding: tuple[tuple[int, int], ...]
    value: float = 0.0

    def transposed(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        if perm is None:
            return None
        return replace(self, padding=tuple(self.padding[perm.index(axis)] for axis in range(len(perm)))), perm

    def is_rowwise(self, by_row: Sequence[bool]) -> bool:
        return self.keeps_rows(by_row) and self.padding[0] == (0, 0)

    def absorb(self, consumer: Layer) -> Layer | None:
        if not isinstance(consumer, Conv) or self.value != 0 or any(map(any, (self.padding[0], self.padding[-1]))):
            return None
        own = consumer.window.padding
        padding = tuple((a + c, b + d) for (a, b), (c, d) in zip(self.padding[1:-1], own, strict=True))
        return replace(consumer, window=replace(consumer.window, padding=padding), inputs=[self.x])

    def rust_call(self, call: RustCall) -> str:
        before = rust_list([p for p, _ in self.padding])
        return (
            f"pad({call.inputs[0]}, &{call.dims(self.x.shape)}, &{before}, Pad::Constant({rust_f32(self.value)}), "
            f"&{call.dims(self.y.shape)}, {call.outputs[0]})"
        )

    def rust_imports(self) -> set[str]:
        return {"pad", "Pad"}


def _padding(node: Node, facts: Facts) -> list[tuple[int, int]]:
    rank = len(facts.shape(node.ir.inputs[0]))  # type: ignore[arg-type]
    pads = facts.ints(node, "pads", 1)
    if pads is None:
        raise InferenceError("it has no pads")
    axes = facts.ints(node, "axes", 3) or list(range(rank))
    padding = [(0, 0)] * rank
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        padding[normal_axis(axis, rank)] = (before, after)
    return padding


@infers("Pad")
def _pad(node: Node, facts: Facts) -> Sequence[Fact]:
    data = facts[node.ir.inputs[0]]  # type: ignore[index]
    return [Fact(data.dtype, tuple(d + p + q for d, (p, q) in zip(data.shape, _padding(node, facts), strict=True)))]


@rule(Op("Pad", Var("x"), more=True))
def pad(m: Match, b: Builder) -> Yield:
    """Negative padding crops."""
    x, y = b.value(m["x"]), b.value(m.root.ir.outputs[0])
    if (mode := m.root.attr("mode", "constant")) != "constant":
        return m.reject(f"its mode is {mode}; constant is there")
    value = m.root.attr("value", 0.0)
    if (given := m.root.input(2)) is not None:
        fill = b.facts[given].fill
        if fill is None:
            return m.reject("the number it pads with is not a constant")
        value = fill
    m.root.has("pads")
    padding = tuple(_padding(m.root, b.facts))
    if x.dtype != "float32":
        return m.reject(f"its input is {x.dtype}; Pad is there for float32")
    low = min(p for pair in padding for p in pair)
    if low >= 0:
        return Pad(padding=padding, value=value, inputs=[x], outputs=[y])
    if max(p for pair in padding for p in pair) > 0:
        return m.reject("it pads and crops at once")
    return Slice(starts=tuple(-p for p, _ in padding), steps=(1,) * x.rank, inputs=[x], outputs=[y])
