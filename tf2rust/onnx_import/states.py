"""States: inputs that the next call of a model gets from an output of this call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import onnx
from onnx import numpy_helper

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tidy import keep
from tf2rust.ops.core.dims import Size
from tf2rust.ops.core.dtypes import NARROW, TEXT
from tf2rust.ops.core.layer import LayerGraph, State, Stream
from tf2rust.stages import brief

__all__ = ["Size", "State", "Stream", "check_states", "declare_states"]

MOST_INITIAL = 4096
"""The maximum number of elements of an initial value that is not the same everywhere: the crate's source contains it.
"""


def declare_states(
    proto: onnx.ModelProto, weights: Mapping[str, np.ndarray], pairs: Mapping[str, str], own: Sequence[State] = ()
) -> tuple[onnx.ModelProto, dict[str, np.ndarray], list[State]]:
    """The model and its weights without the initial values of states, and the states.

    ``pairs`` are the outputs by the inputs that they become; ``own`` are states that the model already has. An
    initializer with the name of the input is its initial value. Raises ConversionError with a reason for every input or
    output that does not exist or occurs twice.
    """
    constants = {tensor.name for tensor in proto.graph.initializer} - pairs.keys()
    inputs = [info.name for info in proto.graph.input if info.name not in constants]
    outputs = [info.name for info in proto.graph.output]
    reasons = list(_wrong_names(pairs, inputs, outputs, own))
    if reasons:
        raise ConversionError(reasons)
    changed = onnx.ModelProto()
    changed.CopyFrom(proto)
    initial = {
        tensor.name: weights[tensor.name] if tensor.name in weights else numpy_helper.to_array(tensor)
        for tensor in changed.graph.initializer
        if tensor.name in pairs
    }
    keep(changed.graph.initializer, lambda tensor: tensor.name not in initial)
    for info in changed.graph.input:
        if info.name in initial:
            info.CopyFrom(
                onnx.helper.make_tensor_value_info(info.name, info.type.tensor_type.elem_type, initial[info.name].shape)
            )
    left = {name: array for name, array in weights.items() if name not in initial}
    return changed, left, [State(name, output, initial.get(name)) for name, output in pairs.items()]


def _wrong_names(
    pairs: Mapping[str, str], inputs: Sequence[str], outputs: Sequence[str], own: Sequence[State]
) -> Iterator[str]:
    used = {state.output: state.input for state in own}
    for name, output in pairs.items():
        option = f"--state {brief(name)}:{brief(output)}"
        if name in used.values():
            yield f"{option}: the model keeps this input as a state without an option; remove --state."
            continue
        if name not in inputs:
            yield f"{option}: the model has no input `{brief(name)}`; its inputs are: {_listed(inputs)}."
        if output not in outputs:
            yield f"{option}: the model has no output `{brief(output)}`; its outputs are: {_listed(outputs)}."
        elif output in used:
            yield f"{option}: this output already becomes the input `{brief(used[output])}`; every state needs its own."
        used.setdefault(output, name)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{brief(name)}`" for name in names) or "none"


def check_states(graph: LayerGraph, states: Sequence[State]) -> None:
    """Raises ConversionError with a reason for every state whose input and output differ in dtype or shape, or whose
    dtype or initial value is not supported.
    """
    inputs, outputs = {value.name: value for value in graph.inputs}, dict(graph.outputs)
    reasons = []
    if states and any(value.dtype == TEXT for value in (*graph.inputs, *outputs.values())):
        reasons.append("A model with states cannot have strings as inputs or outputs; export it without them.")
    for state in states:
        before, after = inputs[state.input], outputs[state.output]
        named = f"the state `{brief(state.input)}`"
        if (before.dtype, before.shape) != (after.dtype, after.shape):
            reasons.append(
                f"{named} is {before}, but the output `{brief(state.output)}` that it becomes is {after}; both need "
                "the same dtype and shape. Bind symbolic dimensions with --dim if they are the same in practice."
            )
        elif state.initial is not None and np.any(state.initial != 0) and before.dtype in NARROW:
            reasons.append(
                f"{named} begins with other numbers than zero, which is not supported for {before.dtype}; export the "
                "model in float32."
            )
        elif state.initial is not None and state.initial.size > MOST_INITIAL and not state.is_uniform:
            reasons.append(
                f"{named} has an initial value with {state.initial.size} different elements; at most {MOST_INITIAL} "
                "are supported. Give the initial value as an input of the model, or export it as zeros."
            )
    if reasons:
        raise ConversionError(reasons)
