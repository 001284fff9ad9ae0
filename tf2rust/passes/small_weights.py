"""Layers whose large weights were rounded store them in the dtype that they were rounded to.

The passes run last, after all fusions. They recognise rounded weights by their values, so a layer whose weights another
pass has changed keeps float32.
"""

from __future__ import annotations

import numpy as np

from tf2rust.ops.conv.conv import Conv
from tf2rust.ops.core.layer import Layer, LayerGraph
from tf2rust.ops.core.small_weights import FEWEST, stored
from tf2rust.ops.indexing.embedding import Embedding
from tf2rust.ops.linear.dense import Dense
from tf2rust.ops.quantized.products import integers_of
from tf2rust.ops.quantized.scale import int8_kernel

_FUSED = "another layer is a part of its weights"
_WINOGRAD = "it uses Winograd's algorithm, which needs float32 weights"
_FEWEST_OF_WINOGRAD = 1 << 16
"""The fewest numbers of a kernel that is stored small although Winograd's algorithm would be faster."""


def store_small(graph: LayerGraph, dtype: str) -> tuple[list[Layer], dict[Layer, str]]:
    """Replaces the float32 weights of layers by numbers of ``dtype``.

    Returns the layers that store small weights, and for each other layer with enough weights the reason as a clause.
    """
    small, reasons = [], {}
    for layer in graph.walk():
        reason = _store(layer, dtype)
        if reason:
            reasons[layer] = reason
        elif any(weight.array.dtype == dtype for weight in layer.weights()):
            small.append(layer)
    return small, reasons


def keep_integers(graph: LayerGraph) -> None:
    """Stores the kernels of quantized models as int8 in layers that compute in float32, if the models have them so."""
    for layer in graph.layers:
        if not isinstance(layer, (Dense, Conv)) or layer.scales is None or not takes_small(layer):
            continue
        if layer.kernel.dtype == np.float32 and layer.kernel.size >= FEWEST and not _gains_by_floats(layer):
            integers = integers_of(layer.kernel, layer.scales)
            if integers is not None and (parts := int8_kernel(integers)) is not None and parts[1] is None:
                layer.kernel = parts[0]


def _gains_by_floats(layer: Dense | Conv) -> bool:
    return isinstance(layer, Conv) and layer.winograd and layer.kernel.size < _FEWEST_OF_WINOGRAD


def takes_small(layer: Dense | Conv) -> bool:
    """Whether the layer can have a kernel of another dtype than float32."""
    return isinstance(layer, Dense) or (layer.rank < 3 and not layer.depthwise)


def _store(layer: Layer, dtype: str) -> str:
    """Stores the weights of one layer, or returns the reason why it does not."""
    if isinstance(layer, Embedding):
        found = stored(layer.table, dtype, 0) if layer.table.size >= FEWEST else None
        if found is not None:
            layer.table, layer.scales = found
        return _FUSED if found is None and layer.table.size >= FEWEST else ""
    if isinstance(layer, (Dense, Conv)) and takes_small(layer):
        kernel = layer.kernel
        if kernel.dtype != np.float32 or kernel.size < FEWEST:
            return ""
        if _gains_by_floats(layer):
            return _WINOGRAD
        found = stored(kernel, dtype, kernel.ndim - 1)
        if found is None:
            return _FUSED
        layer.kernel, layer.scales = found
        return ""
    large = [w for w in layer.weights() if w.array.dtype == np.float32 and w.array.size >= FEWEST]
    return f"{layer.kind} computes with float32 weights" if large else ""
