"""The fused LSTM of TFLite models, UNIDIRECTIONAL_SEQUENCE_LSTM.

Its inputs are, by place:

    0       x [batch, time, inputs], or [time, batch, inputs] if time_major
    1–4     kernels [units, inputs] of the gates i, f, c, o
    5–8     recurrent kernels [units, units]
    9–11    peepholes
    12–15   biases [units]
    16–17   kernel and bias of a projection
    18–19   hidden and cell state [batch, units], variables that the operator also writes
    20–23   scales of a layer normalization

The layers of Keras have no peepholes, projection or normalization. Without those, an operator has all other inputs, and
the handler knows them by their order; tf2onnx does not tell which are missing.

Integers of the hidden state are written with the quantization of the last of five intermediate tensors, read by the
next step with that of the state, and by the next operator with that of the output. TensorFlow's converter does not
always choose the same three.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.onnx_import.tensorflow.tflite_rewrite import builtin_number, text_of, tflite_schema

_X, _KERNELS, _RECURRENT, _BIASES, _STATES = (0,), (1, 2, 3, 4), (5, 6, 7, 8), (12, 13, 14, 15), (18, 19)
_READ = (*_X, *_KERNELS, *_RECURRENT, *_BIASES, *_STATES)
_OTHERS: Mapping[str, tuple[int, ...]] = {
    "peepholes": (9, 10, 11),
    "a projection": (16, 17),
    "a layer normalization": (20, 21, 22, 23),
}
_ONNX_ORDER = (0, 3, 1, 2)
"""The places of ONNX' gates i, o, f, c among TFLite's."""

_KEPT = (
    "the LSTM layers of the crate begin every call with states of zero, as in Keras, and so does the reference; a "
    "TFLite interpreter keeps them from one call to the next unless reset_all_variables() is called."
)
_LIMITED = (
    "TFLite limits the cell states of the LSTM layers to ±{limit:g}; Keras and the crate do not, and the crate is "
    "proven against TFLite without this limit. With it, TFLite's results differ where a cell state grows beyond that."
)
_INT16_SIZE = 1 << 15
_LARGEST_CELL = 16
"""What no cell state exceeds in practice. Of 16-bit cell states, a larger range would leave too few steps."""


def lstm_refusals(model: Any) -> list[str]:
    """A sentence for each LSTM of a model that has no equivalent in ONNX' LSTM."""
    reasons = []
    for graph, operator in _lstms(model):
        name = f"TFLite op UNIDIRECTIONAL_SEQUENCE_LSTM (tensor {text_of(_output(graph, operator).name)!r})"
        if parts := list(_unsupported(model, graph, operator)):
            reasons.append(f"{name} has {' and '.join(parts)}, which is not supported; convert the original model.")
        elif len(set(_quantizations(graph, operator))) > 1:
            reasons.append(
                f"{name} writes its hidden state with another scale or zero point than it is read with, so that "
                "TFLite's own results are off; convert the original model (--quantize dynamic stores the weights in 8 "
                "bits), or a TFLite model in float or with dynamic-range quantization."
            )
    return reasons


def notes_on_lstms(model: Any) -> tuple[str, ...]:
    """In what the LSTMs of a model differ from TFLite's."""
    limits = {_limit(graph, operator) for graph, operator in _limited(model)}
    return (*((_KEPT,) if any(_lstms(model)) else ()), *(_LIMITED.format(limit=limit) for limit in sorted(limits)))


def lift_cell_limits(model: Any) -> bool:
    """Raises the limits of cell states that can be reached.

    Converters calibrate 16-bit cell states with those of the last step, which are often smaller than others.
    """
    found = list(_limited(model))
    for graph, operator in found:
        cell, most = graph.tensors[int(operator.inputs[_STATES[1]])], _reached(graph, operator)
        operator.builtinOptions.cellClip = 0.0
        if cell.type == tflite_schema().TensorType.INT16:
            # TFLite's kernel needs a power of two.
            scale = np.array([2.0 ** math.ceil(math.log2(most / _INT16_SIZE))], np.float32)
            cell.quantization.scale = np.maximum(scale, np.asarray(cell.quantization.scale, np.float32))
    return bool(found)


def make_states_inputs(model: Any) -> bool:
    """Makes the states of LSTMs inputs that the handler does not read, because tf2onnx knows no variables."""
    found = list(_lstms(model))
    for graph, operator in found:
        graph.inputs = np.append(graph.inputs, [operator.inputs[place] for place in _STATES]).astype(np.int32)
    return bool(found)


