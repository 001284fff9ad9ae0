"""LRN, the local response normalisation of AlexNet, as existing layers."""

from __future__ import annotations

import numpy as np

from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.dims import product
from tf2rust.ops.core.inference import infers, same_shape
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.pooling.pooling import Pooling
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import wrap_channels_last

infers("LRN")(same_shape)


@rule(Op("LRN", Var("x")))
def local_response_normalization(m: Match, b: Builder) -> RuleResult:
    """x / (bias + alpha · mean of x² over ``size`` neighbouring channels)^beta, with zeros beyond the channels."""
    x, y, size = b.value(m["x"]), b.value(m.y), m.root.attr("size")
    if x.dtype != "float32":
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32)")
    first, last = wrap_channels_last(x, y, b)
    shape = first.y.shape
    layers: list[Layer] = [first]

    def binary(function: str, value: Value, constant: float | None, other: Value | None = None) -> Value:
        array = None if constant is None else np.asarray(constant, np.float32)
        out = b.temporary(value)
        inputs = [value] if other is None else [value, other]
        layers.append(Binary(function=function, constant=array, inputs=inputs, outputs=[out]))
        return out

    squares = binary("Mul", first.y, None, first.y)
    series = b.temporary(squares, (product(shape[:-1]), shape[-1], 1))
    layers.append(Reshape(inputs=[squares], outputs=[series]))
    window = Window((size,), (1,), (1,), (((size - 1) // 2, size // 2),))
    means = b.temporary(series)
    layers.append(Pooling(function="Average", window=window, count_include_pad=True, inputs=[series], outputs=[means]))
    back = b.temporary(means, shape)
    layers.append(Reshape(inputs=[means], outputs=[back]))
    scaled = binary("Mul", back, m.root.attr("alpha", 1e-4))
    moved = binary("Add", scaled, m.root.attr("bias", 1.0))
    power = binary("Pow", moved, m.root.attr("beta", 0.75))
    layers.append(Binary(function="Div", inputs=[first.y, power], outputs=[last.x]))
    return [*layers, last]
