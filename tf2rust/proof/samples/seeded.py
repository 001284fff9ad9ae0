"""Seeded samples that suit the model, for conversions without user samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tf2rust.ops.control.layers import Loop
from tf2rust.ops.core.dims import Dim, bind
from tf2rust.ops.core.dtypes import NARROW, TEXT, is_float
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.elementwise.cast import Cast
from tf2rust.ops.quantized.quantize_linear import DequantizeLinear
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose
from tf2rust.proof.reference.steps import STEPS, STREAM_STEPS, initial_states, one_step
from tf2rust.proof.samples.budget import elements, is_within
from tf2rust.proof.samples.sizes import SAMPLES, Sizes, batch_of, candidates, repaired
from tf2rust.proof.samples.strings import seeded_strings

SEED = 20_240_229
_KNOWN = 0.8
"""The share of numbers that are keys of a table."""
_MASK = "mask"
"""Inputs whose names contain this say which positions are real: 1, or padding: 0."""
_MAX_ELEMENTS = 1 << 20  # elements of seeded features; large inputs get fewer samples


def with_batch(graph: LayerGraph, sizes: Sizes) -> Sizes:
    """``sizes`` and, if the batch is symbolic, the number of samples, which is smaller for large samples. The chunks of
    a stream are single steps.
    """
    batch = batch_of(graph)
    if graph.stream is not None and graph.stream.dimension is not None:
        sizes = {**sizes, graph.stream.dimension: 1}
    if batch is None:
        return repaired(graph, sizes) or sizes
    width = sum(elements(value, {**sizes, batch: 1}) for value in graph.inputs)
    count = max(2, min(SAMPLES, _MAX_ELEMENTS // max(width, 1)))
    while count > 1 and not is_within(graph, {**sizes, batch: count}):
        count //= 2
    return repaired(graph, {**sizes, batch: count}) or {**sizes, batch: count}


def seeded_inputs(
    graph: LayerGraph, sizes: Sizes | None = None, *, ones: bool = False, parameters: bool = True
) -> dict[str, np.ndarray]:
    """Deterministic random inputs.

    Indices are within their tables, quantized numbers take all values, other integers are small, and floats come from a
    standard normal distribution.

    ``sizes`` are those of all symbolic dimensions. ``ones`` sets every integer that is not an index to 1, which is a
    valid axis size, number of steps and position for nearly every model, and looks up only keys that the model knows.
    ``parameters`` sets the inputs that decide about sizes or axes to what their layers propose. A model with states
    gets steps in sequence.
    """
    given = with_batch(graph, next(candidates(graph))) if sizes is None else sizes
    rng = np.random.default_rng(SEED)
    proposed = _parameters(graph, given) if parameters else {}
    tables, keys, readers = _index_limits(graph, given), _keys(graph), graph.consumers()
    arrays = {}
    states = initial_states(graph, given)
    for value in graph.inputs:
        shape = one_step(value, given)
        shape = (STREAM_STEPS if graph.stream is not None else STEPS, *shape) if graph.states else shape
        limit = tables.get(value)
        if value.name in states:
            arrays[value.name] = states[value.name]
        elif value in proposed:
            arrays[value.name] = np.broadcast_to(
                np.asarray(proposed[value], value.dtype).reshape(one_step(value, given)), shape
            )
        elif value not in tables and _MASK in value.name.lower() and value.dtype != TEXT and shape:
            arrays[value.name] = _mask(rng, value.dtype, shape)
        elif value.dtype == TEXT:
            arrays[value.name] = seeded_strings(value, readers, rng, shape, known=ones)
        elif value in keys:
            arrays[value.name] = _near(rng, keys[value], shape, known=ones)
        elif _is_quantized(value, readers):
            bounds = np.iinfo(value.dtype)
            arrays[value.name] = rng.integers(bounds.min, bounds.max, shape, value.dtype, endpoint=True)
        elif ones and limit is None and np.dtype(value.dtype).kind in "iu":
            arrays[value.name] = np.ones(shape, value.dtype)
        else:
            arrays[value.name] = _random(rng, value.dtype, shape, limit)
    return arrays


def has_value_integers(graph: LayerGraph) -> bool:
    """Whether an input holds strings, keys of a table, or integers that are not known to be indices."""
    tables = _index_limits(graph, {})
    return bool(_keys(graph)) or any(np.dtype(v.dtype).kind in "iuO" and v not in tables for v in graph.inputs)


def _near(rng: np.random.Generator, keys: np.ndarray, shape: Sequence[int], *, known: bool) -> np.ndarray:
    """Keys of a table and, unless only ``known`` ones are wanted, numbers next to them."""
    chosen = rng.choice(keys, shape)
    if known:
        return np.asarray(chosen, keys.dtype)
    with np.errstate(over="ignore"):
        return np.asarray(np.where(rng.random(shape) < _KNOWN, chosen, chosen + keys.dtype.type(1)), keys.dtype)


def _mask(rng: np.random.Generator, dtype: str, shape: Sequence[int]) -> np.ndarray:
    """Ones and zeros; the first position of each row is kept."""
    kept = rng.integers(0, 2, shape)
    kept[..., :1] = 1
    return kept.astype(dtype)


def _is_quantized(source: Value, readers: Mapping[Value, Sequence[Layer]]) -> bool:
    """Whether an input holds numbers that were quantized to 8 or 16 bits, which take all values of their dtype."""
    if source.dtype not in ("int8", "uint8", "int16", "uint16"):
        return False
    return any(
        isinstance(layer, DequantizeLinear) and layer.inputs[0] is value
        for value in _moved(source, readers)
        for layer in readers.get(value, [])
    )


def _keys(graph: LayerGraph) -> dict[Value, np.ndarray]:
    """For each input whose elements are looked up in tables of numbers, the keys."""
    readers = graph.consumers()
    found: dict[Value, np.ndarray] = {}
    for source in graph.inputs:
        for value in _moved(source, readers):
            for layer in readers.get(value, []):
                keys = layer.sample_elements()
                if keys is not None and keys.size and keys.dtype.name == source.dtype != TEXT:
                    found[source] = keys
    return found


def _moved(source: Value, readers: Mapping[Value, Sequence[Layer]]) -> list[Value]:
    """The value, and those with the same elements."""
    found = [source]
    for value in found:
        found += [
            v for layer in readers.get(value, []) if isinstance(layer, (Reshape, Transpose)) for v in layer.outputs
        ]
    return found


def has_parameters(graph: LayerGraph) -> bool:
    """Whether an input decides about sizes or axes."""
    return bool(_parameters(graph, {}))


def _parameters(graph: LayerGraph, sizes: Mapping[str, int]) -> dict[Value, list[int]]:
    """For each input that decides about sizes or axes, the elements that the first layer to read them proposes.

    An input can be a part of a parameter. Its other elements are 1.
    """
    readers = graph.consumers()
    found: dict[Value, list[int]] = {}
    for source in (value for value in graph.inputs if value.rank <= 1):
        count = elements(source, sizes)
        waiting = [(source, 0)]
        proposed: list[int] = []
        seen: set[Value] = set()
        while waiting and not proposed:
            value, first = waiting.pop()
            for layer in readers.get(value, []) if value not in seen else ():
                for i, numbers in layer.sample_parameters().items():
                    if layer.inputs[i] is value and not proposed:
                        proposed = [_number(n, sizes) for n in numbers[first : first + count]]
                if isinstance(layer, (Cast, Reshape)):
                    waiting.append((layer.y, first))
                if isinstance(layer, Concatenate) and layer.y.rank == 1:
                    before = [elements(v, sizes) for v in layer.inputs[: layer.inputs.index(value)]]
                    waiting.append((layer.y, first + sum(before)))
            seen.add(value)
        if proposed:
            found[source] = [*proposed, *[1] * (count - len(proposed))]
    return found


def _number(element: Dim, sizes: Mapping[str, int]) -> int:
    """An element of a parameter; 1 if the sizes do not decide about it."""
    try:
        known = bind(element, sizes)
    except ZeroDivisionError:
        return 1
    return known if isinstance(known, int) else 1


def _random(rng: np.random.Generator, dtype: str, shape: Sequence[int], limit: int | None) -> np.ndarray:
    if limit is not None:
        highest = np.iinfo(dtype).max if np.dtype(dtype).kind in "iu" else limit
        return rng.integers(0, max(min(limit, int(highest)), 1), shape).astype(dtype)
    if dtype in NARROW and not is_float(dtype):
        return rng.integers(0, 16, shape).astype(dtype)  # keeps the lower bits, so that all numbers are as likely
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    if np.dtype(dtype).kind in "iu":
        return rng.integers(0, 8, shape).astype(dtype)
    if dtype == "float8_e8m0fnu":  # powers of two
        return np.exp2(rng.integers(-4, 5, shape)).astype(dtype)
    return rng.standard_normal(shape).astype(dtype)


def _index_limits(graph: LayerGraph, sizes: Mapping[str, int]) -> dict[Value, int]:
    """For each input that holds indices, the smallest axis that it indexes."""
    readers = graph.consumers()
    limits: dict[Value, int] = {}
    for source in graph.inputs:
        waiting = [source]
        while waiting:
            value = waiting.pop()
            for layer in readers.get(value, []):
                for i, size in layer.index_limits().items():
                    if layer.inputs[i] is value:
                        known = bind(size, sizes)
                        known = known if isinstance(known, int) else 1
                        limits[source] = min(limits.get(source, known), known)
                if isinstance(layer, (Cast, Reshape, Transpose)):
                    waiting += layer.outputs
                inner = (
                    zip(layer.body.inputs, layer.inputs, strict=False) if isinstance(layer, Loop) else layer.captured()
                )
                waiting += [own for own, given in inner if given is value]
    return limits
