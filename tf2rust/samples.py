"""The samples on which a conversion is proven: the user's, or seeded ones that suit the model."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.ops.cast import Cast
from tf2rust.ops.core.dims import Expr, format_shape, symbols
from tf2rust.ops.core.layer import LayerGraph, Value
from tf2rust.ops.embedding import Embedding
from tf2rust.ops.reshape import Reshape

SEED = 20_240_229
SAMPLES = 16
_FREE_SIZE = 9  # of free dimensions other than the batch
_LARGEST_FEATURES = 1 << 22  # elements of seeded features; large inputs get fewer samples


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
    width = sum(_elements(v) for v in graph.inputs)
    samples = max(2, min(SAMPLES, _LARGEST_FEATURES // max(width, 1)))
    tables = _index_limits(graph)
    batched = is_batched(graph)
    arrays = {}
    for value in graph.inputs:
        shape = tuple(
            d if isinstance(d, int) else samples if axis == 0 and batched else _FREE_SIZE for axis, d in enumerate(value.shape)
        )
        arrays[value.name] = _random(rng, value.dtype, shape, tables.get(value))
    return arrays


def _elements(value: Value) -> int:
    return int(np.prod([d if isinstance(d, int) else _FREE_SIZE for d in value.shape[1:]], dtype=object))


def _random(rng: np.random.Generator, dtype: str, shape: Sequence[int], limit: int | None) -> np.ndarray:
    if limit is not None:
        return rng.integers(0, limit, shape).astype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0, 8, shape).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def _index_limits(graph: LayerGraph) -> dict[Value, int]:
    """The smallest table that each input's elements index."""
    readers = graph.consumers()
    limits: dict[Value, int] = {}
    for source in graph.inputs:
        waiting = [source]
        while waiting:
            for layer in readers.get(waiting.pop(), []):
                if isinstance(layer, Embedding):
                    rows = len(layer.table) - (layer.outside == "row")
                    limits[source] = min(limits.get(source, rows), rows)
                elif isinstance(layer, (Cast, Reshape)):
                    waiting += layer.outputs
    return limits


def read_features(path: Path, graph: LayerGraph) -> dict[str, np.ndarray]:
    """The arrays of ``--path_to_fv``: one for each input, by name, with as many samples each.

    Raises ConversionError for a missing file or array, a wrong shape or a wrong dtype.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise ConversionError(f"There is no file {path}; --path_to_fv wants an NPZ of features.") from None
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, AttributeError) as error:
        raise ConversionError(f"{path} is not a readable NPZ file; write it with numpy.savez.") from error
    reasons = []
    sizes: dict[str, tuple[int, str]] = {}
    for value in graph.inputs:
        if value.name not in arrays:
            known = ", ".join(f"`{name}`" for name in arrays) or "nothing"
            reasons.append(f"{path} has no array `{value.name}` for the model's input of that name; it holds {known}.")
            continue
        array = arrays[value.name]
        if array.dtype.name != value.dtype:
            reasons.append(f"`{value.name}` in {path} is {array.dtype.name}; the model's input is {value.dtype}. Save it with that dtype.")
        if not _fits(array.shape, value, sizes):
            reasons.append(
                f"`{value.name}` in {path} has shape {list(array.shape)}; the model's input is {format_shape(value.shape)}, "
                "the same sizes for the same names."
            )
        elif array.size == 0:
            reasons.append(f"`{value.name}` in {path} has no samples.")
    if reasons:
        raise ConversionError(reasons)
    return {v.name: np.ascontiguousarray(arrays[v.name]) for v in graph.inputs}


def _fits(shape: Sequence[int], value: Value, sizes: dict[str, tuple[int, str]]) -> bool:
    if len(shape) != value.rank:
        return False
    for size, dim in zip(shape, value.shape, strict=True):
        wanted = dim if isinstance(dim, int) else sizes.setdefault(str(dim), (size, value.name))[0]
        if size != wanted:
            return False
    return True


def read_predictions(path: Path, outputs: Mapping[str, np.ndarray]) -> list[str]:
    """Notes on where ``predictions`` in the file are not what the reference framework computes now."""
    with np.load(path, allow_pickle=False) as archive:
        if "predictions" not in archive.files or len(outputs) != 1:
            return []
        given = archive["predictions"]
    (computed,) = outputs.values()
    if given.size != computed.size:
        return [f"`predictions` in {path} has {given.size} numbers where the model gives {computed.size}; they were computed anew."]
    distance = float(np.max(np.abs(given.reshape(computed.shape).astype(np.float64) - computed), initial=0.0))
    return [f"`predictions` in {path} differ by up to {distance:.1e} from what the model computes now."] if distance > 1e-4 else []
