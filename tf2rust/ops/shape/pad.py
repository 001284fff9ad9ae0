"""Padding with a constant or with elements of the tensor. A convolution fuses zero padding in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.conv.conv import Conv
from tf2rust.ops.core.dims import Dim, symbols
from tf2rust.ops.core.dtypes import DTYPES
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.layer import Layer, Perm
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.indexing.slice import Slice
from tf2rust.ops.shape.dynamic_pad import dynamic_pad, padded_by_data, pads_by_data
from tf2rust.ops.shape.reshape import Reshape


@dataclass(eq=False, kw_only=True)
class Pad(Layer):
    """Adds ``padding[i]`` elements before and after axis i.

    By ``mode``, they are ``value`` or the second input (``constant``), the nearest element (``edge``), mirrored
    elements (``reflect``) or elements from the other end (``wrap``).
    """

    kind = "ZeroPadding"
    padding: tuple[tuple[Dim, Dim], ...]
    value: float = 0.0
    mode: str = "constant"

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        if perm is None or len(perms) > 1:
            return None
        return replace(self, padding=tuple(self.padding[perm.index(axis)] for axis in range(len(perm)))), perm

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        sizes = symbols(p for pair in self.padding for p in pair)
        return self.keeps_batch(batched) and self.padding[0] == (0, 0) and not sizes & symbols(self.x.shape[:1])

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        zeros = self.zeros_around()
        if not isinstance(consumer, Conv) or consumer.x is not self.y or zeros is None:
            return None
        own = consumer.window.padding
        if None in own:
            return None
        padding = tuple((a + c[0], b + c[1]) for (a, b), c in zip(zeros, own, strict=True) if c)
        inputs = [self.x, *consumer.inputs[1:]]
        return replace(consumer, window=replace(consumer.window, padding=padding), inputs=inputs)

    def zeros_around(self) -> tuple[tuple[int, int], ...] | None:
        """The zeros before and after each spatial axis; None if their number depends on sizes, or not all are zeros."""
        zeros = self.mode == "constant" and self.value == 0 and len(self.inputs) == 1
        if not zeros or any(map(any, (self.padding[0], self.padding[-1]))):
            return None
        known = [(a, b) for a, b in self.padding[1:-1] if isinstance(a, int) and isinstance(b, int)]
        return tuple(known) if len(known) == len(self.padding) - 2 else None


_MODES = ("constant", "edge", "reflect", "wrap")


def _padding(node: Node, infos: ValueInfos) -> list[tuple[Dim, Dim]]:
    rank = len(infos.shape(node.x))
    # operator set 1 calls them paddings
    pads = node.attr("paddings") or infos.dims(node.input(1)) or infos.ints(node, "pads", 1)
    if pads is None:
        raise InferenceError("it has no pads")
    axes = infos.ints(node, "axes", 3) or list(range(rank))
    if len(pads) != 2 * len(axes):
        raise InferenceError(f"it has {len(pads)} pads for {len(axes)} axes, which need {2 * len(axes)}")
    padding: list[tuple[Dim, Dim]] = [(0, 0)] * rank
    for axis, before, after in zip(axes, pads[: len(axes)], pads[len(axes) :], strict=True):
        padding[normal_axis(axis, rank)] = (before, after)
    return padding


@infers("Pad")
def _pad(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    if pads_by_data(node, infos):
        return padded_by_data(node, infos)
    data = infos[node.x]
    padding = _padding(node, infos)
    for axis, (size, (before, after)) in enumerate(zip(data.shape, padding, strict=True)):
        cut = _cut(before) + _cut(after)
        if isinstance(size, int) and cut > size:
            raise InferenceError(f"it removes {cut} elements from axis {axis}, which has only {size}")
    return [ValueInfo(data.dtype, tuple(d + p + q for d, (p, q) in zip(data.shape, padding, strict=True)))]


def _cut(pad: Dim) -> int:
    """The number of elements that it removes."""
    return max(-pad, 0) if isinstance(pad, int) else 0


@rule(Op("Pad", Var("x"), more=True))
def pad(m: Match, b: Builder) -> RuleResult:
    """Negative padding crops before anything is added.

    If its sign depends on symbolic dimensions, it is an error at run time.
    """
    x, y = b.value(m["x"]), b.value(m.y)
    mode = m.root.attr("mode", "constant")
    if mode not in _MODES or x.dtype not in DTYPES:
        return m.reject(
            f"its mode {mode} for {x.dtype} is not supported (supported: {', '.join(_MODES)} for {', '.join(DTYPES)})"
        )
    value, inputs = m.root.attr("value", 0.0), [x]
    if (given := m.root.input(2)) is not None and mode == "constant":
        info = b.infos[given]
        if info.dtype != x.dtype:
            return m.reject(f"it pads {x.dtype} with {info.dtype}; both must have the same dtype")
        if info.const is not None:
            value = info.const.flat[0].item()
        elif info.fill is not None:
            value = info.fill
        else:
            inputs.append(b.value(given))
    m.root.has("pads"), m.root.has("paddings")
    if pads_by_data(m.root, b.infos):
        return dynamic_pad(m, b, mode, value, inputs)
    padding = tuple(_padding(m.root, b.infos))
    if not any(map(any, padding)):
        return Reshape(inputs=[x], outputs=[y])
    layers: list[Layer] = []
    if any(_cut(p) for pair in padding for p in pair):
        cropped = tuple(d - _cut(p) - _cut(q) for d, (p, q) in zip(x.shape, padding, strict=True))
        starts = tuple(_cut(p) for p, _ in padding)
        padding = tuple((p + _cut(p), q + _cut(q)) for p, q in padding)
        inner = b.temporary(x, cropped) if any(map(any, padding)) else y
        layers.append(Slice(starts=starts, steps=(1,) * x.rank, inputs=[x], outputs=[inner]))
        if inner is y:
            return layers
        inputs[0] = inner
    return [*layers, Pad(padding=padding, value=value, mode=mode, inputs=inputs, outputs=[y])]
