"""Convolutions over one or two dimensions, channels-last, with a constant kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from tf2rust.ops.affine import Affine
from tf2rust.ops.core.dims import Expr, product
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, infers
from tf2rust.ops.core.layer import Dims, Layer, RustCall, Value, Weight, WeightRefs
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.core.rust import rust_list
from tf2rust.ops.reshape import Reshape
from tf2rust.ops.transpose import around_channels_last

Padding = tuple[tuple[int, int], ...]
T = TypeVar("T")


@dataclass(frozen=True)
class Window:
    """Where a window stands along each spatial axis."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: Padding

    @property
    def extent(self) -> tuple[int, ...]:
        """The input positions from a window's first tap to its last."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.size, self.dilations, strict=True))

    def output(self, spatial: Dims, ceil: bool = False) -> Dims:
        """The spatial dims of the output."""
        sizes: list[int | Expr] = []
        for size, extent, stride, (before, after) in zip(spatial, self.extent, self.strides, self.padding, strict=True):
            room = size + before + after - extent
            if isinstance(room, int) and room < 0:
                raise InferenceError(f"its window of {extent} does not fit into {size} elements")
            sizes.append((room + (stride - 1 if ceil else 0)) // stride + 1)
        return tuple(sizes)


def window(node: Node, spatial: Dims, size: Sequence[int]) -> Window:
    """The window of a Conv or pooling node, with ``auto_pad`` worked out.

    ``SAME`` pads so that there are ceil(size / stride) windows, the odd one at the end (UPPER) or the start (LOWER).
    """
    rank = len(size)
    strides = tuple(node.attr("strides", [1] * rank))
    dilations = tuple(node.attr("dilations", [1] * rank))
    mode = node.attr("auto_pad", "NOTSET")
    pads = node.attr("pads", [0] * (2 * rank))
    if mode == "NOTSET":
        padding = tuple(zip(pads[:rank], pads[rank:], strict=True))
    elif mode == "VALID":
        padding = ((0, 0),) * rank
    else:
        padding = ()
        for length, k, s, d in zip(spatial, size, strides, dilations, strict=True):
            reach = d * (k - 1) + 1
            if isinstance(length, int):
                total = max((-(-length // s) - 1) * s + reach - length, 0)
            elif s == 1:
                total = reach - 1
            else:
                raise InferenceError(
                    f"the padding of {mode} with stride {s} depends on the free dimension {length}; bind it with --dim"
                )
            small = total // 2
            padding += ((small, total - small) if mode == "SAME_UPPER" else (total - small, small),)
    if min((p for pair in padding for p in pair), default=0) < 0:
        raise InferenceError("it has negative padding")
    return Window(tuple(size), strides, dilations, padding)


def without_flat_axis(layer: Any, window: Window) -> list[Layer] | None:
    """A layer over [n, 1, w, c] or [n, h, 1, c], whose window is flat too, as the same over [n, w, c]; else None."""
    if len(window.size) != 2:
        return None
    for flat in (0, 1):
        free = window.size[flat] == 1 and window.padding[flat] == (0, 0) and layer.x.shape[1 + flat] == 1
        if not free:
            continue

        def rest(items: Sequence[T], axis: int) -> tuple[T, ...]:
            return tuple(item for i, item in enumerate(items) if i != axis)

        x = Value(f"{layer.x.name}'", layer.x.dtype, rest(layer.x.shape, 1 + flat))
        y = Value(f"{layer.y.name}'", layer.y.dtype, rest(layer.y.shape, 1 + flat))
        size, strides, dilations = (rest(part, flat) for part in (window.size, window.strides, window.dilations))
        line = Window(size, strides, dilations, rest(window.padding, flat))
        return [
            Reshape(inputs=[layer.x], outputs=[x]),
            replace(layer, window=line, inputs=[x], outputs=[y]),
            Reshape(inputs=[y], outputs=[layer.y]),
        ]
    return None


@dataclass(eq=False, kw_only=True)
class Conv(Affine):
    """A convolution over N…C: [n, *spatial, c] → [n, *spatial', filters].

    ``kernel`` is [*window, c / groups, filters] as in Keras, or [*window, filters] where every filter has one channel.
    """

    window: Window
    groups: int = 1

    @property
    def rank(self) -> int:
        return len(self.window.size)

    @property
    def kind(self) -> str:  # type: ignore[override]
        return f"{'Depthwise' if self.depthwise else ''}Conv{self.rank}D"

    @property
    def channels(self) -> int:
        size = self.x.shape[-1]
        assert isinstance(size, int)
        return size

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.groups == self.channels

    def params(self) -> dict[str, object]:
        return {
            "filters": self.y.shape[-1],
            "kernel_size": list(self.window.size),
            "strides": list(self.window.strides),
            "dilation_rate": list(self.window.dilations),
            "padding": [list(p) for p in self.window.padding],
            "groups": self.groups,
            "activation": self.activation.plain(),
        }

    def _by_channel(self, channels: np.ndarray) -> np.ndarray:
        """One number for each input channel, in the arrangement in which they meet the kernel."""
        filters = self.kernel.shape[-1]
        if self.depthwise:
            return np.repeat(channels, filters // self.channels)
        return np.repeat(channels.reshape(self.groups, -1), filters // self.groups, axis=0).T

    def scaled_input(self, factors: np.ndarray) -> np.ndarray:
        return np.asarray(self.kernel * self._by_channel(factors))

    def of_constant(self, channels: np.ndarray) -> np.ndarray | None:
        """Padding is zeros whatever the input, so that a padded convolution differs at the borders."""
        if any(p for pair in self.window.padding for p in pair):
            return None
        return np.asarray(self.scaled_input(channels).astype(np.float64).reshape(-1, self.kernel.shape[-1]).sum(axis=0))

    def simplified(self) -> list[Layer] | None:
        parts = without_flat_axis(self, self.window)
        if parts is not None:
            (line,) = (p for p in parts if isinstance(p, Conv))
            line.kernel = line.kernel.reshape(*line.window.size, *self.kernel.shape[2:])
        return parts

    def is_rowwise(self, by_row: Sequence[bool]) -> bool:
        return self.keeps_rows(by_row)

    def kernel_rows(self) -> int | Expr:
        return product(self.y.shape[:-1])

    def weights(self) -> list[Weight]:
        kernel = Weight("kernel", self.kernel, "vector" if self.depthwise else "matrices", self.groups)
        return [kernel] if self.bias is None else [kernel, Weight("bias", self.bias)]

    def rust_field(self, weights: WeightRefs) -> tuple[str, str]:
        w = self.window
        parts = {
            "kernel": weights.get("kernel"),
            "bias": weights.optional("bias"),
            "activation": self.activation.rust(),
            "kernel_size": self._each(w.size, 1),
            "stride": self._each(w.strides, 1),
            "dilation": self._each(w.dilations, 1),
            "padding": self._each(w.padding, (0, 0)),
        }
        if self.depthwise:
            filters = self.y.shape[-1]
            assert isinstance(filters, int)
            parts |= {"channels": str(self.channels), "multiplier": str(filters // self.channels)}
        else:
            parts |= {"in_channels": str(self.channels), "groups": str(self.groups)}
        name = self._rust_name()
        return f"{name}<'w>", f"{name} {{ {', '.join(f'{k}: {v}' for k, v in parts.items())} }}"

    def _rust_name(self) -> str:
        return "DepthwiseConv2d" if self.depthwise else f"Conv{self.rank}d"

    def _each(self, values: tuple[object, ...], flat: object) -> str:
        """One value for each spatial axis; the depthwise kernel has two always, the first flat if need be."""
        if self.rank == 1:
            return rust_list((flat, *values) if self.depthwise else values[0])
        return rust_list(values)

    def rust_call(self, call: RustCall) -> str:
        spatial = ((1,) if self.depthwise and self.rank == 1 else ()) + self.x.shape[1:-1]
        size = call.dim(spatial[0]) if len(spatial) == 1 else call.dims(spatial)
        return f"{call.field}.run(isa, {call.dim(self.x.shape[0])}, {size}, {call.inputs[0]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {self._rust_name(), "Activation"}


@infers("Conv")
def _conv(node: Node, facts: Facts) -> Sequence[Fact]:
    x, kernel = (facts.shape(v) for v in node.ir.inputs[:2])  # type: ignore[arg-type]
    size = [int(str(d)) for d in kernel[2:]]
    return [Fact(facts.dtype(node.ir.inputs[0]), (x[0], kernel[0], *window(node, x[2:], size).output(x[2:])))]  # type: ignore[arg-type]


@rule(Op("Conv", Var("x"), Const("kernel"), more=True))
def conv(m: Match, b: Builder) -> Yield:
    """NC… in, NC… out: the transposes around it are for the layout pass to remove."""
    x, y, kernel = b.value(m["x"]), b.value(m.root.ir.outputs[0]), m.const("kernel")
    rank = x.rank - 2
    if rank not in (1, 2):
        return m.reject(f"it convolves over {rank} axes; 1 and 2 are there")
    if kernel.dtype != np.float32:
        return m.reject(f"the kernel is {kernel.dtype}; float32 is there")
    size = m.root.attr("kernel_shape", list(kernel.shape[2:]))
    if list(size) != list(kernel.shape[2:]):
        return m.reject(f"kernel_shape {size} does not fit the kernel {kernel.shape}")
    groups, channels = m.root.attr("group", 1), x.shape[1]
    if not isinstance(channels, int) or channels != kernel.shape[1] * groups or kernel.shape[0] % groups:
        return m.reject(f"{channels} channels in {groups} groups do not fit the kernel {kernel.shape}")
    bias = None
    if m.root.input(2) is not None and (bias := b.facts.const(m.root.input(2))) is None:
        return m.reject("its bias is not a constant")
    first, last = around_channels_last(x, y, b)
    # [filters, c/g, *window] -> [*window, c/g, filters], the order in which a channels-last input is read.
    keras_kernel = np.moveaxis(kernel, (0, 1), (-1, -2))
    if groups > 1 and groups == channels:
        keras_kernel = keras_kernel[..., 0, :]
    layer = Conv(
        kernel=np.ascontiguousarray(keras_kernel),
        bias=bias,
        groups=groups,
        window=window(m.root, x.shape[2:], size),
        inputs=[first.y],
        outputs=[last.x],
    )
    return [first, layer, last]
