"""Add, Multiply and the other functions of two tensors, with NumPy broadcasting, or of a tensor and a constant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.core.facts import Fact, Facts, Node, broadcast, infers
from tf2rust.ops.core.layer import Layer, Perm, RustCall, Value, Weight, WeightRefs
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.core.rust import rust_list
from tf2rust.ops.transpose import inverse

# ONNX operator -> the variant of tf_layers::Binary, and the function.
FUNCTIONS: dict[str, tuple[str, Callable[..., np.ndarray]]] = {
    "Add": ("Add", np.add),
    "Sub": ("Sub", np.subtract),
    "Mul": ("Mul", np.multiply),
    "Div": ("Div", np.divide),
    "Max": ("Max", np.maximum),
    "Min": ("Min", np.minimum),
    "Pow": ("Pow", np.power),
}
_KERAS = {"Add": "Add", "Sub": "Subtract", "Mul": "Multiply", "Div": "Divide", "Max": "Maximum", "Min": "Minimum"}


@dataclass(eq=False, kw_only=True)
class Binary(Layer):
    """``function(a, b)``; where ``constant`` is set it is one of the two, the second unless ``constant_first``."""

    function: str
    constant: np.ndarray | None = None
    constant_first: bool = False

    @property
    def kind(self) -> str:  # type: ignore[override]
        return _KERAS.get(self.function, self.function)

    def weights(self) -> list[Weight]:
        return [] if self.constant is None else [Weight("constant", self.constant)]

    def last_axis(self) -> np.ndarray | None:
        """The constant as one number for each channel, if that is what it is, as a vector over the last axis."""
        c = self.constant
        if c is None or self.x.rank == 0 or self.x.shape != self.y.shape or not isinstance(self.x.shape[-1], int):
            return None
        if c.size == 1:
            return np.full(self.x.shape[-1], c.reshape(()), np.float32)
        return c.reshape(-1) if c.shape[-1] == c.size == self.x.shape[-1] else None

    def apply(self, x: np.ndarray) -> np.ndarray:
        """What a layer with a constant computes."""
        function = FUNCTIONS[self.function][1]
        return np.asarray(function(self.constant, x) if self.constant_first else function(x, self.constant))

    def transposed(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        if perm is None or self.y.rank != len(perm):
            return None
        if self.constant is None:
            return (replace(self), perm) if len(perms) == 2 and perms[1] == perm else None
        full = self.constant.reshape((1,) * (len(perm) - self.constant.ndim) + self.constant.shape)
        return replace(self, constant=np.transpose(full, inverse(perm))), perm

    def rust_field(self, weights: WeightRefs) -> tuple[str, str] | None:
        return None if self.constant is None else ("&'w [f32]", weights.get("constant"))

    def _operands(self, call: RustCall) -> list[tuple[str, str]]:
        if self.constant is None:
            return [(text, f"&{call.dims(v.shape)}") for text, v in zip(call.inputs, self.inputs, strict=True)]
        tensor = (call.inputs[0], f"&{call.dims(self.x.shape)}")
        constant = (call.field, f"&{rust_list(tuple(self.constant.shape))}")
        return [constant, tensor] if self.constant_first else [tensor, constant]

    def rust_call(self, call: RustCall) -> str:
        (a, a_shape), (b, b_shape) = self._operands(call)
        return f"Binary::{FUNCTIONS[self.function][0]}.run(isa, {a}, {a_shape}, {b}, {b_shape}, {call.outputs[0]})"

    def can_run_inplace(self) -> bool:
        """The first operand is the one that is overwritten, so it must be the tensor and have the output's shape."""
        return not self.constant_first and self.x.shape == self.y.shape

    def rust_call_inplace(self, call: RustCall) -> str:
        (_, shape), (b, b_shape) = self._operands(call)
        return f"Binary::{FUNCTIONS[self.function][0]}.run_in_place(isa, {call.outputs[0]}, {shape}, {b}, {b_shape})"

    def rust_imports(self) -> set[str]:
        return {"Binary"}


@infers(*FUNCTIONS, "Mod", "And", "Or", "Xor", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
def _binary(node: Node, facts: Facts) -> Sequence[Fact]:
    parts = [facts[v] for v in node.inputs if v is not None]
    arithmetic = {"Add": np.add, "Sub": np.subtract, "Mul": np.multiply, "Div": np.floor_divide}
    if len(parts) == 2 and node.op in arithmetic and all(p.dims is not None for p in parts):
        return [Fact.of_dims(arithmetic[node.op](parts[0].dims, parts[1].dims), parts[0].dtype)]
    compares = node.op in ("And", "Or", "Xor", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
    return [Fact("bool" if compares else parts[0].dtype, broadcast(p.shape for p in parts))]


@rule(Op("|".join(FUNCTIONS), Var("a"), more=True, name="binary"))
def binary(m: Match, b: Builder) -> Yield:
    """Max and Min of more than two become a chain."""
    inputs = [v for v in m.root.inputs if v is not None]
    if len(inputs) == 1:
        return m.reject("it has one input only")
    if bad := next((v for v in inputs if b.facts.dtype(v) != "float32"), None):
        return m.reject(f"its input `{bad.name}` is {b.facts.dtype(bad)}; {m.root.op} is there for float32")
    layers: list[Layer] = []
    left = inputs[0]
    left_value: Value | None = None
    for i, right in enumerate(inputs[1:], start=2):
        out = b.value(m.root.ir.outputs[0])
        if i < len(inputs):
            shape = broadcast(b.facts.shape(v) for v in inputs[:i])
            out = b.temporary(out, shape)
        first, second = b.facts.const(left) if left_value is None else None, b.facts.const(right)
        if first is not None:
            layers.append(
                Binary(function=m.root.op, constant=first, constant_first=True, inputs=[b.value(right)], outputs=[out])
            )
        else:
            a = left_value or b.value(left)
            inputs_now = [a] if second is not None else [a, b.value(right)]
            layers.append(Binary(function=m.root.op, constant=second, inputs=inputs_now, outputs=[out]))
        left_value = out
    for layer in layers:
        assert isinstance(layer, Binary)
        if layer.constant_first and layer.function in ("Add", "Mul", "Max", "Min"):
            layer.constant_first = False
    return layers
