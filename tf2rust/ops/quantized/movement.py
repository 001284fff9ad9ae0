"""Data movement on quantized integers: layers that commute with QuantizeLinear and DequantizeLinear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.image.resize import NEAREST, DynamicResize, Resize
from tf2rust.ops.indexing.gather import Gather
from tf2rust.ops.indexing.slice import Slice
from tf2rust.ops.pooling.pooling import Pooling
from tf2rust.ops.quantized.scale import Scale
from tf2rust.ops.reduction.reduce import Reduce
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.ops.shape.expand import Expand, Tile
from tf2rust.ops.shape.pad import Pad
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose


def moved_inputs(layer: Layer) -> Sequence[Value]:
    """The inputs whose elements the layer moves or chooses, without computing others; none for other layers.

    A maximum chooses: quantization keeps the order of numbers.
    """
    match layer:
        case Concatenate():
            return layer.inputs
        case Reshape() | Transpose() | Slice() | Gather() | Expand() | Tile() | Pad():
            return layer.inputs[:1]
        case Pooling(function="Max", count_include_pad=False) if layer.rank < 3:
            return layer.inputs[:1]
        case Reduce(function="Max" | "Min"):
            return layer.inputs[:1]
        case Resize(crop=None) if layer.interpolation in NEAREST.values() and not isinstance(layer, DynamicResize):
            return layer.inputs
    return ()


def on_integers(layer: Layer, inputs: Sequence[Value], scale: Scale) -> Layer | None:
    """The layer on the integers in ``inputs``; None if it adds a number that no integer stands for."""
    count = len(moved_inputs(layer))
    y = Value(f"{layer.y.name}'", inputs[0].dtype, layer.y.shape)
    moved = replace(layer, inputs=[*inputs, *layer.inputs[count:]], outputs=[y])
    if isinstance(moved, Pad) and moved.mode == "constant":
        value = scale.quantize(np.asarray(moved.value))
        if len(layer.inputs) > 1 or np.float32(int(value) - scale.zero_point) * np.float32(scale.scale) != np.float32(
            moved.value
        ):
            return None
        moved.value = float(value)
    return moved
