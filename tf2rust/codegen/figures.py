"""The size and the work of each layer: parameters, multiply-adds, bytes of weights and of outputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from tf2rust.codegen.model import Model
from tf2rust.codegen.weights import WeightTable
from tf2rust.ops.control.layers import If, Loop
from tf2rust.ops.core.dims import size_at
from tf2rust.ops.core.layer import Layer, LayerGraph, Value


@dataclass(frozen=True)
class Figures:
    """The figures of a layer, or the totals of a model.

    ``parameters`` counts the numbers that the crate stores. Passes fuse layers, so a BatchNormalization after a
    convolution has none. ``weight_bytes`` is their size as packed for the kernels. ``multiply_adds`` counts products
    with kernels and between tensors, as papers do, but no work per element. ``output_bytes`` is the size of the
    results.
    """

    parameters: int
    multiply_adds: int
    weight_bytes: int
    output_bytes: int


def sizes_of_one_sample(symbolic: Iterable[str], sizes: Mapping[str, int]) -> dict[str, int]:
    """A size for every symbolic dimension: that in ``sizes``, otherwise 1, as for the batch."""
    return {name: sizes.get(name, 1) for name in symbolic}


def layer_figures(weights: WeightTable, layer: Layer, sizes: Mapping[str, int]) -> Figures:
    """The figures of one layer for these sizes of the symbolic dimensions. Those of a loop or an If include its bodies;
    a loop multiplies the work of its body by its largest number of steps, or 1 if that depends on data.
    """
    inner = [layer, *(inner for body in layer.bodies() for inner in body.walk())]
    own = {entry.key: entry for part in inner for entry in weights.of_layer(part).values()}.values()
    return Figures(
        sum(entry.array.size for entry in own),
        _multiply_adds(layer, sizes),
        sum(entry.packed_bytes for entry in own),
        sum(value_bytes(value, sizes) for value in layer.outputs),
    )


def total_figures(weights: WeightTable, graph: LayerGraph, sizes: Mapping[str, int]) -> Figures:
    """The totals of a model. Weights that several layers share count once; the outputs are those of the model."""
    return Figures(
        sum(entry.array.size for entry in weights.entries),
        sum(_multiply_adds(layer, sizes) for layer in graph.layers),
        sum(entry.packed_bytes for entry in weights.entries),
        sum(value_bytes(value, sizes) for _, value in graph.outputs),
    )


def value_bytes(value: Value, sizes: Mapping[str, int]) -> int:
    """The size of a tensor in bytes; a string counts as the 8 bytes of its index."""
    return prod(size_at(dim, sizes) for dim in value.shape) * np.dtype(value.dtype).itemsize


def workspace_bytes(model: Model, graph: LayerGraph, sizes: Mapping[str, int]) -> int:
    """The memory for intermediate results in bytes: every buffer at its largest tensor, and the largest scratch memory
    of a layer.
    """
    buffers: dict[int, int] = {}
    for value, allocation in model.plan.allocations.items():
        if allocation.buffer is not None:
            size = value_bytes(value, sizes)
            buffers[allocation.buffer] = max(buffers.get(allocation.buffer, 0), size)
    scratch = max((size_at(layer.scratch_size(), sizes) for layer in graph.walk()), default=0)
    return sum(buffers.values()) + scratch * np.dtype(np.float32).itemsize


def _multiply_adds(layer: Layer, sizes: Mapping[str, int]) -> int:
    own = size_at(layer.multiply_adds(), sizes)
    bodies = [sum(_multiply_adds(inner, sizes) for inner in body.layers) for body in layer.bodies()]
    if isinstance(layer, Loop):
        return own + sum(bodies) * (1 if layer.steps is None else size_at(layer.steps, sizes))
    return own + (max(bodies) if isinstance(layer, If) else sum(bodies))
