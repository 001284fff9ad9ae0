"""The samples of ``--path_to_fv``: read, checked against the model, and converted if the conversion is lossless."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.npz import read_npz
from tf2rust.ops.core.dims import Dim, DimExpr, format_shape, symbols
from tf2rust.ops.core.dtypes import NARROW, TEXT, from_stored, is_float, stored_dtype
from tf2rust.ops.core.inference import texts
from tf2rust.ops.core.layer import LayerGraph, Stream, Value

ONLY_INPUT = ""
"""The name of an array for the only input of a model; no input has this name itself."""
_MAX_DIFFERENCE = 1e-4
"""Predictions that differ by at most this much from the framework's outputs need no note."""


@dataclass(frozen=True)
class Features:
    """Samples by input name, the file's ``predictions`` and ``labels`` for them, and notes on conversions."""

    path: Path
    inputs: dict[str, np.ndarray]
    predictions: np.ndarray | None
    labels: np.ndarray | None
    notes: list[str]


def read_features(path: Path, graph: LayerGraph) -> Features:
    """Reads the arrays of ``--path_to_fv``: one for each input, by name, with equally many samples. For a model with
    states, axis 0 of every array is the step.

    Raises ConversionError if the file does not exist or is not an NPZ file, and with every array that is missing, has
    another shape, or has a dtype that cannot be converted without loss.
    """
    return check_features(read_npz(path, "--path_to_fv expects an NPZ file of features"), path, graph)


def check_features(arrays: dict[str, np.ndarray], path: Path, graph: LayerGraph) -> Features:
    """The samples in ``arrays``, which come from ``path``. Raises ConversionError as :func:`read_features` does."""
    reasons: list[str] = []
    notes: list[str] = []
    inputs: dict[str, np.ndarray] = {}
    sizes: dict[str, tuple[int, str]] = {}
    given = _whole_sequences(graph, graph.stream) if graph.stream is not None else _steps_of(graph)
    if len(given) == 1 and ONLY_INPUT in arrays:
        arrays[given[0].name] = arrays.pop(ONLY_INPUT)
    for value in given:
        array = arrays.pop(value.name, None)
        if array is None:
            names = [f"`{name}`" if name != ONLY_INPUT else "an array without a name" for name in [*inputs, *arrays]]
            known = ", ".join(names) or "nothing"
            reasons.append(f"{path} has no array for the model's input `{value.name}`; it contains {known}.")
            continue
        if not _fits(array.shape, value, sizes):
            reasons.append(
                f"`{value.name}` in {path} has shape {list(array.shape)}, but the model's input is "
                f"{format_shape(value.shape)}, where the same name means the same "
                f"size.{_other(array.shape, value, sizes)}"
            )
        elif 0 in [size for size, dim in zip(array.shape, value.shape, strict=True) if isinstance(dim, DimExpr)]:
            reasons.append(f"`{value.name}` in {path} has shape {list(array.shape)}, which contains no samples.")
        array = from_stored(array, value.dtype)
        converted = lossless(array, value.dtype)
        if converted is None and value.dtype == TEXT:
            reasons.append(
                f"`{value.name}` in {path} is {array.dtype.name}, but the model's input contains strings; save an "
                "array of NumPy's dtype `str`."
            )
        elif converted is None:
            reasons.append(
                f"`{value.name}` in {path} is {array.dtype.name}, but the model's input is {value.dtype}, and not "
                f"all values are integers in the range of {value.dtype}; save the array with "
                f"{saved_as(value.dtype)}."
            )
        elif array.dtype.name != value.dtype != TEXT:
            notes.append(
                f"`{value.name}` in {path} was converted from {array.dtype.name} to {value.dtype}, without loss."
            )
        inputs[value.name] = array if converted is None else converted
    if graph.stream is not None and not reasons:
        inputs = dict(_chunks(inputs, graph, graph.stream, path, reasons))
    samples = _samples(given, sizes)
    labels = arrays.get("labels")
    if labels is not None and (
        labels.size != samples or labels.dtype.kind not in "iufb" or not np.all(np.isin(labels, (0, 1)))
    ):
        reasons.append(f"`labels` in {path} must be a 0 or a 1 for each of the {samples} samples.")
    if reasons:
        raise ConversionError(reasons)
    return Features(path, inputs, arrays.get("predictions"), None if labels is None else labels.reshape(-1), notes)


def _steps_of(graph: LayerGraph) -> list[Value]:
    """The inputs in the file; those of a model with states have the step as axis 0."""
    if not graph.states:
        return graph.inputs
    step = _new_dimension(graph, "steps")
    return [Value(v.name, v.dtype, (step, *v.shape)) for v in graph.given_inputs()]


