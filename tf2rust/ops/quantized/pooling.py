"""Averages of 8-bit integers: over windows and over all spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.pooling.pooling import Pooling
from tf2rust.ops.quantized.scale import Scale
from tf2rust.ops.reduction.reduce import Reduce


@dataclass(eq=False, kw_only=True)
class QuantizedAverage(Layer):
    """``round((Σ x − count · x_zero_point) · (ratio / count)) + y_zero_point``, saturated: a sum in i32 of 8-bit
    integers.

    ``ratio`` is the scale of x divided by that of y. With ``zero_first``, y_zero_point is added before rounding.
    """

    x_zero_point: int
    y_zero_point: int
    x_scale: float
    y_scale: float
    zero_first: bool


@dataclass(eq=False, kw_only=True)
class QuantizedAveragePooling(QuantizedAverage):
    """The average over windows: [n, *spatial, c] → [n, *spatial', c]."""

    window: Window
    count_include_pad: bool

    @property
    def kind(self) -> str:
        return f"QuantizedAveragePooling{len(self.window.size)}D"

    def params(self) -> dict[str, object]:
        w = self.window
        return {"pool_size": list(w.size), "strides": list(w.strides), "padding": w.plain_padding()}

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)


@dataclass(eq=False, kw_only=True)
class QuantizedMean(QuantizedAverage):
    """The mean over adjacent ``axes``."""

    axes: tuple[int, ...]
    keepdims: bool

    @property
    def kind(self) -> str:
        if self.axes == tuple(range(1, self.x.rank - 1)):
            return f"QuantizedGlobalAveragePooling{len(self.axes)}D"
        return "QuantizedMean"

    def params(self) -> dict[str, object]:
        return {"axes": list(self.axes), "keepdims": self.keepdims}

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched) and self.axes[0] > 0


def quantized_average(
    layer: Pooling | Reduce, x: Value, x_scale: Scale, y: Value, y_scale: Scale
) -> QuantizedAverage | str:
    """The layer on integers, or the reason why there is none."""
    fields: dict[str, Any] = {
        "x_zero_point": x_scale.zero_point,
        "y_zero_point": y_scale.zero_point,
        "x_scale": x_scale.scale,
        "y_scale": y_scale.scale,
        "zero_first": y_scale.zero_first,
        "inputs": [x],
        "outputs": [y],
        "name": layer.name,
        "anchor": layer.anchor,
        "rules": layer.rules,
    }
    if isinstance(layer, Pooling) and layer.function == "Average" and layer.rank < 3:
        return QuantizedAveragePooling(window=layer.window, count_include_pad=layer.count_include_pad, **fields)
    if isinstance(layer, Reduce) and layer.function == "Mean":
        return QuantizedMean(axes=layer.axes, keepdims=layer.keepdims, **fields)
    return f"{layer.kind} has no form on integers"
