"""A frozen TensorFlow graph with names: the common form of all TensorFlow models before the export."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.apart import detach, variables_apart
from tf2rust.onnx_import.tensorflow.augmentation import without_augmentation
from tf2rust.onnx_import.tensorflow.effects import freezing, states_read, variables_used, without_effects
from tf2rust.onnx_import.tensorflow.messages import is_random, not_run, state_reasons
from tf2rust.onnx_import.tensorflow.naming import unused_name
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.scopes import LayerScopes
from tf2rust.onnx_import.tensorflow.text import Tables, tables_of
from tf2rust.onnx_import.tensorflow.variables import (
    StateVariable,
    state_variables,
    states_as_tensors,
    with_state_arguments,
)
from tf2rust.ops.core.layer import State


@dataclass(frozen=True)
class TracedModel:
    """A GraphDef with constant weights, and TensorFlow's own way of running the original.

    ``inputs`` and ``outputs`` map ONNX names to tensor names, in the model's order. ``call`` takes arrays by ONNX input
    name and returns one array or tensor per output. ``left_out`` are augmentation layers that were removed from the
    graph. ``tables`` are the lookup tables that the graph reads. ``weights`` are the contents of placeholders of
    ``graph_def`` that are not inputs, by tensor. ``states`` are the inputs and outputs that were variables.
    """

    graph_def: Any
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    call: Callable[[Mapping[str, Any]], Sequence[Any]]
    scopes: LayerScopes = field(default_factory=LayerScopes)
    left_out: tuple[str, ...] = ()
    tables: Tables = field(default_factory=dict)
    weights: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    states: tuple[State, ...] = ()

    def run(self, arrays: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """Runs the model in TensorFlow on arrays by input name. Returns arrays by output name.

        Raises ``ValueError`` if an input has no array, and ``ConversionError`` if TensorFlow cannot run the model on
        arrays of these sizes.
        """
        missing = [name for name in self.inputs if name not in arrays]
        if missing:
            raise ValueError(f"no array for the input(s) {', '.join(missing)}")
        try:
            with quiet():
                results = self.call({name: arrays[name] for name in self.inputs})
        except Exception as error:
            raise not_run(error, arrays, self.scopes) from error
        return {name: np.asarray(result) for name, result in zip(self.outputs, results, strict=True)}


def freeze_function(
    function: Any,
    inputs: Mapping[str, Any],
    outputs: Sequence[str],
    call: Callable[[Mapping[str, Any]], Sequence[Any]],
    scopes: LayerScopes | None = None,
    *,
    may_augment: bool = False,
) -> TracedModel:
    """Freezes a concrete function.

    ``inputs`` maps ONNX names to the function's argument tensors, ``outputs`` are the names of its outputs in their
    order, and ``call`` takes tensors by ONNX input name. If the function ``may_augment``, augmentation layers are
    removed, and TensorFlow runs the frozen graph. A variable that an output depends on, and that the function writes,
    becomes an input and an output. Raises ``ConversionError`` if such a variable is the state of a random generator, or
    is used by other operations than reads and assignments.
    """
    try:
        return _frozen(function, inputs, outputs, call, scopes or LayerScopes(), (), may_augment=may_augment)
    except _StatesError as error:
        states = state_variables(error.variables, [*inputs, *outputs])
    arguments = list(inputs.values())
    whole = with_state_arguments(function, argument_tensors(function), states)
    own = {id(tensor): given for tensor, given in zip(argument_tensors(function), whole.inputs, strict=False)}
    given = {name: own[id(tensor)] for name, tensor in inputs.items()}
    given |= {state.input: tensor for state, tensor in zip(states, whole.inputs[len(arguments) :], strict=False)}

    def call_with_states(tensors: Mapping[str, Any]) -> Sequence[Any]:
        for state in states:
            state.variable.assign(tensors[state.input])
        results = [np.asarray(result) for result in call({name: tensors[name] for name in inputs})]
        return [*results, *(state.variable.numpy() for state in states)]

    names = [*outputs, *(state.output for state in states)]
    return _frozen(whole, given, names, call_with_states, scopes or LayerScopes(), states, may_augment=may_augment)


class _StatesError(ConversionError):
    """The outputs of a function depend on ``variables`` that it writes."""

    def __init__(self, variables: Sequence[Any], reasons: Sequence[str]) -> None:
        self.variables = variables
        super().__init__(reasons)


def _frozen(
    function: Any,
    inputs: Mapping[str, Any],
    outputs: Sequence[str],
    call: Callable[[Mapping[str, Any]], Sequence[Any]],
    scopes: LayerScopes,
    states: Sequence[StateVariable],
    *,
    may_augment: bool,
) -> TracedModel:
    """Freezes a function whose last arguments and results are those of its ``states``. Raises _StatesError for
    variables that could be further ones.
    """
    tf = library("tensorflow")
    freeze = library("tensorflow.python.framework.convert_to_constants").convert_variables_to_constants_v2
    captured = {inner.name.partition(":")[0]: outer for outer, inner in function.graph.captures}
    by_handle = {id(variable.handle): variable for variable in function.graph.variables}
    owners = {name: by_handle[id(outer)] for name, outer in captured.items() if id(outer) in by_handle}
    variables = {name: variable.name for name, variable in owners.items()}
    results = [tensor.name for tensor in function.outputs]
    left_out: tuple[str, ...] = ()

    def connected(whole: Any) -> Any | None:
        """The graph with the states as tensors."""
        # Names of variables are not unique.
        by_variable = {id(state.variable.handle): state for state in states}
        known = {name: state for name, own in owners.items() if (state := by_variable.get(id(own.handle))) is not None}
        made = dict(zip(states, results[len(results) - len(states) :], strict=True))
        handles = {name: inputs[state.input].op.name for name, state in known.items()}
        return states_as_tensors(whole, handles, {name: made[state] for name, state in known.items()})

    def arrange(whole: Any, computing: Any) -> Any:
        nonlocal left_out
        if states and (made := connected(whole)) is not None:
            whole, computing = made, without_effects(made, results)
        used = states_read(whole, computing, variables)
        if used and may_augment:
            placeholders = [t.op.name for t in inputs.values()]
            readers = [node for users in used.values() for node in users]
            computing, left_out = without_augmentation(computing, results, placeholders, readers)
            used = states_read(whole, computing, variables)
        if used:
            users = variables_used(whole, variables)
            reasons = state_reasons({name: users[name] for name in used}, variables, scopes)
            if states or any(is_random(variables[name]) for name in used):
                raise ConversionError(reasons)
            raise _StatesError([owners[name] for name in used], reasons)
        return computing

    with freezing(arrange):
        with variables_apart(function) as apart:
            frozen = freeze(function, lower_control_flow=False, aggressive_inlining=True)
        if left_out:  # TensorFlow runs the frozen graph, so it needs all weights.
            frozen, apart = freeze(function, lower_control_flow=False, aggressive_inlining=True), {}
    names = distinct(outputs, list(inputs))
    by_tensor = {tensor.name: name for name, tensor in inputs.items()}

    def call_arrays(arrays: Mapping[str, Any]) -> Sequence[Any]:
        tensors = {name: tf.constant(arrays[name], dtype=tensor.dtype) for name, tensor in inputs.items()}
        if left_out:
            found: Sequence[Any] = frozen(*(tensors[by_tensor[tensor.name]] for tensor in frozen.inputs))
            return found
        return call(tensors)

    graph_def = frozen.graph.as_graph_def(add_shapes=True)
    weights = detach(graph_def, apart)
    return TracedModel(
        graph_def,
        {name: tensor.name for name, tensor in inputs.items()},
        dict(zip(names, (tensor.name for tensor in frozen.outputs), strict=True)),
        call_arrays,
        scopes,
        left_out,
        tables_of(graph_def, captured),
        weights,
        tuple(State(state.input, state.output, state.initial) for state in states),
    )


def argument_tensors(function: Any) -> list[Any]:
    """The arguments of a concrete function in its graph, without captured variables."""
    captured = {id(tensor) for tensor in function.graph.internal_captures}
    return [tensor for tensor in function.inputs if id(tensor) not in captured]


def distinct(names: Sequence[str], taken: Sequence[str] = ()) -> tuple[str, ...]:
    """The names in order, with ``_1``, ``_2`` … appended to repeated or ``taken`` ones."""
    used = set(taken)
    return tuple(unused_name(name, used) for name in names)