def _new_dimension(graph: LayerGraph, wanted: str) -> Dim:
    """A symbolic dimension that no input has."""
    taken = symbols(dim for value in graph.inputs for dim in value.shape)
    return DimExpr.symbol(next(name for i in count() if (name := f"{wanted}_{i}" if i else wanted) not in taken))


def _whole_sequences(graph: LayerGraph, stream: Stream) -> list[Value]:
    """The inputs of a model that takes a sequence in chunks, with the whole sequence."""
    time = DimExpr.symbol(stream.dimension) if stream.dimension else _new_dimension(graph, "time")
    return [
        Value(v.name, v.dtype, (*v.shape[: stream.axes[v.name]], time, *v.shape[stream.axes[v.name] + 1 :]))
        for v in graph.given_inputs()
    ]


def _chunks(
    inputs: Mapping[str, np.ndarray], graph: LayerGraph, stream: Stream, path: Path, reasons: list[str]
) -> Iterator[tuple[str, np.ndarray]]:
    """The sequences as chunks of one step, or of the size that time is bound to. Adds reasons if they do not fit."""
    for value in graph.given_inputs():
        array, axis = inputs[value.name], stream.axes[value.name]
        size = value.shape[axis]
        chunk = size if isinstance(size, int) else 1
        if array.shape[axis] % chunk:
            reasons.append(
                f"`{value.name}` in {path} has the length {array.shape[axis]}, which is not a multiple of {chunk}, the "
                "size of a chunk."
            )
        else:
            yield value.name, np.stack(np.split(array, array.shape[axis] // chunk, axis=axis))


def _samples(inputs: Sequence[Value], sizes: Mapping[str, tuple[int, str]]) -> int:
    """The first axis of the first input that has a symbolic one; 1 if there is none."""
    for value in inputs:
        if value.shape and (size := sizes.get(str(value.shape[0]))) is not None:
            return size[0]
    return 1


def lossless(array: np.ndarray, dtype: str) -> np.ndarray | None:
    """``array`` as ``dtype`` if it has that dtype, or if all its values are integers in the range of that dtype."""
    if dtype == TEXT:
        return texts(array) if array.dtype.kind == "U" else None
    if array.dtype.name == dtype:
        return np.asarray(array, dtype=dtype, order="C")  # in native byte order
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


def saved_as(dtype: str) -> str:
    """The methods that turn an array into one that a file can hold."""
    stored = stored_dtype(dtype)
    if stored == dtype:
        return f"astype({dtype!r})"
    return f"astype({dtype!r}).view({stored!r})" if is_float(dtype) else f"astype({stored!r})"


def _in_range(array: np.ndarray, dtype: np.dtype) -> bool:
    """Whether all values are in the range of the integers ``dtype``, also after a cast from floats."""
    if dtype.kind in "iu" and array.size:
        limits = np.iinfo(dtype)
        return limits.min <= int(array.min()) and int(array.max()) <= limits.max
    if array.dtype.kind in "iu" and array.size and dtype.name not in NARROW:
        # The largest integers round up to the next power of two, which does not cast back.
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
    """Which input already has another size for the same symbolic dimension."""
    for size, dim in zip(shape, value.shape, strict=False):
        first, name = sizes.get(str(dim), (size, value.name))
        if first != size and name != value.name:
            return f" In `{name}` {dim} is {first}."
    return ""


def check_predictions(features: Features, outputs: Mapping[str, np.ndarray], column: int | None) -> list[str]:
    """Notes on ``predictions`` in the file that differ from the framework's current outputs.

    ``column`` is the score's column if the output has two columns and the file has only the score. Raises
    ConversionError if their number differs from the model's.
    """
    if features.predictions is None or len(outputs) != 1:
        return []
    given, path = features.predictions, features.path
    (computed,) = outputs.values()
    if column is not None and given.size == computed.shape[0] != computed.size:
        computed = computed[:, column]
    if given.size != computed.size or given.dtype.kind not in "iufb":
        raise ConversionError(
            f"`predictions` in {path} has shape {list(given.shape)} and dtype {given.dtype.name}, but the model "
            f"computes {list(computed.shape)} numbers for the samples; save the model's predictions, or remove the "
            "array."
        )
    given = given.reshape(computed.shape).astype(np.float64)
    same = (given == computed) | (np.isnan(given) & np.isnan(computed.astype(np.float64)))
    with np.errstate(invalid="ignore"):
        distance = np.where(same, 0.0, np.abs(given - computed))
    if (unlike := np.count_nonzero(~np.isfinite(distance))) > 0:
        return [
            f"`predictions` in {path} and the model's current outputs disagree about NaN or infinity at {unlike} "
            "positions."
        ]
    largest = float(np.max(distance, initial=0.0))
    if not largest > _MAX_DIFFERENCE:
        return []
    return [f"`predictions` in {path} differ by up to {largest:.1e} from the model's current outputs."]
