"""Tiles: some rows of a batch go through all layers before the next do, and what is between layers stays in the cache.

An interpreter runs each layer over the whole batch, whose intermediate results soon leave the level-2 cache. Generated
code need not, where it can be shown from the layers and the shapes that no row depends on another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dims import Expr, bind, product, symbols
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.core.packing import VECTOR
from tf2rust.planning.buffers import Plan, plan

_RESIDENT_BYTES = 1 << 19
"""A kernel that stays in the level-2 cache beside a tile."""
_ROWS_FOR_RESIDENT, _ROWS_FOR_OTHER = 8, 64
"""With so many rows of a matrix for each reading of a kernel, from the level-2 cache or from beyond, the product takes
longer than the reading."""
_THREAD_WORK = 1 << 19
"""Multiply-adds for which it is worth waking a thread: some microseconds."""
_SPLIT_WORK = 1 << 21
"""Multiply-adds of a layer that tf-layers parts among threads."""
_USUAL = 64
"""The size of free dimensions other than the batch where sizes are to be compared."""


@dataclass(frozen=True)
class Tiling:
    """How a model's batch is cut.

    ``row_bytes`` is what a row takes in inputs, outputs and workspace; ``least`` the rows for which reading the kernels
    pays; ``thread_rows`` those for which a thread pays, ``split_rows`` those for which one layer is worth several.
    """

    batch: str
    row_bytes: int | Expr
    least: int
    thread_rows: int
    split_rows: int


def tiling(graph: LayerGraph) -> Tiling | None:
    """How the batch is cut; None where there is none, or where it is not known that no row depends on another."""
    name = _batch(graph)
    if name is None or not _rows_are_independent(graph, name):
        return None
    batch = Expr.symbol(name)

    def per_row(size: int | Expr) -> int | Expr:
        return size // batch if isinstance(size, Expr) and name in size.symbols() else 0

    # The same tiles, and so the same sums, whatever the user chooses about memory.
    row_bytes = _row_bytes(graph, plan(graph, inplace=True, memdrop=True), per_row)
    sizes = [_kernel_elements(layer) for layer in graph.layers]
    wanted = sum(n * (_ROWS_FOR_OTHER if n * 4 > _RESIDENT_BYTES else _ROWS_FOR_RESIDENT) for n in sizes)
    works = [n * _usual(per_row(layer.kernel_rows())) for n, layer in zip(sizes, graph.layers, strict=True)]
    work = sum(works)
    fewest = math.ceil(wanted / work) if work else 1
    least = 1 << (fewest - 1).bit_length()  # Batches are powers of two more often than not.
    thread_rows = math.ceil(_THREAD_WORK / max(work + _usual(row_bytes), 1))
    return Tiling(name, row_bytes, least, thread_rows, math.ceil(_SPLIT_WORK / max([*works, 1])))


def _batch(graph: LayerGraph) -> str | None:
    """The free dimension that is the first of every input."""
    first = {v.shape[0] if v.shape else 1 for v in graph.inputs}
    dim = first.pop() if len(first) == 1 else 1
    name = str(dim)
    return name if isinstance(dim, Expr) and dim == Expr.symbol(name) else None


def _has_rows(value: Value, batch: str) -> bool:
    """Whether the first axis is the batch or a multiple of it, and no other has to do with it."""
    if not value.shape or batch in symbols(value.shape[1:]) or not isinstance(first := value.shape[0], Expr):
        return False
    factor = first // Expr.symbol(batch)
    return factor * Expr.symbol(batch) == first and batch not in symbols([factor])


def _rows_are_independent(graph: LayerGraph, batch: str) -> bool:
    values = [*graph.inputs, *(v for layer in graph.layers for v in layer.outputs)]
    by_row = {v: _has_rows(v, batch) for v in values}
    if any(not rows and batch in symbols(v.shape) for v, rows in by_row.items()):
        return False
    for layer in graph.layers:
        before = [by_row[v] for v in layer.inputs]
        after = {by_row[v] for v in layer.outputs}
        # What has no rows is the same for all of them, if it is not made of rows.
        if not (layer.is_rowwise(before) if after == {True} else after == {False} and not any(before)):
            return False
    return all(by_row[v] for v in [*graph.inputs, *(v for _, v in graph.outputs)])


def _row_bytes(graph: LayerGraph, memory: Plan, per_row: Callable[[int | Expr], int | Expr]) -> int | Expr:
    """A row of every input, output and buffer, and of the scratch memory; of a buffer, of the largest it ever holds."""

    def row(value: Value) -> int | Expr:
        return per_row(product(value.shape)) * np.dtype(value.dtype).itemsize

    held: dict[int, list[int | Expr]] = {}
    for value, place in memory.places.items():
        if place.buffer is not None:
            held.setdefault(place.buffer, []).append(row(value))
    scratch = [per_row(layer.scratch_size()) * 4 for layer in graph.layers]
    total: int | Expr = max(scratch, key=_usual, default=0)
    for sizes in held.values():
        total = total + max(sizes, key=_usual)
    for value in dict.fromkeys([*graph.inputs, *(v for _, v in graph.outputs)]):
        total = total + row(value)
    return total


def _kernel_elements(layer: Layer) -> int:
    """The numbers in the matrices that the layer multiplies with."""
    return sum(weight.array.size for weight in layer.weights() if weight.packing != VECTOR)


def _usual(dim: int | Expr) -> int:
    size = bind(dim, dict.fromkeys(symbols([dim]), _USUAL))
    assert isinstance(size, int)
    return size
