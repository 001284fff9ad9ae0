"""The samples of ``--path_to_fv``: read, checked against the model, and converted where that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.npz import read_npz
from tf2rust.ops.core.dims import DimExpr, format_shape
from tf2rust.ops.core.layer import LayerGraph, Value

_MAX_DIFFERENCE = 1e-4
"""By how much predictions may differ from what the framework computes without being worth a note."""


@dataclass(frozen=True)
class Features:
    """Samples by input name; the ``predictions`` and ``labels`` that the file gives for them; notes on conversions."""

    path: Path
    inputs: dict[str, np.ndarray]
    predictions: np.ndarray | None
    labels: np.ndarray | None
    notes: list[str]


def read_features(path: Path, graph: LayerGraph) -> Features:
    """The arrays of ``--path_to_fv``: one for each input, by name, with as many samples each.

    Raises ConversionError for a file that is missing or no NPZ, and with every array that is missing, has another
    shape, or a dtype that does not convert without loss.
    """
    arrays = read_npz(path, "--path_to_fv wants an NPZ of features")
    reasons: list[str] = []
    notes: list[str] = []
    inputs: dict[str, np.ndarray] = {}
    sizes: dict[str, tuple[int, str]] = {}
    for value in graph.inputs:
        array = arrays.pop(value.name, None)
        if array is None:
            known = ", ".join(f"`{name}`" for name in [*inputs, *arrays]) or "nothing"
            reasons.append(f"{path} has no array `{value.name}` for the model's input of that name; it holds {known}.")
            continue
        if not _fits(array.shape, value, sizes):
            reasons.append(
                f"`{value.name}` in {path} has shape {list(array.shape)}; the model's input is "
                f"{format_shape(value.shape)}, the same sizes for the same names.{_other(array.shape, value, sizes)}"
            )
        elif 0 in [size for size, dim in zip(array.shape, value.shape, strict=True) if isinstance(dim, DimExpr)]:
            reasons.append(f"`{value.name}` in {path} has shape {list(array.shape)}, and so has no samples.")
        converted = _converted(array, value.dtype)
        if converted is None:
            reasons.append(
                f"`{value.name}` in {path} is {array.dtype.name}, the model's input {value.dtype}, and not all of its "
                f"values are whole numbers that {value.dtype} has; save it with astype({value.dtype!r})."
            )
        elif array.dtype.name != value.dtype:
            notes.append(
                f"`{value.name}` in {path} was converted from {array.dtype.name} to {value.dtype}, without loss."
            )
        inputs[value.name] = array if converted is None else converted
    samples = _samples(graph, sizes)
    labels = arrays.get("labels")
    if labels is not None and (
        labels.size != samples or labels.dtype.kind not in "iufb" or not np.all(np.isin(labels, (0, 1)))
    ):
        reasons.append(f"`labels` in {path} must be a 0 or a 1 for each of the {samples} samples.")
    if reasons:
        raise ConversionError(reasons)
    return Features(path, inputs, arrays.get("predictions"), None if labels is None else labels.reshape(-1), notes)


def _samples(graph: LayerGraph, sizes: Mapping[str, tuple[int, str]]) -> int:
    """The size of the first axis of the first input that has a free one there; 1 where none has."""
    for value in graph.inputs:
        if value.shape and (size := sizes.get(str(value.shape[0]))) is not None:
            return size[0]
    return 1


def _converted(array: np.ndarray, dtype: str) -> np.ndarray | None:
    """``array`` as ``dtype`` if it has that dtype, or if it holds whole numbers all of which the dtype has."""
    if array.dtype.name == dtype:
        return np.asarray(array, dtype=dtype, order="C")  # in the machine's own byte order
    if array.dtype.kind not in "iufb":
        return None
    if array.dtype.kind == "f" and not np.all(np.isfinite(array) & (array == np.trunc(array))):
        return None
    if not _in_range(array, np.dtype(dtype)):
        return None
    with np.errstate(over="ignore"):
        converted = array.astype(dtype)
        same = np.array_equal(converted.astype(array.dtype), array)
    return np.asarray(converted, order="C") if same else None


def _in_range(array: np.ndarray, dtype: np.dtype) -> bool:
    """Whether no cast to the integers ``dtype``, and none back from floats, leaves their range."""
    if dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        return limits.min <= int(array.min()) and int(array.max()) <= limits.max
    if array.dtype.kind in "iu" and array.size:
        # The largest integers round to the power of two above, which casts back to anything.
        return int(array.astype(dtype).max()) <= np.iinfo(array.dtype).max
    return True


def _fits(shape: Sequence[int], value: Value, sizes: dict[str, tuple[int, str]]) -> bool:
    if len(shape) != value.rank:
        return False
    for size, dim in zip(shape, value.shape, strict=True):
        wanted = dim if isinstance(dim, int) else sizes.setdefault(str(dim), (size, value.name))[0]
        if size != wanted:
            return False
    return True


def _other(shape: Sequence[int], value: Value, sizes: Mapping[str, tuple[int, str]]) -> str:
    """Which input a symbolic dimension already has another size in."""
    for size, dim in zip(shape, value.shape, strict=False):
        first, name = sizes.get(str(dim), (size, value.name))
        if first != size and name != value.name:
            return f" In `{name}` {dim} is {first}."
    return ""


def check_predictions(features: Features, outputs: Mapping[str, np.ndarray], column: int | None) -> list[str]:
    """Notes on where ``predictions`` in the file are not what the reference framework computes now.

    ``column`` is the one that holds the score where the output has two and the file gives the score alone. Raises
    ConversionError if there are more or fewer predictions than the model gives.
    """
    if features.predictions is None or len(outputs) != 1:
        return []
    given, path = features.predictions, features.path
    (computed,) = outputs.values()
    if column is not None and given.size == computed.shape[0] != computed.size:
        computed = computed[:, column]
    if given.size != computed.size or given.dtype.kind not in "iufb":
        raise ConversionError(
            f"`predictions` in {path} has shape {list(given.shape)} and dtype {given.dtype.name} where the model gives "
            f"{list(computed.shape)} numbers for the samples; save what it predicts of them, or leave it out."
        )
    given = given.reshape(computed.shape).astype(np.float64)
    same = (given == computed) | (np.isnan(given) & np.isnan(computed.astype(np.float64)))
    with np.errstate(invalid="ignore"):
        distance = np.where(same, 0.0, np.abs(given - computed))
    if (unlike := np.count_nonzero(~np.isfinite(distance))) > 0:
        return [f"`predictions` in {path} are NaN or infinite in {unlike} places where the model's are not now."]
    largest = float(np.max(distance, initial=0.0))
    if not largest > _MAX_DIFFERENCE:
        return []
    return [f"`predictions` in {path} differ by up to {largest:.1e} from what the model computes now."]
