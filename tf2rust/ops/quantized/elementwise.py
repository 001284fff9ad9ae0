"""Elementwise layers on 8-bit integers: sums, products, and tables for functions of one tensor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.core.activation import LINEAR, Activation
from tf2rust.ops.core.layer import Layer, Value, Weight, broadcasts_batch
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.scale_shift import ScaleShift
from tf2rust.ops.elementwise.unary import Unary
from tf2rust.ops.quantized.scale import NOT_NORMAL, Scale, are_normal

Function = Callable[[np.ndarray], np.ndarray]
_UNARY: dict[str, Function] = {
    "Neg": np.negative,
    "Abs": np.abs,
    "Sign": np.sign,
    "Sqrt": np.sqrt,
    "Reciprocal": np.reciprocal,
    "Log": np.log,
    "Floor": np.floor,
    "Ceil": np.ceil,
    "Round": np.rint,
    "Sin": np.sin,
    "Cos": np.cos,
}
_LARGEST_STEP = 256.0
"""The largest step of an operand of a sum, in steps of the result. Zero points times larger steps would be rounded so
much in float32 that results move to other integers.
"""
_SUMS = {"Add": (1.0, LINEAR), "Sub": (-1.0, LINEAR), "AddRelu": (1.0, Activation("relu"))}
BINARIES = (*_SUMS, "Mul")
"""The functions of two tensors that have a form on integers."""


@dataclass(eq=False, kw_only=True)
class QuantizedBinary(Layer):
    """``function`` of two tensors of 8-bit integers, by NumPy's rules of broadcasting.

    ``Add`` is ``clamp(round(a · x1 + (b · x2 + offset)) + zero_point)``, where ``a`` and ``b`` are the scales divided
    by that of y, and the offset contains the zero points of x1 and x2.

    ``Mul`` is ``clamp(round((x1 − z1) · (x2 − z2) · a + offset) + zero_point)``, where ``a`` is the product of the
    scales divided by that of y.

    The zero point of y is in the offset if it is added before the result is rounded.
    """

    function: str
    a: float
    b: float
    offset: float
    zero_points: tuple[int, int]
    zero_point: int
    limits: tuple[int, int]

    @property
    def kind(self) -> str:
        return f"Quantized{'Add' if self.function == 'Add' else 'Multiply'}"

    def params(self) -> dict[str, object]:
        return {"zero_point": self.zero_point, "min": self.limits[0], "max": self.limits[1]}

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return broadcasts_batch(self.y, self.inputs, batched)


def quantized_binary(
    layer: Binary, inputs: Sequence[tuple[Value, Scale]], y: Value, y_scale: Scale
) -> QuantizedBinary | str:
    """The layer on integers, or the reason why there is none."""
    if layer.function not in BINARIES:
        return f"{layer.kind} has no form on integers"
    sign, activation = _SUMS.get(layer.function, (1.0, LINEAR))
    limits = y_scale.clamp(activation)
    assert limits is not None
    (left, first), (right, second) = inputs
    if right.shape == y.shape != left.shape and sign > 0:
        left, first, right, second = right, second, left, first
    if left.shape != y.shape:
        return "both operands are broadcast"
    own, other, scale = (np.float32(s.scale) for s in (first, second, y_scale))
    with np.errstate(all="ignore"):
        if layer.function == "Mul":
            a, b, zeros = (own * other) / scale, np.float32(0), np.float32(0)
        else:
            a, b = own / scale, np.float32(sign) * (other / scale)
            zeros = a * np.float32(first.zero_point) + b * np.float32(second.zero_point)
    if not are_normal(float(a)) or (layer.function != "Mul" and not are_normal(float(b))):
        return NOT_NORMAL
    if layer.function != "Mul" and max(abs(a), abs(b)) > _LARGEST_STEP:
        return "a step of an operand is larger than the range of its result"
    before = np.float32(y_scale.zero_point if y_scale.zero_first else 0)
    return QuantizedBinary(
        function="Mul" if layer.function == "Mul" else "Add",
        a=float(a),
        b=float(b),
        offset=float(before - zeros),
        zero_points=(first.zero_point, second.zero_point),
        zero_point=0 if y_scale.zero_first else y_scale.zero_point,
        limits=limits,
        inputs=[left, right],
        outputs=[y],
        name=layer.name,
        anchor=layer.anchor,
        rules=layer.rules,
    )


def quantized_constant(layer: Binary, dtype: str) -> tuple[np.ndarray, Scale] | str:
    """The constant operand as integers of ``dtype``, or the reason why it has no such integers.

    Their zero point is the integer in the middle, 0 or 128, or the next one for which the integers fit, whatever that
    of the model's constant is.
    """
    if layer.constant is None or layer.scale is None:
        return "its constant is not quantized with one scale"
    scale = Scale(dtype, layer.scale, 0 if dtype == "int8" else 128)
    with np.errstate(over="ignore"):
        steps = np.rint(layer.constant / np.float32(layer.scale))
    if np.isfinite(steps).all():
        (low, high), least, most = scale.limits, int(steps.min(initial=0)), int(steps.max(initial=0))
        scale = replace(scale, zero_point=max(min(scale.zero_point, high - most), low - least))
    integers = scale.quantize(layer.constant)
    numbers = (integers.astype(np.float32) - np.float32(scale.zero_point)) * np.float32(scale.scale)
    if not np.array_equal(numbers, layer.constant):
        return "its constant is not 8-bit integers times the scale"
    return integers, scale


@dataclass(eq=False, kw_only=True)
class QuantizedLookup(Layer):
    """A function of 8-bit integers as a table of its 256 results, indexed by the bits of x."""

    function: str
    table: np.ndarray

    @property
    def kind(self) -> str:
        return "QuantizedRescaling" if self.function == "linear" else "QuantizedActivation"

    def params(self) -> dict[str, object]:
        return {"function": self.function}

    def weights(self) -> list[Weight]:
        return [Weight("table", self.table)]

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)

    def inplace_input(self) -> Value | None:
        return self.x if self.x.dtype == self.y.dtype else None


def function_of(layer: Layer) -> tuple[str, Function] | None:
    """The name and the float32 function of an elementwise layer of one tensor.

    None for other layers, and for those with a constant that adds axes to the result.
    """
    match layer:
        case ActivationLayer(activation=activation):
            return activation.plain(), activation
        case Unary(function=name) if name in _UNARY:
            return name.lower(), lambda x: _UNARY[name](x.astype(np.float64)).astype(np.float32)
        case Binary(constant=constant) if (
            constant is not None and constant.size == 1 and layer.x.shape == layer.y.shape
        ):
            number = constant.reshape(())
            return layer.function.lower(), lambda x: _of_number(layer, number, x)
        case ScaleShift() if layer.kind == "Rescaling":
            return "rescaling", lambda x: _rescaled(layer, x)
    return None


def _of_number(layer: Binary, number: np.ndarray, x: np.ndarray) -> np.ndarray:
    single = Binary(
        function=layer.function, constant=number, constant_first=layer.constant_first, inputs=[], outputs=[]
    )
    return single.apply(x).astype(np.float32)


def _rescaled(layer: ScaleShift, x: np.ndarray) -> np.ndarray:
    return layer.activation((x.astype(np.float64) * layer.scale.flat[0] + layer.shift.flat[0]).astype(np.float32))


def quantized_lookup(chain: Sequence[Layer], x: Value, x_scale: Scale, y: Value, y_scale: Scale) -> QuantizedLookup:
    """The elementwise layers of ``chain``, one after the other, as a table.

    Without layers, the table changes the scale. A result that is not a number has the integer of the zero point.
    """
    numbers, names = x_scale.numbers(), list[str]()
    with np.errstate(all="ignore"):
        for layer in chain:
            found = function_of(layer)
            assert found is not None
            names.append(found[0])
            numbers = found[1](numbers)
    table = y_scale.quantize(numbers)
    return QuantizedLookup(
        function=", ".join(names) or "linear",
        table=table.view(np.uint8),
        inputs=[x],
        outputs=[y],
        name=chain[-1].name if chain else "",
        anchor=chain[-1].anchor if chain else "",
        rules=tuple(rule for layer in chain for rule in layer.rules),
    )
