"""The windows of convolutions and pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from tf2rust.ops.core.dims import Dim, minimum
from tf2rust.ops.core.inference import InferenceError, Node
from tf2rust.ops.core.layer import Dims, Layer, Value
from tf2rust.ops.shape.reshape import Reshape

Padding = tuple[tuple[int, int] | None, ...]
"""The padding before and after each spatial axis; None for SAME, computed when the size is known."""
T = TypeVar("T")


@dataclass(frozen=True)
class Window:
    """A window and its steps along each spatial axis."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: Padding
    same_lower: bool = False
    """Whether the odd element of SAME goes to the start, not to the end as in TensorFlow."""
    ceil: bool = False
    """Whether the ends of symbolic axes are padded further, so that the last window is complete."""

    @property
    def effective_size(self) -> tuple[int, ...]:
        """The number of input positions from a window's first tap to its last."""
        return tuple(d * (k - 1) + 1 for k, d in zip(self.size, self.dilations, strict=True))

    def output(self, spatial: Dims) -> Dims:
        """The spatial dims of the output."""
        sizes: list[Dim] = []
        axes = zip(spatial, self.effective_size, self.strides, self.padding, strict=True)
        for size, window, stride, padding in axes:
            if padding is None:
                sizes.append((size - 1) // stride + 1)
                continue
            room = size + sum(padding) - window
            if isinstance(room, int) and room < 0:
                raise InferenceError(f"its window of {window} does not fit into {size} elements")
            windows = room // stride + 1
            if self.ceil and not isinstance(size, int):
                windows = minimum((room + stride - 1) // stride + 1, (size + padding[0] + stride - 1) // stride)
            sizes.append(windows)
        return tuple(sizes)

    @property
    def is_padded(self) -> bool:
        return self.ceil or any(pair is None or any(pair) for pair in self.padding)

    def params(self) -> dict[str, object]:
        """The parameters of a convolution with this window, by Keras' names."""
        return {
            "kernel_size": list(self.size),
            "strides": list(self.strides),
            "dilation_rate": list(self.dilations),
            "padding": self.plain_padding(),
        }

    def plain_padding(self) -> list[object]:
        """The padding for JSON."""
        same = "same_lower" if self.same_lower else "same"
        ceil = ["ceil"] if self.ceil else []
        return [same if pair is None else [*pair, *ceil] for pair in self.padding]


def window(node: Node, spatial: Dims, size: Sequence[int]) -> Window:
    """The window of a Conv or pooling node, with ``auto_pad`` resolved.

    ``SAME`` pads to ceil(size / stride) windows; an odd element goes to the end (UPPER) or the start (LOWER).
    """
    rank = len(size)
    if rank != len(spatial):
        raise InferenceError(f"its window has {rank} axes, but its input has {len(spatial)} spatial axes")
    strides = tuple(node.attr("strides", [1] * rank))
    dilations = tuple(node.attr("dilations", [1] * rank))
    mode = node.attr("auto_pad", "NOTSET")
    pads = node.attr("pads", [0] * (2 * rank))
    padding: Padding = ()
    if mode == "NOTSET":
        padding = tuple(zip(pads[:rank], pads[rank:], strict=True))
    elif mode == "VALID":
        padding = ((0, 0),) * rank
    else:
        for length, k, s, d in zip(spatial, size, strides, dilations, strict=True):
            reach = d * (k - 1) + 1
            if isinstance(length, int):
                total = max((-(-length // s) - 1) * s + reach - length, 0)
            elif s == 1 or reach == 1:
                total = reach - 1
            else:
                padding += (None,)
                continue
            small = total // 2
            padding += ((small, total - small) if mode == "SAME_UPPER" else (total - small, small),)
    if min((p for pair in padding if pair for p in pair), default=0) < 0:
        raise InferenceError("its padding is negative")
    return Window(tuple(size), strides, dilations, padding, mode == "SAME_LOWER")


def kernel_size(kernel: Dims) -> list[int]:
    """The spatial dims of a kernel [filters, channels, *window]."""
    if free := [d for d in kernel[2:] if not isinstance(d, int)]:
        raise InferenceError(f"its kernel has the symbolic dimension {free[0]}; bind it with --dim")
    return [int(str(d)) for d in kernel[2:]]


def without_flat_axis(layer: Any, window: Window) -> list[Layer] | None:
    """A layer over [n, 1, w, c] or [n, h, 1, c] with a flat window, as a layer over [n, w, c]; otherwise None."""
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
        padding = rest(window.padding, flat)
        line = replace(window, size=size, strides=strides, dilations=dilations, padding=padding)
        return [
            Reshape(inputs=[layer.x], outputs=[x]),
            replace(layer, window=line, inputs=[x], outputs=[y]),
            Reshape(inputs=[y], outputs=[layer.y]),
        ]
    return None
