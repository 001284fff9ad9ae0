"""Steps in sequence: a model with states runs several times, and each run gets the states that the one before left.

The inputs of a sequence are arrays with the step as axis 0, and the states before the first step under their own names.
The outputs have the step as axis 0 too, those that become states included.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Concatenate, ParamSpec

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.ops.core.dims import bind
from tf2rust.ops.core.layer import LayerGraph, State, Value

Arrays = Mapping[str, np.ndarray]
_Options = ParamSpec("_Options")

STEPS = 6
"""The number of steps of seeded samples."""
STREAM_STEPS = 32
"""The same for a model that takes a sequence in chunks."""


def in_sequence(
    run: Callable[Concatenate[Arrays, _Options], dict[str, np.ndarray]], states: Sequence[State]
) -> Callable[Concatenate[Arrays, _Options], dict[str, np.ndarray]]:
    """``run`` for the inputs of a sequence; ``run`` itself for a model without states."""
    if not states:
        return run

    def steps(inputs: Arrays, /, *args: _Options.args, **options: _Options.kwargs) -> dict[str, np.ndarray]:
        kept = {state.input: inputs[state.input] for state in states}
        given = {name: array for name, array in inputs.items() if name not in kept}
        count = len(next(iter(given.values()))) if given else STEPS
        made = []
        for step in range(count):
            found = run({**{name: array[step] for name, array in given.items()}, **kept}, *args, **options)
            kept = {state.input: found[state.output] for state in states}
            made.append(found)
        return {name: _stacked(name, [found[name] for found in made]) for name in made[0]}

    return steps


def _stacked(name: str, steps: Sequence[np.ndarray]) -> np.ndarray:
    shapes = sorted({array.shape for array in steps})
    if len(shapes) > 1:
        raise ConversionError(
            f"The output `{name}` has the shape {list(shapes[0])} in one step and {list(shapes[1])} in another; a "
            "model with states needs outputs of the same shape in all steps."
        )
    return np.stack(steps)


def initial_states(graph: LayerGraph, sizes: Mapping[str, int]) -> dict[str, np.ndarray]:
    """The states before the first step, for these sizes of the symbolic dimensions."""
    return {
        state.input: _zeros(graph, state, sizes) if state.initial is None else state.initial for state in graph.states
    }


def _zeros(graph: LayerGraph, state: State, sizes: Mapping[str, int]) -> np.ndarray:
    value = next(value for value in graph.inputs if value.name == state.input)
    return np.zeros(one_step(value, sizes), value.dtype)


def one_step(value: Value, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of ``value`` for these sizes of the symbolic dimensions."""
    return tuple(int(str(bind(dim, sizes))) for dim in value.shape)


def sizes_of(graph: LayerGraph, inputs: Arrays) -> dict[str, int]:
    """The sizes of the dimensions of the inputs, by their expressions; ``inputs`` are samples or steps in sequence."""
    states = {state.input for state in graph.states}
    return {
        str(dim): size
        for value in graph.inputs
        if value.name in inputs
        for dim, size in zip(
            value.shape,
            inputs[value.name].shape[1 if graph.states and value.name not in states else 0 :],
            strict=True,
        )
    }
