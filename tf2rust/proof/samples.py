"""The samples on which a conversion is proven where the user gives none: seeded ones that suit the model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tf2rust.ops.cast import Cast
from tf2rust.ops.control import Repeat
from tf2rust.ops.core.dims import Expr, bind, symbols
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.pad import Pad
from tf2rust.ops.reshape import Reshape
from tf2rust.ops.slice import Slice
from tf2rust.ops.transpose import Transpose

SEED = 20_240_229
SAMPLES = 16
_FREE_SIZES = (9, 33, 65, 129, 257, 513, 5, 3, 1)  # of free dimensions other than the batch: the first that suits
_LARGEST_FEATURES = 1 << 20  # elements of seeded features; large inputs get fewer samples


def is_batched(graph: LayerGraph) -> bool:
    """Whether axis 0 of all inputs and outputs is one and the same free dimension, and no other axis is."""
    values = [*graph.inputs, *(v for _, v in graph.outputs)]
    first = {v.shape[0] if v.shape else None for v in values}
    if len(first) != 1 or not isinstance(batch := next(iter(first)), Expr):
        return False
    return not any(batch.symbols() & symbols(v.shape[1:]) for v in values)


def seeded_inputs(graph: LayerGraph) -> dict[str, np.ndarray]:
    """Random inputs, always the same: indices within their tables, other integers small, floats standard normal."""
    rng = np.random.default_rng(SEED)
    free = _free_size(graph)
    width = sum(_elements(v, free) for v in graph.inputs)
    samples = max(2, min(SAMPLES, _LARGEST_FEATURES // max(width, 1)))
    tables = _index_limits(graph, free)
    batched = is_batched(graph)
    arrays = {}
    for value in graph.inputs:
        shape = tuple(
            d if isinstance(d, int) else samples if axis == 0 and batched else free
            for axis, d in enumerate(value.shape)
        )
        arrays[value.name] = _random(rng, value.dtype, shape, tables.get(value))
    return arrays


def _free_size(graph: LayerGraph) -> int:
    """The first size with which no tensor of the model is empty, as images are that windows do not fit into, and no
    layer takes more than there is, as of a table of positions.
    """
    free = {name for value in graph.inputs for name in symbols(value.shape)}
    for size in _FREE_SIZES:
        sizes = dict.fromkeys(free, size)
        if all(_suits(layer, sizes) for layer in graph.layers):
            return size
    return _FREE_SIZES[0]


def _suits(layer: Layer, sizes: Mapping[str, int]) -> bool:
    """Whether nothing is known that the layer lacks if the free dimensions have these sizes."""

    def within(dim: int | Expr, lowest: int) -> bool:
        known = bind(dim, sizes)
        return isinstance(known, Expr) or known >= lowest

    if isinstance(layer, Slice):
        parts = zip(layer.x.shape, layer.y.shape, layer.starts, layer.steps, strict=True)
        if not all(within(size - 1 - (start + (own - 1) * max(step, 0)), 0) for size, own, start, step in parts):
            return False
    if isinstance(layer, Pad) and not all(within(p, 0) for pair in layer.padding for p in pair):
        return False
    return all(within(d, 1) for v in layer.outputs for d in v.shape)


def _elements(value: Value, free: int) -> int:
    return int(np.prod([d if isinstance(d, int) else free for d in value.shape[1:]], dtype=object))


def _random(rng: np.random.Generator, dtype: str, shape: Sequence[int], limit: int | None) -> np.ndarray:
    if limit is not None:
        return rng.integers(0, limit, shape).astype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0, 8, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def _index_limits(graph: LayerGraph, free: int) -> dict[Value, int]:
    """The smallest axis that each input's elements index, where that is known."""
    readers = graph.consumers()
    limits: dict[Value, int] = {}
    for source in graph.inputs:
        waiting = [source]
        while waiting:
            value = waiting.pop()
            for layer in readers.get(value, []):
                for i, size in layer.index_limits().items():
                    if layer.inputs[i] is value:
                        known = size if isinstance(size, int) else free
                        limits[source] = min(limits.get(source, known), known)
                if isinstance(layer, (Cast, Reshape, Transpose)):
                    waiting += layer.outputs
                inner = (
                    zip(layer.body.inputs, layer.inputs, strict=False)
                    if isinstance(layer, Repeat)
                    else layer.captured()
                )
                waiting += [own for own, given in inner if given is value]
    return limits
