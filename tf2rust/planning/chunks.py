"""Batch chunks: some rows of a batch run through all layers before the next rows, so that intermediates stay in cache.

An interpreter runs each layer over the whole batch, and the intermediate results soon leave the level-2 cache.
Generated code can run the batch in chunks if the layers and shapes show that no row depends on another.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dims import Dim, DimExpr, bind, product, symbols
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.core.packing import VECTOR
from tf2rust.planning.buffers import Plan, plan

_RESIDENT_BYTES = 1 << 19
"""The largest kernel that stays in the level-2 cache together with a chunk."""
_ROWS_FOR_RESIDENT, _ROWS_FOR_OTHER = 8, 64
"""With this many matrix rows per read of a kernel, from the level-2 cache or from beyond, computing the product takes
longer than reading the kernel."""
_THREAD_WORK = 1 << 19
"""Multiply-adds that justify waking a thread: some microseconds."""
_SPLIT_WORK = 1 << 21
"""Multiply-adds of a layer that tf-layers splits among threads."""
_USUAL = 64
"""The size assumed for symbolic dimensions other than the batch when sizes are compared."""


@dataclass(frozen=True)
class Chunking:
    """How a model's batch is split into chunks.

    ``row_bytes`` is the size of one row in inputs, outputs and workspace. ``min_rows`` is the number of rows that
    amortises reading the kernels, ``thread_rows`` the number that justifies a thread, and ``split_rows`` the number for
    which one layer is worth several threads.
    """

    batch: str
    row_bytes: Dim
    min_rows: int
    thread_rows: int
    split_rows: int


def chunking(graph: LayerGraph) -> Chunking | None:
    """How to split the batch; None if there is no batch, or if rows may depend on each other."""
    name = _batch(graph)
    if name is None or not _rows_are_independent(graph, name):
        return None
    batch = DimExpr.symbol(name)

    def per_row(size: Dim) -> Dim:
        return size // batch if isinstance(size, DimExpr) and name in size.symbols() else 0

    # The memory options must not change the chunks, and so not the sums.
    row_bytes = _row_bytes(graph, plan(graph, inplace=True, memdrop=True), per_row)
    sizes = [_kernel_elements(layer) for layer in graph.layers]
    widths = [_kernel_bytes(layer) for layer in graph.layers]
    wanted = sum(
        n * (_ROWS_FOR_OTHER if width > _RESIDENT_BYTES else _ROWS_FOR_RESIDENT)
        for n, width in zip(sizes, widths, strict=True)
    )
    works = [n * _usual(per_row(layer.gemm_rows())) for n, layer in zip(sizes, graph.layers, strict=True)]
    work = sum(works)
    fewest = math.ceil(wanted / work) if work else 1
    min_rows = 1 << (fewest - 1).bit_length()  # Batch sizes are usually powers of two.
    thread_rows = math.ceil(_THREAD_WORK / max(work + _usual(row_bytes), 1))
    return Chunking(name, row_bytes, min_rows, thread_rows, math.ceil(_SPLIT_WORK / max([*works, 1])))


def _batch(graph: LayerGraph) -> str | None:
    """The symbolic dimension that is the first axis of every input, or None."""
    first = {v.shape[0] if v.shape else 1 for v in graph.inputs}
    dim = first.pop() if len(first) == 1 else 1
    name = str(dim)
    return name if isinstance(dim, DimExpr) and dim == DimExpr.symbol(name) else None


def _has_rows(value: Value, batch: str) -> bool:
    """Whether the first axis is the batch or a multiple of it, and no other axis depends on the batch."""
    if not value.shape or batch in symbols(value.shape[1:]) or not isinstance(first := value.shape[0], DimExpr):
        return False
    factor = first // DimExpr.symbol(batch)
    return factor * DimExpr.symbol(batch) == first and batch not in symbols([factor])


def _rows_are_independent(graph: LayerGraph, batch: str) -> bool:
    values = [*graph.inputs, *(v for layer in graph.layers for v in layer.outputs)]
    batched = {v: _has_rows(v, batch) for v in values}
    if any(not rows and batch in symbols(v.shape) for v, rows in batched.items()):
        return False
    for layer in graph.layers:
        before = [batched[v] for v in layer.inputs]
        after = {batched[v] for v in layer.outputs}
        # A value without a batch axis is shared by all rows, provided that it is not computed from them.
        if not (layer.is_batch_independent(before) if after == {True} else after == {False} and not any(before)):
            return False
    return all(batched[v] for v in [*graph.inputs, *(v for _, v in graph.outputs)])


def _row_bytes(graph: LayerGraph, memory: Plan, per_row: Callable[[Dim], Dim]) -> Dim:
    """The bytes of one row in all inputs, outputs, scratch memory and buffers (each at its largest tensor)."""

    def row(value: Value) -> Dim:
        return per_row(product(value.shape)) * np.dtype(value.dtype).itemsize

    held: dict[int, list[Dim]] = {}
    for value, allocation in memory.allocations.items():
        if allocation.buffer is not None:
            held.setdefault(allocation.buffer, []).append(row(value))
    scratch = [per_row(layer.scratch_size()) * 4 for layer in graph.layers]
    total: Dim = max(scratch, key=_usual, default=0)
    for sizes in held.values():
        total = total + max(sizes, key=_usual)
    for value in dict.fromkeys([*graph.inputs, *(v for _, v in graph.outputs)]):
        total = total + row(value)
    return total


def _kernel_elements(layer: Layer) -> int:
    """The number of elements in the layer's packed kernels."""
    return sum(weight.array.size for weight in layer.weights() if weight.packing != VECTOR)


def _kernel_bytes(layer: Layer) -> int:
    """The size of these elements."""
    return sum(weight.array.nbytes for weight in layer.weights() if weight.packing != VECTOR)


def _usual(dim: Dim) -> int:
    size = bind(dim, dict.fromkeys(symbols([dim]), _USUAL))
    assert isinstance(size, int)
    return size
