"""Averages of 8-bit integers: over windows and over all spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.pooling.pooling import Pooling
from tf2rust.ops.quantized.scale import NOT_NORMAL, Scale, are_normal
from tf2rust.ops.reduction.reduce import Reduce


@dataclass(eq=False, kw_only=True)
class QuantizedAverage(Layer):
    """``round((Σ x − count · x_zero_point) · (ratio / count) + offset) + y_zero_point``, saturated.

    The sum is in i32, and ``ratio`` is the scale of x divided by that of y. The zero point of y is in the offset if it
    is added before the result is rounded.
    """

    x_zero_point: int
    y_zero_point: int
    ratio: float
    offset: float
    limits: tuple[int, int]

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)


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


@dataclass(eq=False, kw_only=True)
class QuantizedMean(QuantizedAverage):
    """The mean over all axes but the batch and the channels, which stay as axes of size 1 or are removed."""

    @property
    def kind(self) -> str:
        return f"QuantizedGlobalAveragePooling{self.x.rank - 2}D"


_ABOVE_ONE = 1 + 2.0**-20
"""A factor that moves averages halfway between two integers away from zero, but no other average to another integer."""


def quantized_average(
    layer: Pooling | Reduce, x: Value, x_scale: Scale, y: Value, y_scale: Scale, *, ties_away: bool = False
) -> QuantizedAverage | str:
    """The layer on integers, or the reason why there is none.

    With ``ties_away``, average pooling that keeps the scale rounds averages halfway between two integers away from
    zero, as TFLite does, which averages the integers without regard to their zero point.
    """
    first = y_scale.zero_first
    with np.errstate(over="ignore"):
        ratio = np.float32(x_scale.scale / y_scale.scale)
    if not are_normal(float(ratio)):
        return NOT_NORMAL
    fields: dict[str, Any] = {
        "x_zero_point": x_scale.zero_point,
        "y_zero_point": 0 if first else y_scale.zero_point,
        "ratio": float(ratio),
        "offset": float(y_scale.zero_point if first else 0),
        "limits": y_scale.limits,
        "inputs": [x],
        "outputs": [y],
        "name": layer.name,
        "anchor": layer.anchor,
        "rules": layer.rules,
    }
    if ties_away and isinstance(layer, Pooling) and x_scale == y_scale and not layer.count_include_pad:
        fields |= {"x_zero_point": 0, "y_zero_point": 0, "ratio": _ABOVE_ONE}
    if isinstance(layer, Pooling) and layer.function == "Average" and layer.rank < 3:
        return QuantizedAveragePooling(window=layer.window, count_include_pad=layer.count_include_pad, **fields)
    if isinstance(layer, Reduce) and layer.function == "Mean" and x.rank > 2:
        if layer.axes == tuple(range(1, x.rank - 1)) and not y_scale.zero_first:
            return QuantizedMean(**fields)
        return "its mean is not over all axes between the batch and the channels"
    return f"{layer.kind} has no form on integers"
