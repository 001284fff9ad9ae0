"""The ONNX operators LSTM, GRU and RNN, and ONNX Runtime's DynamicQuantizeLSTM: one recurrent layer per direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf2rust.ops.contrib.call import DOMAIN
from tf2rust.ops.core.activation import Activation
from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Dims, Layer, Value
from tf2rust.ops.core.pattern import Const, Match, Mismatch, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.indexing.slice import Slice, ranges
from tf2rust.ops.quantized.scale import BYTES, centered, sums_fit
from tf2rust.ops.recurrent.layers import DynamicQuantizedLstm, Gru, Lstm, Recurrent, SimpleRnn
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose, permute

_QUANTIZED = "DynamicQuantizeLSTM"
_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1, _QUANTIZED: 4}
_LSTM_DEFAULTS = ("Sigmoid", "Tanh", "Tanh")
DEFAULTS = {"LSTM": _LSTM_DEFAULTS, "GRU": ("Sigmoid", "Tanh"), "RNN": ("Tanh",), _QUANTIZED: _LSTM_DEFAULTS}
DIRECTIONS = {"forward": ("forward",), "reverse": ("reverse",), "bidirectional": ("forward", "reverse")}


@infers("LSTM", "GRU", "RNN")
def _recurrent(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x, recurrent = infos[node.x], infos.shape(node.operand(2))
    directions, units = recurrent[0], recurrent[2]
    if node.attr("layout", 0):
        batch, steps = x.shape[:2]
        state = ValueInfo(x.dtype, (batch, directions, units))
        return [ValueInfo(x.dtype, (batch, steps, directions, units)), state, state][: len(node.outputs)]
    return _time_major(node, x, directions, units)


@infers(_QUANTIZED, domain=DOMAIN)
def _quantized(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    directions, units, _ = infos.shape(node.operand(2))
    return _time_major(node, infos[node.x], directions, units)


def _time_major(node: Node, x: ValueInfo, directions: Dim, units: Dim) -> Sequence[ValueInfo]:
    steps, batch = x.shape[:2]
    state = ValueInfo(x.dtype, (directions, batch, units))
    return [ValueInfo(x.dtype, (steps, directions, batch, units)), state, state][: len(node.outputs)]


# Activations with one or two parameters, and their defaults.
_ALPHA = {"leakyrelu": 0.01, "elu": 1.0, "hardsigmoid": 0.2, "thresholdedrelu": 1.0, "affine": 1.0}
_BETA = {"hardsigmoid": 0.5, "affine": 0.0}
_PLAIN = ("sigmoid", "tanh", "relu", "softsign", "softplus")


def activations(node: Node, default: Sequence[str], directions: int) -> list[Activation | None]:
    """The activations; each takes its parameters from the front of the lists."""
    alphas, betas = list(node.attr("activation_alpha", [])), list(node.attr("activation_beta", []))
    found: list[Activation | None] = []
    for title in node.attr("activations", list(default) * directions):
        name = title.lower()
        alpha = (alphas.pop(0) if alphas else _ALPHA[name]) if name in _ALPHA else 0.0
        beta = (betas.pop(0) if betas else _BETA[name]) if name in _BETA else 0.0
        match name:
            case "affine" if (alpha, beta) == (1.0, 0.0):
                found.append(Activation())
            case "hardsigmoid":
                found.append(Activation("hard_sigmoid", (alpha, beta)))
            case "leakyrelu":
                found.append(Activation("leaky_relu", (alpha,)))
            case "thresholdedrelu":
                found.append(Activation("thresholded_relu", (alpha,)))
            case "elu" if alpha == 1.0:
                found.append(Activation("elu"))
            case _:
                found.append(Activation(name) if name in _PLAIN else None)
    return found


def _gates(array: np.ndarray, order: Sequence[int]) -> np.ndarray:
    """Reorders gates from ONNX's order along the first axis to Keras's along the last."""
    parts = np.split(array, len(order))
    return np.ascontiguousarray(np.concatenate([parts[i] for i in order]).T)


_LAYERS: dict[str, type[Recurrent]] = {"LSTM": Lstm, "GRU": Gru, "RNN": SimpleRnn, _QUANTIZED: DynamicQuantizedLstm}


@dataclass(frozen=True)
class _Cell:
    """One direction of a node: all fields of the layer except for its inputs and outputs."""

    x: Value
    """[n, t, in]"""
    parts: dict[str, Any]
    cls: type[Recurrent]
    layers: list[Layer]
    """The layers that convert the initial states."""
    initial: list[Value]

    def layer(self, outputs: list[Value], **more: Any) -> Recurrent:
        return self.cls(inputs=[self.x, *self.initial], outputs=outputs, **self.parts, **more)


def _cells(m: Match, b: Builder, node: Node) -> tuple[list[Layer], list[_Cell]] | Mismatch:
    """The layers that make x batch-major, and the directions of a node."""
    infos, op = b.infos, node.op
    directions = DIRECTIONS[node.attr("direction", "forward")]
    clip = node.attr("clip", float("inf"))
    if node.attr("input_forget", 0) or (node.has("clip") and op != _QUANTIZED):
        return m.reject("it has the unsupported option input_forget or clip", node)
    if node.input(4) is not None or node.input(7) is not None:
        return m.reject("it has unsupported inputs: sequence lengths or peepholes", node)
    found = _quantized_kernels(m, node, infos) if op == _QUANTIZED else _float_kernels(m, node)
    if isinstance(found, Mismatch):
        return found
    units, gates = found[0].recurrent.shape[1], _GATES[op]
    if node.attr("hidden_size", units) != units or len(found) != len(directions):
        return m.reject(f"its kernels do not match hidden_size, or {len(directions)} directions", node)
    both = np.zeros((len(directions), 2 * gates * units), np.float32)
    if (given := node.input(3)) is not None:
        if (constant := infos.const(given)) is None:
            return m.reject("its bias is not a constant", node)
        both = constant
    default = DEFAULTS[op]
    names = node.attr("activations", list(default) * len(directions))
    functions = activations(node, default, len(directions))
    reset_after = op != "GRU" or bool(node.attr("linear_before_reset", 0))
    x_given = b.value(m["x"])
    front: list[Layer] = []
    x = x_given
    if not node.attr("layout", 0):
        x = b.temporary(x_given, permute(x_given.shape, (1, 0, 2)))
        front.append(Transpose(perm=(1, 0, 2), inputs=[x_given], outputs=[x]))
    order = {4: (0, 2, 3, 1), 3: (0, 1, 2), 1: (0,)}[gates]
    cells: list[_Cell] = []
    for i, direction in enumerate(directions):
        own = functions[i * len(default) : (i + 1) * len(default)]
        if None in own or len(own) != len(default) or (op == "LSTM" and own[1] != own[2]):
            return m.reject(f"its activations {', '.join(names)} are not supported", node)
        if op == _QUANTIZED and [a and a.name for a in own] != ["sigmoid", "tanh", "tanh"]:
            return m.reject(f"its activations are {', '.join(names)} (supported: {', '.join(default)})", node)
        first, second = (_gates(half[:, None], order).reshape(-1) for half in np.split(both[i], 2))
        parts: dict[str, Any] = {
            "kernel": _gates(found[i].kernel, order),
            "recurrent_kernel": _gates(found[i].recurrent, order),
            "direction": direction,
            "activation": own[0] if op == "RNN" else own[1],
        }
        cls = _LAYERS[op]
        if op == _QUANTIZED:
            scales, recurrent_scales = (_gates(s[:, None], order).reshape(-1) for s in found[i].scales)
            parts |= {"scales": scales, "recurrent_scales": recurrent_scales, "clip": clip}
        elif op != "RNN":
            parts["recurrent_activation"] = own[0]
        split = op == "GRU" and reset_after
        summed = first if split else first + second
        parts["bias"] = summed if summed.any() else None
        if op == "GRU":
            parts |= {"reset_after": reset_after, "recurrent_bias": second if split and second.any() else None}
        made, initial, given_states = _initial(node, b, i, (x.shape[0], units))
        parts["initial"] = given_states
        cells.append(_Cell(x, parts, cls, made, initial))
    return front, cells


@dataclass(frozen=True)
class _Kernels:
    """The kernels [gates · units, k] of one direction. Those of integers have a scale for each row."""

    kernel: np.ndarray
    recurrent: np.ndarray
    scales: tuple[np.ndarray, ...] = ()


def _float_kernels(m: Match, node: Node) -> list[_Kernels] | Mismatch:
    kernel, recurrent = m.const("kernel"), m.const("recurrent")
    if kernel.dtype != np.float32:
        return m.reject(f"its kernel has the unsupported dtype {kernel.dtype} (supported: float32)", node)
    return [_Kernels(*both) for both in zip(kernel, recurrent, strict=True)]


def _quantized_kernels(m: Match, node: Node, infos: ValueInfos) -> list[_Kernels] | Mismatch:
    """The int8 kernels minus their zero points, with one scale for each row."""
    given = [m.const("kernel"), m.const("recurrent")]
    parameters = [None if (value := node.input(i)) is None else infos.const(value) for i in range(8, 12)]
    integers, scales = [], []
    for array, scale, zero in zip(given, parameters[::2], parameters[1::2], strict=True):
        if array.dtype.name not in BYTES or scale is None or zero is None:
            return m.reject("its kernels are not 8-bit integers with constant scales and zero points", node)
        directions, rows, columns = array.shape
        if scale.shape not in ((directions,), (directions, columns)) or scale.shape != zero.shape:
            return m.reject("its kernels do not have one scale and zero point per direction, or one per column", node)
        if not np.isfinite(scale).all():
            return m.reject("its scales are not all finite; quantize the model again", node)
        kernel = centered(array, zero.reshape(directions, 1, -1))
        if kernel is None:
            return m.reject("its kernels minus their zero points do not fit in int8", node)
        if not sums_fit(kernel, 1):
            return m.reject(f"its sums over {rows} rows can exceed 32 bits", node)
        integers.append(kernel.transpose(0, 2, 1))
        scales.append(np.broadcast_to(scale.reshape(directions, -1), (directions, columns)))
    return [_Kernels(k, r, (s, t)) for k, r, s, t in zip(*integers, *scales, strict=True)]


def _initial(node: Node, b: Builder, direction: int, shape: Dims) -> tuple[list[Layer], list[Value], tuple[bool, bool]]:
    """The initial states of one direction as [n, units], with the layers that compute them."""
    layers: list[Layer] = []
    values: list[Value] = []
    flags = []
    for index in (5, 6):
        given = node.input(index)
        flags.append(given is not None and b.infos[given].fill != 0)
        if given is None or not flags[-1]:
            continue
        state = b.value(given)
        axis = 1 if node.attr("layout", 0) else 0
        if state.shape[axis] != 1:
            starts = tuple(direction if i == axis else 0 for i in range(3))
            part = b.temporary(state, tuple(1 if i == axis else d for i, d in enumerate(state.shape)))
            layers.append(Slice(starts=starts, steps=(1, 1, 1), inputs=[state], outputs=[part]))
            state = part
        values.append(b.temporary(state, shape))
        layers.append(Reshape(inputs=[state], outputs=[values[-1]]))
    return layers, values, (flags[0], flags[1])


_NODE = (f"LSTM|GRU|RNN|{_QUANTIZED}", Var("x"), Const("kernel"), Const("recurrent"))


@rule(Op(*_NODE, more=True, name="recurrent"))
def recurrent(m: Match, b: Builder) -> RuleResult:
    """Time-major input and output unless ``layout`` is 1: the layout pass removes the transposes around the layer."""
    node = m.root
    found = _cells(m, b, node)
    if isinstance(found, Mismatch):
        return found
    layers, cells = found
    used = [v if v.is_graph_output() or v.uses() else None for v in node.outputs]
    used += [None] * (3 - len(used))
    sequence, states = used[0], used[1:]
    batch, steps = cells[0].x.shape[:2]
    units = cells[0].layer([]).units
    parts: list[list[Value]] = [[], [], []]
    like = cells[0].x
    for cell in cells:
        y = b.temporary(like, (batch, steps, units) if sequence is not None else (batch, units))
        last = [b.temporary(like, (batch, units)) if state is not None else None for state in states]
        if sequence is None and last[0] is not None:
            last[0] = None
            parts[1].append(y)
        layer = cell.layer(
            [y, *(v for v in last if v is not None)],
            return_sequences=sequence is not None,
            last=tuple(v is not None for v in last),
        )
        layers += [*cell.layers, layer]
        parts[0].append(y)
        for own, value in zip(parts[1:], last, strict=True):
            if value is not None:
                own.append(value)
    axis_last = bool(node.attr("layout", 0))
    if sequence is not None:
        y = b.value(sequence)
        joined = b.temporary(y, (batch, steps, len(cells), units))
        layers += _joined(parts[0], joined, 2, b)
        perm = (0, 1, 2, 3) if axis_last else (1, 2, 0, 3)
        layers.append(Transpose(perm=perm, inputs=[joined], outputs=[y]))
    for state, own in zip(states, parts[1:], strict=True):
        if state is not None:
            layers += _joined(own, b.value(state), 1 if axis_last else 0, b)
    return layers


def _joined(parts: Sequence[Value], whole: Value, axis: int, b: Builder) -> list[Layer]:
    """The values of all directions, stacked along a new axis."""
    if len(parts) == 1:
        return [Reshape(inputs=[parts[0]], outputs=[whole])]
    shape = tuple(1 if i == axis else d for i, d in enumerate(whole.shape))
    wide = [b.temporary(whole, shape) for _ in parts]
    reshapes: list[Layer] = [Reshape(inputs=[p], outputs=[w]) for p, w in zip(parts, wide, strict=True)]
    return [*reshapes, Concatenate(axis=axis, inputs=wide, outputs=[whole])]


@rule(Op("Slice", Op(*_NODE, more=True, name="recurrent", shared=True), more=True, name="slice"))
def one_direction(m: Match, b: Builder) -> RuleResult:
    """The sequence of one of two directions."""
    node, y = m.node("recurrent"), b.value(m.y)
    found = _cells(m, b, node)
    if isinstance(found, Mismatch):
        return found
    front, cells = found
    for attribute in ("starts", "ends", "axes"):
        m.root.has(attribute)
    starts, steps, shape = ranges(m.root, b.infos)
    whole = b.infos.shape(node.y)
    axis = 2 if node.attr("layout", 0) else 1
    others = all(shape[i] == d for i, d in enumerate(whole) if i != axis)
    if len(cells) != 2 or shape[axis] != 1 or not others or any(s != 1 for s in steps):
        return m.reject("it does not select one of two directions")
    cell = cells[int(str(starts[axis]))]
    batch, time = cell.x.shape[:2]
    sequence = b.temporary(y, (batch, time, y.shape[-1]))
    column = b.temporary(y, (batch, time, 1, y.shape[-1]))
    perm = (0, 1, 2, 3) if axis == 2 else (1, 2, 0, 3)
    return [
        *front,
        *cell.layers,
        cell.layer([sequence]),
        Reshape(inputs=[sequence], outputs=[column]),
        Transpose(perm=perm, inputs=[column], outputs=[y]),
    ]