def as_onnx_lstm(graph: Any, node: Any, **_: Any) -> None:
    """ONNX' LSTM over [time, batch, inputs], whose initial states are zero if it has no inputs for them."""
    given = dict(zip(_READ, node.input, strict=True))
    time_major, y, name = node.get_attr_value("time_major"), node.output[0], node.name
    shape, dtype = graph.get_shape(y), graph.get_dtype(y)
    units = graph.get_shape(given[_RECURRENT[0]])[0]
    graph.remove_node(name)

    def add(op: str, inputs: list[str], **attributes: Any) -> str:
        own = library("tf2onnx.utils").make_name(name)
        return str(graph.make_node(op, inputs, name=own, attr=attributes).output[0])

    def gates(places: tuple[int, ...]) -> str:
        return add("Concat", [given[places[gate]] for gate in _ONNX_ORDER], axis=0)

    def constant(values: Any, numbers: type[np.generic]) -> str:
        made = graph.make_const(library("tf2onnx.utils").make_name(name), np.asarray(values, numbers))
        return str(made.output[0])

    direction = constant([0], np.int64)
    recurrent_bias = constant(np.zeros(4 * units), np.float32)
    bias = add("Concat", [gates(_BIASES), recurrent_bias], axis=0)
    parameters = [add("Unsqueeze", [part, direction]) for part in (gates(_KERNELS), gates(_RECURRENT), bias)]
    x = given[0] if time_major else add("Transpose", [given[0]], perm=[1, 0, 2])
    made = add("LSTM", [x, *parameters], hidden_size=units)
    last, inputs, attributes = "Squeeze", [made, constant([1], np.int64)], {}
    if not time_major:
        last, inputs, attributes = "Transpose", [add(last, inputs)], {"perm": [1, 0, 2]}
    graph.make_node(last, inputs, name=name, outputs=[y], shapes=[shape], dtypes=[dtype], attr=attributes)


def _lstms(model: Any) -> Iterator[tuple[Any, Any]]:
    """The LSTMs of a model, with the subgraphs that they are in."""
    number = tflite_schema().BuiltinOperator.UNIDIRECTIONAL_SEQUENCE_LSTM
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            if builtin_number(model.operatorCodes[operator.opcodeIndex]) == number:
                yield graph, operator


def _limited(model: Any) -> Iterator[tuple[Any, Any]]:
    """The LSTMs whose cell states can reach their limit, with the subgraphs that they are in."""
    for graph, operator in _lstms(model):
        if _limit(graph, operator) < _reached(graph, operator):
            yield graph, operator


def _output(graph: Any, operator: Any) -> Any:
    return graph.tensors[int(operator.outputs[0])]


def _quantizations(graph: Any, operator: Any) -> Iterator[tuple[float, int]]:
    """The scales and zero points of the hidden state; none if it is a float."""
    if _output(graph, operator).type == tflite_schema().TensorType.FLOAT32:
        return
    for index in (operator.intermediates[-1], operator.inputs[_STATES[0]], operator.outputs[0]):
        quantization = graph.tensors[int(index)].quantization
        yield float(quantization.scale[0]), int(quantization.zeroPoint[0])


def _unsupported(model: Any, graph: Any, operator: Any) -> Iterator[str]:
    """What the operator has beyond an LSTM of Keras, as nouns."""
    given = {place: int(index) for place, index in enumerate(operator.inputs) if index >= 0}
    options, activations = operator.builtinOptions, tflite_schema().ActivationFunctionType
    if _KERNELS[0] not in given:
        yield "an input gate that is the complement of the forget gate"
    elif not given.keys() >= set(_READ):
        yield "too few inputs"
    for part, places in _OTHERS.items():
        if given.keys() & set(places):
            yield part
    if options.fusedActivationFunction != activations.TANH:
        yield "another activation than tanh"
    if options.diagonalRecurrentTensors:
        yield "diagonal recurrent kernels"
    if any(place in given and not graph.tensors[given[place]].isVariable for place in _STATES):
        yield "initial states that are no variables"
    if graph is not model.subgraphs[0]:
        yield "a place in a loop or a branch"


def _limit(graph: Any, operator: Any) -> float:
    """The largest cell state: the option of the operator, or the largest 16-bit integer if that is less."""
    cell, clip = graph.tensors[int(operator.inputs[_STATES[1]])], float(operator.builtinOptions.cellClip)
    limits = [clip] if clip > 0 else []
    if cell.type == tflite_schema().TensorType.INT16:
        limits.append(float(cell.quantization.scale[0]) * _INT16_SIZE)
    return min(limits, default=math.inf)


def _reached(graph: Any, operator: Any) -> int:
    """What cell states do not exceed: a step adds at most 1 to their absolute values."""
    x = graph.tensors[int(operator.inputs[0])]
    sizes = x.shape if x.shapeSignature is None else x.shapeSignature
    steps = int(sizes[0 if operator.builtinOptions.timeMajor else 1])
    return _LARGEST_CELL if steps <= 0 else min(steps, _LARGEST_CELL)
