"""Sizes for the symbolic dimensions of seeded samples: candidates, and what the sizes that work have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tf2rust.ops.core.dims import Dim, DimExpr, bind, symbols
from tf2rust.ops.core.layer import Layer, LayerGraph
from tf2rust.ops.indexing.slice import Slice
from tf2rust.ops.shape.pad import Pad

Sizes = Mapping[str, int]

SAMPLES = 16
"""The size of a symbolic batch."""
_SIZES = (9, 33, 65, 32, 8, 16, 64, 129, 128, 224, 256, 257, 512, 513, 5, 3, 2, 4, 1)
"""Odd sizes come first: they also test the remainders of strides and windows."""
_MAX_DISTINCT = 3
"""The maximum number of symbolic dimensions that get distinct sizes."""


def batch_of(graph: LayerGraph) -> str | None:
    """The symbolic dimension that is axis 0 of all inputs and outputs, and no other axis; None if there is none."""
    values = [*graph.inputs, *(v for _, v in graph.outputs)]
    first = {v.shape[0] if v.shape else None for v in values}
    if len(first) != 1 or not isinstance(batch := next(iter(first)), DimExpr):
        return None
    if any(batch.symbols() & symbols(v.shape[1:]) for v in values):
        return None
    return str(batch)


def is_batched(graph: LayerGraph) -> bool:
    """Whether axis 0 of all inputs and outputs is the sample."""
    return batch_of(graph) is not None


def symbolic_dimensions(graph: LayerGraph) -> list[str]:
    """The names of the inputs' symbolic dimensions except for the batch, in order."""
    batch = batch_of(graph)
    found = [name for value in graph.inputs for dim in value.shape for name in sorted(symbols([dim]))]
    return [name for name in dict.fromkeys(found) if name != batch]


def candidates(graph: LayerGraph) -> Iterator[Sizes]:
    """Sizes to try for the symbolic dimensions other than the batch, the most promising first.

    The first sizes make no tensor empty (such as an image smaller than a window) and keep indices within their tables
    (such as position embeddings). With few dimensions, each size is first tried in distinct multiples, because equal
    sizes would hide that two dimensions were confused.
    """
    symbolic = symbolic_dimensions(graph)
    if not symbolic:
        yield {}
        return
    others = []
    for sizes in (sizes for size in _SIZES for sizes in _spread(symbolic, size)):
        if _suits(graph, sizes):
            yield sizes
        else:
            others.append(sizes)
    yield from others


def _spread(symbolic: Sequence[str], size: int) -> list[Sizes]:
    same = dict.fromkeys(symbolic, size)
    if not 1 < len(symbolic) <= _MAX_DISTINCT:
        return [same]
    return [{name: size * factor for factor, name in enumerate(symbolic, start=1)}, same]


def _suits(graph: LayerGraph, sizes: Sizes) -> bool:
    return all(condition.holds(sizes) is not False for condition in graph.conditions) and all(
        _layer_suits(layer, sizes) for layer in graph.layers
    )


def _layer_suits(layer: Layer, sizes: Sizes) -> bool:
    """Whether the layer can run with these sizes, as far as is known."""

    def within(dim: Dim, lowest: int) -> bool:
        try:
            known = bind(dim, sizes)
        except ZeroDivisionError:
            return False
        return isinstance(known, DimExpr) or known >= lowest

    if isinstance(layer, Slice):
        parts = zip(layer.x.shape, layer.y.shape, layer.starts, layer.steps, strict=True)
        if not all(within(size - 1 - (start + (own - 1) * max(step, 0)), 0) for size, own, start, step in parts):
            return False
    if isinstance(layer, Pad) and not all(within(p, 0) for pair in layer.padding for p in pair):
        return False
    return all(within(d, 1) for v in layer.outputs for d in v.shape)


def further(sizes: Sizes) -> Iterator[Sizes]:
    """Larger sizes than those that work: odd multiples of decreasing powers of two, to find which power must divide
    them.
    """
    size = min(sizes.values(), default=1)
    power = 1
    while size % (2 * power) == 0:
        power *= 2
    while power > 1:
        power //= 2
        yield {name: own + power for name, own in sizes.items()}


def multiple(worked: Sequence[Sizes], failed: Sequence[Sizes]) -> int | None:
    """The power of two that divides all sizes that worked, but not all sizes of any failed attempt; None if there is
    none.
    """
    power = 1 << 20
    while power > 1:
        if all(_divides(power, sizes) for sizes in worked):
            return None if any(_divides(power, sizes) for sizes in failed) else power
        power //= 2
    return None


def _divides(power: int, sizes: Sizes) -> bool:
    return all(size % power == 0 for size in sizes.values())


def in_words(sizes: Sizes) -> str:
    """``height = 9, width = 18``"""
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())
