"""LSTM."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.core.activation import Activation
from tf2rust.ops.core.dims import Expr
from tf2rust.ops.core.facts import Fact, Facts, Node, infers
from tf2rust.ops.core.layer import Layer, RustCall, Weight, WeightRefs
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.reshape import Reshape
from tf2rust.ops.slice import Slice
from tf2rust.ops.transpose import Transpose, permute


@dataclass(eq=False, kw_only=True)
class Lstm(Layer):
    """A forward LSTM from zero states: [n, t, in] → [n, t, units], or the last step's [n, units].

    i, f, o = recurrent_activation(x·W + h·U + b), c' = f·c + i·activation(…), h' = o·activation(c'); the gates stand in
    Keras' order i, f, c, o along the last axis of kernel, recurrent kernel and bias.
    """

    kind = "LSTM"
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray | None
    activation: Activation
    recurrent_activation: Activation
    return_sequences: bool = True

    @property
    def units(self) -> int:
        return int(self.recurrent_kernel.shape[0])

    def params(self) -> dict[str, object]:
        return {
            "units": self.units,
            "activation": self.activation.plain(),
            "recurrent_activation": self.recurrent_activation.plain(),
            "return_sequences": self.return_sequences,
        }

    def absorb(self, consumer: Layer) -> Layer | None:
        """Only the last step is wanted."""
        if self.return_sequences and isinstance(consumer, Slice) and consumer.takes_last(1):
            return replace(self, return_sequences=False)
        return None

    def is_rowwise(self, by_row: Sequence[bool]) -> bool:
        return self.keeps_rows(by_row)

    def kernel_rows(self) -> int | Expr:
        """Those of one step: each waits for the one before."""
        return self.x.shape[0]

    def scratch_size(self) -> int | Expr:
        """The sums of all gates at all steps, and two states."""
        batch, steps = self.x.shape[:2]
        return batch * (steps * 4 + 2) * self.units

    def weights(self) -> list[Weight]:
        kernels = [Weight("kernel", self.kernel, "matrix"), Weight("recurrent_kernel", self.recurrent_kernel, "matrix")]
        return kernels if self.bias is None else [*kernels, Weight("bias", self.bias)]

    def rust_field(self, weights: WeightRefs) -> tuple[str, str]:
        parts = {
            "kernel": weights.get("kernel"),
            "recurrent": weights.get("recurrent_kernel"),
            "bias": weights.optional("bias"),
            "units": str(self.units),
            "activation": self.activation.rust(),
            "recurrent_activation": self.recurrent_activation.rust(),
            "return_sequences": str(self.return_sequences).lower(),
            "reverse": "false",
        }
        return "Lstm<'w>", f"Lstm {{ {', '.join(f'{k}: {v}' for k, v in parts.items())} }}"

    def rust_call(self, call: RustCall) -> str:
        batch, steps = (call.dim(d) for d in self.x.shape[:2])
        return f"{call.field}.run(isa, {batch}, {steps}, {call.inputs[0]}, {call.outputs[0]}, {call.scratch()})"

    def rust_imports(self) -> set[str]:
        return {"Lstm", "Activation"}


@infers("LSTM")
def _lstm(node: Node, facts: Facts) -> Sequence[Fact]:
    x, recurrent = facts[node.ir.inputs[0]], facts.shape(node.ir.inputs[2])  # type: ignore[index, arg-type]
    steps, batch = x.shape[:2]
    directions, units = recurrent[0], recurrent[2]
    state = Fact(x.dtype, (directions, batch, units))
    return [Fact(x.dtype, (steps, directions, batch, units)), state, state][: len(node.ir.outputs)]


def _activation(name: str, alpha: float | None, beta: float | None) -> Activation | None:
    match name.lower():
        case "sigmoid" | "tanh" | "relu" | "softsign" | "softplus" as plain:
            return Activation(plain)
        case "affine" if (alpha, beta) == (1.0, 0.0):
            return Activation()
        case "hardsigmoid":
            return Activation("hard_sigmoid", (0.2 if alpha is None else alpha, 0.5 if beta is None else beta))
    return None


def _gates(array: np.ndarray, units: int) -> np.ndarray:
    """From ONNX' order i, o, f, c along the first axis to Keras' i, f, c, o along the last."""
    i, o, f, c = (array[k * units : (k + 1) * units] for k in range(4))
    return np.ascontiguousarray(np.concatenate([i, f, c, o]).T)


@rule(Op("LSTM", Var("x"), Const("kernel"), Const("recurrent"), more=True))
def lstm(m: Match, b: Builder) -> Yield:
    """Time-major in and out; the transposes around it are for the layout pass to remove."""
    node, facts = m.root, b.facts
    if (direction := node.attr("direction", "forward")) != "forward":
        return m.reject(f"its direction is {direction}; forward is there")
    if node.attr("layout", 0) or node.attr("input_forget", 0) or node.has("clip"):
        return m.reject("it has one of the options layout, input_forget and clip, which are not there")
    if node.input(4) is not None or node.input(7) is not None:
        return m.reject("it has sequence lengths or peepholes, which are not there")
    for index in (5, 6):
        if (state := node.input(index)) is not None and facts[state].fill != 0:
            return m.reject("it does not start from zero states")
    names = node.attr("activations", ["Sigmoid", "Tanh", "Tanh"])
    alphas, betas = node.attr("activation_alpha", []), node.attr("activation_beta", [])
    gate, cell, hidden = (
        _activation(n, alphas[i] if i < len(alphas) else None, betas[i] if i < len(betas) else None)
        for i, n in enumerate(names)
    )
    if gate is None or cell is None or cell != hidden:
        return m.reject(f"its activations are {', '.join(names)}")
    kernel, recurrent = m.const("kernel"), m.const("recurrent")
    units = recurrent.shape[2]
    if node.attr("hidden_size", units) != units or kernel.dtype != np.float32:
        return m.reject("its kernels do not fit hidden_size, or are not float32")
    bias = None
    if (given := node.input(3)) is not None:
        if (both := facts.const(given)) is None:
            return m.reject("its bias is not a constant")
        bias = _gates((both[0, : 4 * units] + both[0, 4 * units :])[:, None], units).reshape(-1)
    outputs = [v for v in node.ir.outputs if v.is_graph_output() or v.uses()]
    x = b.value(m["x"])
    batch_major = b.temporary(x, permute(x.shape, (1, 0, 2)))
    layers: list[Layer] = [Transpose(perm=(1, 0, 2), inputs=[x], outputs=[batch_major])]
    steps, batch = x.shape[:2]
    layer = Lstm(
        kernel=_gates(kernel[0], units),
        recurrent_kernel=_gates(recurrent[0], units),
        bias=bias,
        activation=cell,
        recurrent_activation=gate,
        inputs=[batch_major],
        outputs=[],
    )
    layers.append(layer)
    if outputs == [node.ir.outputs[0]]:
        y = b.value(outputs[0])
        sequence = b.temporary(y, (batch, steps, units))
        column = b.temporary(y, (batch, steps, 1, units))
        layer.outputs = [sequence]
        layers.append(Reshape(inputs=[sequence], outputs=[column]))
        layers.append(Transpose(perm=(1, 2, 0, 3), inputs=[column], outputs=[y]))
    elif len(node.ir.outputs) > 1 and outputs == [node.ir.outputs[1]]:
        y = b.value(outputs[0])
        layer.outputs, layer.return_sequences = [b.temporary(y, (batch, units))], False
        layers.append(Reshape(inputs=layer.outputs, outputs=[y]))
    else:
        return m.reject("more than one of its outputs is used")
    return layers
