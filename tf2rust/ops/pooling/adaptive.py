"""Adaptive pooling: the size of the output determines the windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.inference import normal_axis
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Const, Match, Op, Optional, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.pooling.pooling import pooling_window, unfit
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import to_channels_last, wrap_channels_last


@dataclass(eq=False, kw_only=True)
class AdaptivePooling(Layer):
    """The maximum or the average over windows: [n, *spatial, c] → [n, *spatial', c].

    Along an axis with n inputs and m outputs, output i pools the inputs from ⌊i·n/m⌋ up to ⌈(i + 1)·n/m⌉, the latter
    excluded. An axis with as many outputs as inputs stays as it is.
    """

    function: str

    @property
    def kind(self) -> str:
        return f"Adaptive{self.function}Pooling{self.x.rank - 2}D"

    def params(self) -> dict[str, object]:
        return {"output_size": [size if isinstance(size, int) else str(size) for size in self.y.shape[1:-1]]}

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        """The same over further axes: a mean of means is the mean where no axis is pooled twice."""
        if not isinstance(consumer, AdaptivePooling) or consumer.function != self.function:
            return None
        if any(n != m != k for n, m, k in zip(self.x.shape, self.y.shape, consumer.y.shape, strict=True)):
            return None
        return replace(self)

    def simplified(self) -> list[Layer] | None:
        """Over [n, 1, w, c] as the same over [n, w, c]."""
        if self.x.rank != 4 or self.x.shape[1] != 1 or self.y.shape[1] != 1:
            return None
        x, y = (Value(f"{v.name}'", v.dtype, (v.shape[0], *v.shape[2:])) for v in (self.x, self.y))
        return [
            Reshape(inputs=[self.x], outputs=[x]),
            replace(self, inputs=[x], outputs=[y]),
            Reshape(inputs=[y], outputs=[self.y]),
        ]


def _pooled(name: str) -> Optional:
    """A pool whose result may be channels-last, and without the axis that made an image of a sequence."""
    pool = Op("MaxPool|AveragePool", Var("x"), name=name)
    channels_last = Optional(Op("Transpose", pool, name=f"{name}_channels_last"))
    return Optional(Op("Squeeze", channels_last, Const("flat"), name=f"{name}_squeezed"))


@rule(Op("Gather", Op("Concat", _pooled("small"), _pooled("big"), name="windows"), Const("indices")))
def adaptive_pooling(m: Match, b: Builder) -> RuleResult:
    """One axis as Keras writes it: all windows of two sizes, one element apart, of which some are chosen."""
    x, y = b.value(m["x"]), b.value(m.y)
    nodes = [m.node("small"), m.node("big")]
    if x.dtype != "float32" or nodes[0].op != nodes[1].op or any(len(node.outputs) > 1 for node in nodes):
        return m.reject("it chooses from pools of two kinds, or of other numbers than float32")
    for node in nodes:
        if reason := unfit(x, node):
            return m.reject(reason, node)
        node.has("storage_order")
        node.has("count_include_pad")
    windows = [pooling_window(node, b.infos) for node in nodes]
    axis = _axis(windows)
    if axis is None:
        return m.reject("its pools are not along one axis, without padding and with neighbouring windows")
    size, indices = x.shape[2 + axis], m.const("indices")
    if not isinstance(size, int) or indices.ndim != 1:
        return m.reject("it chooses from a free dimension, or not along one axis")
    if _chosen([w.size[axis] for w in windows], size, indices.tolist()) != _adaptive(size, len(indices)):
        return m.reject("the windows that it chooses are not those of adaptive pooling")
    is_last = m.has("small_channels_last")
    if reason := _misplaced(m, x.rank, (1 if is_last else 2) + axis):
        return m.reject(reason)
    pooled = b.temporary(y, (*x.shape[: 2 + axis], len(indices), *x.shape[3 + axis :]))
    first, last = wrap_channels_last(x, pooled, b)
    layers: list[Layer] = [
        first,
        AdaptivePooling(function="Max" if nodes[0].op == "MaxPool" else "Average", inputs=[first.y], outputs=[last.x]),
        *([] if is_last else [last]),
    ]
    if m.has("flat"):
        layers.append(Reshape(inputs=layers[-1].outputs, outputs=[y]))
    else:
        layers[-1].outputs = [y]
    return layers


def _axis(windows: Sequence[Window]) -> int | None:
    """The only spatial axis along which neighbouring windows differ from single elements."""
    for window in windows:
        if window.is_padded or {*window.strides, *window.dilations} != {1}:
            return None
    axes = {axis for window in windows for axis, size in enumerate(window.size) if size > 1}
    return axes.pop() if len(axes) == 1 else None


def _chosen(sizes: Sequence[int], n: int, indices: Sequence[int]) -> list[tuple[int, int]]:
    """Start and end of each chosen window: of the first size up to its last position, of the second beyond."""
    count = n - sizes[0] + 1
    return [(i, i + sizes[0]) if i < count else (i - count, i - count + sizes[1]) for i in indices]


def _adaptive(n: int, outputs: int) -> list[tuple[int, int]]:
    """Start and end of each window of adaptive pooling."""
    return [(i * n // outputs, -(-(i + 1) * n // outputs)) for i in range(outputs)]


def _misplaced(m: Match, rank: int, axis: int) -> str | None:
    """Why the pools are not joined and chosen from along ``axis``, counted before an axis is squeezed."""
    parts = ("small", "big")
    for suffix in ("channels_last", "squeezed"):
        if len({m.has(f"{part}_{suffix}") for part in parts}) > 1:
            return "only one of its pools is transposed or squeezed"
    if m.has("small_channels_last"):
        perms = {tuple(m.node(f"{part}_channels_last").attr("perm", [])) for part in parts}
        if perms != {to_channels_last(rank)}:
            return f"its pools are transposed by {sorted(perms)}"
    removed = {normal_axis(int(a), rank) for a in m.const("flat").reshape(-1)} if m.has("flat") else set()
    if axis in removed:
        return "the pooled axis is squeezed"
    place = axis - sum(a < axis for a in removed)
    for node in (m.node("windows"), m.root):
        if normal_axis(node.attr("axis", 0), rank - len(removed)) != place:
            return f"{node.op} is not along the pooled axis"
    return None
