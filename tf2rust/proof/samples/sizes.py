"""Sizes for the symbolic dimensions of seeded samples: candidates, and what the sizes that work have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import gcd

from tf2rust.ops.core.dims import Dim, DimExpr, bind, symbols
from tf2rust.ops.core.layer import Layer, LayerGraph
from tf2rust.ops.indexing.slice import Slice
from tf2rust.ops.shape.pad import Pad

Sizes = Mapping[str, int]

SAMPLES = 16
"""The size of a symbolic batch."""
_SIZES = (9, 33, 65, 32, 8, 16, 64, 129, 128, 224, 256, 257, 512, 513, 5, 3, 2, 4, 1, 48, 96, 160, 192, 320, 640, 1024)
"""Odd sizes come first: they also test the remainders of strides and windows."""
_LARGE_SIZES = (2049, 4097, 8193, 16_385, 32_769, 65_537)
"""Sizes for models that leave nothing of smaller ones, such as those that crop thousands of steps."""
_LARGEST_HINT = 1 << 12
"""The largest number in a message that is tried as a size."""
_NEIGHBORHOOD = 100
"""The largest change of a size so that a condition holds."""
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
    return None if str(batch) == _time(graph) else str(batch)


def _time(graph: LayerGraph) -> str | None:
    return None if graph.stream is None else graph.stream.dimension


def is_batched(graph: LayerGraph) -> bool:
    """Whether axis 0 of all inputs and outputs is the sample."""
    return batch_of(graph) is not None


def symbolic_dimensions(graph: LayerGraph) -> list[str]:
    """The names of the inputs' symbolic dimensions except for the batch and the time of a stream, in order."""
    batch = batch_of(graph)
    found = [name for value in graph.inputs for dim in value.shape for name in sorted(symbols([dim]))]
    return [name for name in dict.fromkeys(found) if name not in (batch, _time(graph))]


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
    tried = [sizes for size in _SIZES for sizes in _spread(symbolic, size)]
    suited = []
    for sizes in tried:
        if _suits(graph, sizes):
            suited.append(sizes)
            yield sizes
        elif (found := repaired(graph, sizes)) is not None and _suits(graph, found):
            suited.append(found)
            yield found
    if not suited:
        # A range of --dim can lie beyond the neighborhood of all sizes.
        bounds = [side for c in graph.conditions for side in (c.left, c.right) if isinstance(side, int) and side > 0]
        large = (sizes for size in (*bounds, *_LARGE_SIZES) for sizes in _spread(symbolic, size))
        for sizes in large:
            if _suits(graph, sizes):
                suited.append(sizes)
                yield sizes
    rest = [sizes for sizes in tried if sizes not in suited]
    yield from (sizes for sizes in rest if not suited or _hold(graph, sizes))


def repaired(graph: LayerGraph, sizes: Sizes) -> Sizes | None:
    """``sizes`` with some of them changed so that the conditions of the graph hold; None if that does not succeed.

    Each violated condition changes one size to the nearest one with which it holds, and no condition before it fails.
    """
    found = dict(sizes)
    for count, condition in enumerate(graph.conditions):
        if condition.holds(found) is not False:
            continue
        held = graph.conditions[: count + 1]
        names = [name for name in found if name in symbols([condition.left, condition.right])]
        changes = ((name, size) for name in reversed(names) for size in _near(found[name]))
        for name, size in changes:
            changed = {**found, name: size}
            if all(c.holds(changed) is not False for c in held):
                found = changed
                break
        else:
            return None
    return found


def _near(size: int) -> Iterator[int]:
    """The sizes in the neighborhood of ``size``, the nearest first, and larger before smaller ones."""
    for distance in range(1, _NEIGHBORHOOD):
        yield size + distance
        if distance < size:
            yield size - distance


def _spread(symbolic: Sequence[str], size: int) -> list[Sizes]:
    same = dict.fromkeys(symbolic, size)
    if not 1 < len(symbolic) <= _MAX_DISTINCT:
        return [same]
    return [{name: size * factor for factor, name in enumerate(symbolic, start=1)}, same]


def _suits(graph: LayerGraph, sizes: Sizes) -> bool:
    return _hold(graph, sizes) and all(_layer_suits(layer, sizes) for layer in graph.layers)


def _hold(graph: LayerGraph, sizes: Sizes) -> bool:
    """Whether the conditions of the graph hold. If one does not, the crate refuses samples of these sizes."""
    return all(condition.holds(sizes) is not False for condition in graph.conditions)


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


def hinted(message: str, sizes: Sizes) -> Iterator[Sizes]:
    """Sizes that a message about failed ``sizes`` suggests: each number in it, for each dimension and for all of them.

    Frameworks name the size that they need: ``{9,18} cannot be reshaped to {48,-1}``, ``must have shape {1,9,4}``.
    """
    numbers = dict.fromkeys(int(digits) for digits in re.findall(r"(?<![\w.])\d{1,4}(?![\w.])", message))
    for number in numbers:
        if not 0 < number <= _LARGEST_HINT or number in sizes.values():
            continue
        for name in sizes:
            yield {**sizes, name: number}
        if len(sizes) > 1:
            yield dict.fromkeys(sizes, number)


def condition(worked: Sizes, failed: Sequence[Sizes], runs: Callable[[Sizes], bool]) -> str:
    """What the sizes that work have in common, as a clause; empty if nothing is found.

    ``runs`` says whether the model runs with given sizes. All dimensions grow and shrink by the same amount.
    """
    unlike = list(failed)

    def works(by: int) -> bool:
        sizes = {name: size + by for name, size in worked.items()}
        found = runs(sizes)
        unlike.extend([] if found else [sizes])
        return found

    step = gcd(*worked.values())
    for prime in _primes(step):
        while step % prime == 0 and works(step // prime):
            step //= prime
    multiples = [sizes for sizes in unlike if all(size % step == 0 for size in sizes.values())]
    if any(size >= worked[name] for sizes in multiples for name, size in sizes.items()):
        return ""
    clauses = [f"the sizes that work are multiples of {step}"] if step > 1 else []
    if multiples:
        # In steps: -low is too small, and -high works.
        low, high = min(worked[name] - size for sizes in multiples for name, size in sizes.items()) // step, 0
        while low - high > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if works(-middle * step) else (middle, high)
        clauses.append(f"the smallest are {in_words({name: size - high * step for name, size in worked.items()})}")
    return f"{' and '.join(clauses)}, as far as tried" if clauses else ""


def _primes(number: int) -> Iterator[int]:
    """The distinct prime factors of a number, in ascending order."""
    factor = 2
    while number > 1:
        if number % factor == 0:
            yield factor
            while number % factor == 0:
                number //= factor
        factor += 1


def in_words(sizes: Sizes) -> str:
    """``height = 9, width = 18``"""
    return ", ".join(f"{name} = {size}" for name, size in sizes.items())
