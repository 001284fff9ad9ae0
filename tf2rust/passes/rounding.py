"""Layers round their inputs to bfloat16 by themselves.

    x ─ Round ─ Transpose ─ Conv2D     becomes     x ─ Transpose ─ Conv2D (rounds)

Only layers whose weights are numbers of bfloat16 do so. The first pass runs before fusion, because a rounding between
two layers would prevent it; layers that round refuse what would change their weights.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from tf2rust.ops.conv.conv import Conv
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.core.small_weights import FEWEST, stored
from tf2rust.ops.elementwise.unary import ROUNDING, Unary
from tf2rust.ops.linear.affine import ROUNDED, Affine
from tf2rust.ops.linear.dense import Dense
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose
from tf2rust.passes.small_weights import takes_small

_NOT_NEXT = "another layer is between it and the rounding of its input"


def round_products(graph: LayerGraph) -> None:
    """Removes roundings in front of products, which do it instead."""
    roundings = {layer.y: layer for layer in graph.layers if isinstance(layer, Unary) and layer.function == ROUNDING}
    if not roundings:
        return
    made = {value: layer for layer in graph.layers for value in layer.outputs}
    readers = Counter(value for layer in graph.walk() for value in layer.inputs)
    readers.update(value for _, value in graph.outputs)
    for layer in graph.layers:
        if not isinstance(layer, (Dense, Conv)) or not takes_small(layer) or _other_weights(layer):
            continue
        first = _first_reader(layer, made, readers)
        rounding = roundings.get(first.x)
        if rounding is None:
            continue
        first.inputs = [rounding.x, *first.inputs[1:]]
        layer.rounds = True
        readers[rounding.y] -= 1
        if not readers[rounding.y]:
            layer.nodes = rounding.nodes + layer.nodes
    unread = {layer for value, layer in roundings.items() if not readers[value]}
    graph.layers = [layer for layer in graph.layers if layer not in unread]


def store_rounded(graph: LayerGraph) -> None:
    """Stores the weights of layers that round their inputs as bfloat16."""
    for layer in graph.layers:
        if isinstance(layer, Affine) and layer.rounds:
            layer.kernel = layer.kernel.astype(ROUNDED)


def not_rounding(graph: LayerGraph, dtype: str) -> dict[Layer, str]:
    """The products with weights of ``dtype`` whose input is not rounded, with the reason as a clause."""
    products = (layer for layer in graph.walk() if isinstance(layer, Affine) and layer.kernel.dtype == dtype)
    return {layer: _NOT_NEXT for layer in products if not layer.rounds}


def _other_weights(layer: Affine) -> bool:
    """Whether a layer has few weights, or others than finite numbers of bfloat16."""
    kernel = layer.kernel
    if kernel.size < FEWEST or kernel.dtype != np.float32 or not np.isfinite(kernel).all():
        return True
    return stored(kernel, ROUNDED, kernel.ndim - 1) is None


def _first_reader(layer: Layer, made: dict[Value, Layer], readers: Counter[Value]) -> Layer:
    """The first of the layers that only move elements to ``layer``, or itself."""
    while isinstance(mover := made.get(layer.x), (Reshape, Transpose)) and readers[layer.x] == 1:
        layer = mover
    return layer
