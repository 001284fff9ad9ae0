"""DynamicQuantizeLSTM: an LSTM with weights of 8 bits, whose inputs and states are quantized while it runs.

A rule in ``ops/recurrent`` makes a layer of it. The definition is for uint8 weights that do not fit in int8 without
their zero point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import GraphProto, TensorProto, helper

from tf2rust.ops.contrib.call import Call, defines
from tf2rust.ops.core.function_body import Body
from tf2rust.ops.core.inference import InferenceError
from tf2rust.ops.quantized.quantize_linear import check_scales

_ACTIVATIONS = ("sigmoid", "tanh", "tanh")
"""The only supported activations of the gates, the cell and the hidden state."""


@dataclass(frozen=True)
class _Weights:
    """Quantized weights of one direction: integers [k, 4 · hidden], their zero point, and their scales."""

    integers: np.ndarray
    zero: np.ndarray
    scales: np.ndarray

    @classmethod
    def of(cls, call: Call, index: int, direction: int) -> _Weights:
        """The weights at input ``index``; their scales and zero points are six or seven inputs later."""
        check_scales(call.infos, call.operand(index * 2 + 6))
        scales, zeros = (call.constant_input(i)[direction] for i in (index * 2 + 6, index * 2 + 7))
        if np.ptp(zeros.astype(np.int32)):
            raise InferenceError(f"its input {index * 2 + 7} contains different zero points, but must contain only one")
        return cls(call.constant_input(index)[direction], zeros.reshape(-1)[0], scales)

    def product(self, call: Call, body: Body, x: str) -> str:
        """x · weights, where x is quantized as a whole."""
        integers, scale, zero = body.ops("DynamicQuantizeLinear", [x], 3)
        kernel = body.constant(self.integers, self.integers.dtype.name)
        total = body.op("MatMulInteger", integers, kernel, zero, body.constant(self.zero, self.zero.dtype.name))
        return body.op("Mul", body.floats(total), body.op("Mul", scale, body.constant(self.scales)))


@defines("DynamicQuantizeLSTM")
def dynamic_quantize_lstm(call: Call) -> Sequence[str | None]:
    """The LSTM of x [steps, batch, size], with weights [directions, size or hidden, 4 · hidden].

    The outputs are the hidden states [steps, directions, batch, hidden], and the last hidden and cell states. x is
    quantized once, as a whole; the hidden states of a batch are quantized in every step. The order of gates is i, o, f,
    c. A Scan runs the steps.
    """
    _check(call)
    body = call.body
    kinds = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
    kind = call.attr("direction", "forward")
    if kind not in kinds:
        raise InferenceError(f"its attribute `direction` is {kind} (supported: {', '.join(kinds)})")
    results = [_direction(call, i, reverse) for i, reverse in enumerate(kinds[kind])]
    one, zero = body.constant([1], "int64"), body.constant([0], "int64")
    axes = (one, zero, zero)
    return [
        body.op("Concat", *(body.op("Unsqueeze", r[i], axis) for r in results), axis=1 if i == 0 else 0)
        for i, axis in enumerate(axes)
    ]


def _check(call: Call) -> None:
    """Raises InferenceError for what an LSTM can have, but ONNX Runtime's quantizer does not write."""
    call.has("hidden_size")
    call.only("input_forget", 0)
    for name in ("activation_alpha", "activation_beta"):
        call.only(name, [])
    given = [kind.lower() for kind in call.attr("activations", [])]
    if given and tuple(given) != _ACTIVATIONS * (len(given) // 3):
        raise InferenceError(f"its activations are {', '.join(given)} (supported: {', '.join(_ACTIVATIONS)})")


def _direction(call: Call, index: int, reverse: bool) -> tuple[str, str, str]:
    """The hidden states [steps, batch, hidden], and the last hidden and cell state [batch, hidden], of a direction."""
    body = call.body
    kernel, recurrent = (_Weights.of(call, i, index) for i in (1, 2))
    hidden = recurrent.integers.shape[0]
    if recurrent.integers.shape[1] != 4 * hidden or kernel.integers.shape[1] != 4 * hidden:
        raise InferenceError(f"the shapes of its weights do not fit {hidden} units")
    gates = kernel.product(call, body, call.arg(0))
    if call.given(3):
        bias = call.constant_input(3)[index]
        gates = body.op("Add", gates, body.constant(bias[: 4 * hidden] + bias[4 * hidden :]))
    states = [_state(call, i, index, hidden) for i in (5, 6)]
    h, c, steps = body.ops(
        "Scan",
        [*states, gates],
        3,
        body=_step(call, recurrent, hidden, f"step{index}_"),
        num_scan_inputs=1,
        scan_input_directions=[int(reverse)],
        scan_output_directions=[int(reverse)],
    )
    return steps, h, c


def _state(call: Call, given: int, direction: int, hidden: int) -> str:
    """The initial state [batch, hidden] from an input [directions, batch, hidden], or zeros."""
    body = call.body
    if call.given(given):
        return body.op("Gather", call.arg(given), body.constant(direction, "int64"), axis=0)
    batch = body.op("Shape", call.arg(0), start=1, end=2)
    size = body.op("Concat", batch, body.constant([hidden], "int64"), axis=0)
    return body.op("Expand", body.constant(0.0), size)


def _step(call: Call, recurrent: _Weights, hidden: int, prefix: str) -> GraphProto:
    """The body of the Scan: h, c [batch, hidden] and x · W + bias [batch, 4 · hidden] → h, c and h again."""
    body = Body(prefix)
    h, c, gates = (f"{prefix}{name}" for name in ("h", "c", "gates"))
    total = body.op("Add", gates, recurrent.product(call, body, h))
    if limit := call.attr("clip", 0.0):
        total = body.op("Clip", total, body.constant(-limit), body.constant(limit))
    i, o, f, g = body.ops("Split", [total], 4, axis=-1, num_outputs=4)
    kept = body.op("Mul", body.op("Sigmoid", f), c)
    cell = body.op("Add", kept, body.op("Mul", body.op("Sigmoid", i), body.op("Tanh", g)))
    state = body.op("Mul", body.op("Sigmoid", o), body.op("Tanh", cell))
    again = body.op("Identity", state)
    sizes = {h: hidden, c: hidden, gates: 4 * hidden}
    inputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", n]) for name, n in sizes.items()]
    outputs = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in (state, cell, again)]
    return helper.make_graph(body.nodes, f"{prefix}body", inputs, outputs)
