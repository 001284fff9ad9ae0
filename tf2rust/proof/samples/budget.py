"""Estimates the time and memory of a run from the sizes of the symbolic dimensions, before the model runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

from tf2rust.errors import ConversionError
from tf2rust.ops.attention.additive_attention import AdditiveAttention
from tf2rust.ops.attention.attention import Attention
from tf2rust.ops.control.layers import Loop
from tf2rust.ops.core.dims import format_shape, size_at
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.linear.matmul import MatMul
from tf2rust.ops.ml.tree_ensemble import TreeEnsemble
from tf2rust.ops.pooling.indices import MaxPoolWithIndices
from tf2rust.ops.pooling.pooling import Pooling

LARGEST_TENSOR = 1 << 27
"""The maximum number of elements of a tensor in a run on seeded samples: 512 MiB of float32."""
LARGEST_GIVEN_TENSOR = 1 << 31
"""The same for the user's samples, as the user may have a larger machine."""
LARGEST_INPUTS = 1 << 26
"""The maximum number of elements of all seeded inputs together; they become the crate's test data."""
MOST_WORK = 10**13
"""The maximum number of multiplications of a run on seeded samples: some minutes."""
_HIGHEST_RANK = 32
"""The maximum rank in all NumPy versions."""


@dataclass(frozen=True)
class Estimate:
    """The largest tensor of a run, the layer that computes it (None for an input), and the work of all layers.

    ``busiest`` is the layer with the most work.
    """

    value: Value | None
    layer: Layer | None
    elements: int
    inputs: int
    work: int
    busiest: Layer | None


def estimate(graph: LayerGraph, sizes: Mapping[str, int]) -> Estimate:
    """Estimates a run with these ``sizes`` of the symbolic dimensions; data-dependent dimensions count as 1."""
    inputs = [(elements(value, sizes), value) for value in graph.inputs]
    largest: tuple[int, Value | None, Layer | None] = (0, None, None)
    for count, value in inputs:
        if count > largest[0]:
            largest = (count, value, None)
    work, most, busiest = 0, 0, None
    waiting: list[tuple[LayerGraph, int, Layer | None]] = [(graph, 1, None)]
    while waiting:
        part, times, loop = waiting.pop()
        for layer in part.layers:
            made = [(elements(value, sizes), value) for value in layer.outputs]
            own = times * sum(count for count, _ in made) * _work_per_element(layer, sizes)
            work += own
            if own > most:
                most, busiest = own, loop or layer
            for count, value in made:
                if count > largest[0]:
                    largest = (count, value, layer)
            steps = size_at(layer.steps, sizes) if isinstance(layer, Loop) and layer.steps is not None else 1
            waiting += [(body, times * steps, loop or layer) for body in layer.bodies()]
    return Estimate(largest[1], largest[2], largest[0], sum(count for count, _ in inputs), work, busiest)


def elements(value: Value, sizes: Mapping[str, int]) -> int:
    """The number of elements of ``value``."""
    return prod(size_at(dim, sizes) for dim in value.shape)


def check_shapes(graph: LayerGraph) -> None:
    """Raises ConversionError for inputs with a rank that NumPy does not support."""
    for value in graph.inputs:
        if value.rank > _HIGHEST_RANK:
            raise ConversionError(
                f"The input `{value.name}` has {value.rank} axes, but NumPy arrays have at most {_HIGHEST_RANK}; "
                "export the model with fewer axes."
            )


def is_within(graph: LayerGraph, sizes: Mapping[str, int]) -> bool:
    """Whether seeded samples of these ``sizes`` are within the budget."""
    found = estimate(graph, sizes)
    return found.elements <= LARGEST_TENSOR and found.inputs <= LARGEST_INPUTS and found.work <= MOST_WORK


def check_seeded(graph: LayerGraph, sizes: Mapping[str, int]) -> None:
    """Raises ConversionError if seeded samples of these ``sizes`` need too much memory or time."""
    found = estimate(graph, sizes)
    if found.elements > LARGEST_TENSOR or found.inputs > LARGEST_INPUTS:
        room = LARGEST_TENSOR if found.elements > LARGEST_TENSOR else LARGEST_INPUTS
        raise ConversionError(
            f"{_largest(found, graph, sizes)}, but a run on seeded samples can have {room}; {_ADVICE}."
        )
    if found.work > MOST_WORK:
        raise ConversionError(
            f"Running the model on samples{_with(graph, sizes)} takes about {found.work:.1e} multiplications, most "
            f"of them in {_layer(found.busiest)}, but a run on seeded samples can take {MOST_WORK:.0e}; {_ADVICE}."
        )


def check_given(graph: LayerGraph, sizes: Mapping[str, int], path: object) -> None:
    """Raises ConversionError if the samples in the file ``path`` need too much memory."""
    found = estimate(graph, sizes)
    if found.elements > LARGEST_GIVEN_TENSOR:
        raise ConversionError(
            f"{_largest(found, graph, sizes)}, more than {LARGEST_GIVEN_TENSOR}; give fewer or smaller samples in "
            f"{path}, or bind a symbolic dimension with --dim NAME=SIZE."
        )


_ADVICE = (
    "give smaller samples in --path_to_fv, bind a symbolic dimension with --dim NAME=SIZE, or export a smaller model"
)


def _largest(found: Estimate, graph: LayerGraph, sizes: Mapping[str, int]) -> str:
    value = found.value
    if value is None:
        return "The inputs together have too many elements"
    shape = tuple(size_at(dim, sizes) for dim in value.shape)
    who = f"The input `{value.name}`" if found.layer is None else f"The tensor that {_layer(found.layer)} makes"
    axis = shape.index(max(shape))
    where = (
        f", whose dimension {axis} is {shape[axis]} in the model itself" if isinstance(value.shape[axis], int) else ""
    )
    return f"{who} has {_number(found.elements)} elements, {format_shape(shape)}{_with(graph, sizes)}{where}"


def _with(graph: LayerGraph, sizes: Mapping[str, int]) -> str:
    """The sizes of the symbolic dimensions as text."""
    return f" with {', '.join(f'{name} = {size}' for name, size in sizes.items())}" if sizes and graph.inputs else ""


def _layer(layer: Layer | None) -> str:
    if layer is None:
        return "a layer"
    named = layer.name or next((node for node in (layer.anchor, *layer.nodes) if node not in ("", "?")), layer.y.name)
    return f"the layer `{named}` ({layer.kind})"


def _number(count: int) -> str:
    return str(count) if count < 10**12 else f"{count:.1e}"


def _work_per_element(layer: Layer, sizes: Mapping[str, int]) -> int:
    """An estimate of the multiplications per element of the layer's outputs."""
    if isinstance(layer, MatMul):
        return max(size_at(layer.sizes()[1], sizes), 1)
    if isinstance(layer, AdditiveAttention):
        return max(size_at(layer.inputs[1].shape[1] * layer.inputs[1].shape[2], sizes), 1)
    if isinstance(layer, Attention):
        return 2 * max(size_at(layer.inputs[1].shape[layer.axes[1][2]], sizes), 1)
    if isinstance(layer, TreeEnsemble):
        return max(len(layer.trees.roots), 1)
    kernels = [weight.array for weight in layer.weights() if "kernel" in weight.role]
    return max((array.size // max(array.shape[-1], 1) for array in kernels), default=1)


_SLOW_KINDS = frozenset(
    (
        *(
            "MaxPooling",
            "MaxUnpool",
            "GridSample",
            "RoiAlign",
            "DeformConv2D",
            "Resize",
            "Col2Im",
            "NonMaxSuppression",
        ),
        *("TopK", "ScatterElements", "ScatterND", "GatherND", "GatherElements", "Unique", "LSTM", "GRU", "SimpleRNN"),
    )
)


def reference_seconds(graph: LayerGraph, sizes: Mapping[str, int]) -> float:
    """An estimate of the run time of ONNX's reference implementation, which runs some operators in Python loops."""
    seconds = 0.0
    for layer in graph.walk():
        made = sum(elements(value, sizes) for value in layer.outputs)
        seconds += 2e-2 * sum(
            1 for body in layer.bodies() for _ in body.walk()
        )  # it copies all known values for each body
        seconds += made * (_reference_step(layer) + _work_per_element(layer, sizes) * 2e-9) + 1e-4
    return seconds


def _reference_step(layer: Layer) -> float:
    """The seconds that the reference implementation takes for an element of the outputs, whatever is computed there."""
    if isinstance(layer, TreeEnsemble):
        return 2e-5 * len(layer.trees.roots)
    slow = layer.kind in _SLOW_KINDS or "Pooling" in layer.kind or "DTranspose" in layer.kind or layer.bodies()
    # It visits each element of a pooling window, also those outside of the input.
    visited = prod(layer.window.size) if isinstance(layer, (MaxPoolWithIndices, Pooling)) else 0
    return (4e-5 if slow else 2e-8) + 2e-7 * visited
