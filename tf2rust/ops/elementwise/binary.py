"""Add, Multiply and other functions of two tensors with NumPy broadcasting, or of a tensor and a constant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.core.dims import maximum, minimum
from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, broadcast, infers
from tf2rust.ops.core.layer import Dims, Layer, Perm, Value, Weight, broadcasts_batch
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.cast import Cast
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import inverse


def _prelu(x: np.ndarray, slope: np.ndarray) -> np.ndarray:
    return np.asarray(np.where(x < 0, x * slope, x))


def _add_relu(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.maximum(x + y, 0))


# The functions in NumPy. All but the last two are also ONNX operators.
FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "Div": np.divide,
    "Max": np.maximum,
    "Min": np.minimum,
    "Pow": np.power,
    "PRelu": _prelu,
    "Mod": np.mod,
    "Fmod": np.fmod,
    "AddRelu": _add_relu,
}
_OPS = tuple(name for name in FUNCTIONS if name not in ("Fmod", "AddRelu"))
_CHAINED = {"Sum": "Add", "Mean": "Add"}
_COMMUTATIVE = ("Add", "Mul", "Max", "Min")
_KERAS = {
    "Add": "Add",
    "AddRelu": "Add",
    "Sub": "Subtract",
    "Mul": "Multiply",
    "Div": "Divide",
    "Max": "Maximum",
    "Min": "Minimum",
    "PRelu": "PReLU",
}


_WIDEST = 1 << 24
"""The maximum number of channels that a scalar is repeated for."""


@dataclass(eq=False, kw_only=True)
class Binary(Layer):
    """``function(a, b)``. If ``constant`` is set, it is b, or a if ``constant_first``.

    ``scale`` is that of the constant if it was dequantized with one scale.
    """

    function: str
    constant: np.ndarray | None = None
    constant_first: bool = False
    scale: float | None = None

    @property
    def kind(self) -> str:
        return _KERAS.get(self.function, self.function)

    def weights(self) -> list[Weight]:
        return [] if self.constant is None else [Weight("constant", self.constant)]

    def last_axis(self) -> np.ndarray | None:
        """The constant as a vector over the last axis, if it has one number per channel."""
        c = self.constant
        size = self.x.shape[-1] if self.x.rank else None
        if c is None or c.dtype != np.float32 or self.x.shape != self.y.shape or not isinstance(size, int):
            return None
        if c.size == 1:
            return np.full(size, c.reshape(()), np.float32) if size <= _WIDEST else None
        return c.reshape(-1) if c.shape[-1] == c.size == size else None

    def channelwise(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The float64 factor and summand per channel, if the function is ``x · factor + summand``."""
        if (vector := self.last_axis()) is None:
            return None
        c = vector.astype(np.float64)
        one, nothing = np.ones_like(c), np.full_like(c, -0.0)  # unlike 0, it does not change −0
        match self.function, self.constant_first:
            case "Add", _:
                return one, c
            case "Sub", False:
                return one, -c
            case "Sub", True:
                return -one, c
            case "Mul", _:
                return c, nothing
            case "Div", False if (np.abs(c) > np.finfo(np.float32).tiny).all() and np.isfinite(c).all():
                return 1 / c, nothing
        return None

    def apply(self, x: np.ndarray) -> np.ndarray:
        """The function of ``x`` and the constant."""
        function: Callable[..., np.ndarray] = FUNCTIONS[self.function]
        return np.asarray(function(self.constant, x) if self.constant_first else function(x, self.constant))

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        if perm is None or self.y.rank != len(perm):
            return None
        if self.constant is None:
            return (replace(self), perm) if len(perms) == 2 and perms[1] == perm else None
        full = self.constant.reshape((1,) * (len(perm) - self.constant.ndim) + self.constant.shape)
        return replace(self, constant=np.transpose(full, inverse(perm))), perm

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        c = self.constant
        return broadcasts_batch(self.y, self.inputs, batched) and (c is None or c.ndim < self.y.rank or c.shape[0] == 1)

    def inplace_input(self) -> Value | None:
        """The first operand is overwritten, so it must be a tensor with the output's shape."""
        fits = not self.constant_first and self.x.shape == self.y.shape and self.y.dtype == "float32"
        return self.x if fits else None


def aligned_shape(node: Node, infos: ValueInfos) -> Dims | None:
    """The shape of the second operand for a legacy broadcast that differs from NumPy's; otherwise None.

    Before operator set 7, ``axis`` says where its axes are; before 9, the slopes of a PRelu belong to channels.
    """
    if node.op not in _OPS or node.version >= (9 if node.op == "PRelu" else 7) or len(node.inputs) != 2:
        return None
    node.has("consumed_inputs"), node.has("broadcast")
    left, right = (infos.shape(v) for v in node.operands())
    axis = node.attr("axis", len(left) - len(right))
    if node.op == "PRelu":
        per_channel = len(right) == 1 and right[0] != 1 and len(left) > 2
        axis = 1 if per_channel else len(left) - len(right)
    start = axis + len(left) if axis < 0 else axis
    behind = len(left) - start - len(right)
    return (*right, *[1] * behind) if behind > 0 else None


@infers(*_OPS, *_CHAINED)
def _binary(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    parts = [infos[v] for v in node.inputs if v is not None]
    if aligned_shape(node, infos) is not None:
        return [ValueInfo(parts[0].dtype, parts[0].shape)]
    arithmetic: dict[str, Callable[..., np.ndarray]] = {
        "Add": np.add,
        "Sub": np.subtract,
        "Mul": np.multiply,
        "Div": np.floor_divide,
        "Mod": np.mod,
        "Max": np.frompyfunc(maximum, 2, 1),
        "Min": np.frompyfunc(minimum, 2, 1),
    }
    dims = [p.dims for p in parts if p.dims is not None]
    if len(parts) == len(dims) == 2 and node.op in arithmetic:
        broadcast(p.shape for p in parts)  # raises if they do not broadcast
        if node.op in ("Div", "Mod") and any(d == 0 for d in dims[1].flat):
            raise InferenceError("it divides a size by zero")
        return [ValueInfo.of_dims(arithmetic[node.op](*dims), parts[0].dtype)]
    return [ValueInfo(parts[0].dtype, broadcast((p.shape for p in parts), infos))]


@rule(Op("|".join([*_OPS, "Sum", "Mean"]), Var("a"), more=True, name="binary"))
def binary(m: Match, b: Builder) -> RuleResult:
    """Max, Min, Sum and Mean of more than two inputs become a chain; with one input they are the identity."""
    inputs = [v for v in m.root.inputs if v is not None]
    function = "Fmod" if m.root.op == "Mod" and m.root.attr("fmod", 0) else _CHAINED.get(m.root.op, m.root.op)
    known = ("float32",) if function == "PRelu" else NUMBERS
    if bad := next((v for v in inputs if b.infos.dtype(v) not in known), None):
        return m.reject(
            f"its input `{bad.name}` has the unsupported dtype {b.infos.dtype(bad)} (supported: {', '.join(known)})"
        )
    y = b.value(m.y)
    if len(inputs) == 1:
        return Reshape(inputs=[b.value(inputs[0])], outputs=[y])
    if len({b.infos.dtype(v) for v in inputs}) > 1:
        return _mixed(m, b)
    layers: list[Layer] = []
    left: Value | np.ndarray = _operand(b, m, 0)
    shape = aligned_shape(m.root, b.infos)
    for i in range(1, len(inputs)):
        right = _operand(b, m, i)
        if not isinstance(left, Value) and not isinstance(right, Value):
            right = b.value(inputs[i])
        if shape is not None and isinstance(right, Value):
            layers.append(Reshape(inputs=[right], outputs=[b.temporary(right, shape)]))
            right = layers[-1].y
        elif shape is not None and not isinstance(right, Value) and right.ndim:
            right = right.reshape([int(str(d)) for d in shape])
        last = i + 1 == len(inputs) and m.root.op != "Mean"
        out = y if last else b.temporary(y, broadcast(b.infos.shape(v) for v in inputs[: i + 1]))
        made = _apply(function, left, right, out)
        if made.constant is not None and len(inputs) == 2:
            made.scale = _single_scale(b.infos[inputs[int(isinstance(left, Value))]])
        layers.append(made)
        left = out
    if m.root.op == "Mean":
        layers.append(_apply("Div", layers[-1].y, np.asarray(len(inputs), y.dtype), y))
    return layers


def _single_scale(info: ValueInfo) -> float | None:
    """The scale of a constant that was dequantized with one scale; otherwise None."""
    return float(info.scales.reshape(-1)[0]) if info.scales is not None and info.scales.size == 1 else None


def _mixed(m: Match, b: Builder) -> RuleResult:
    """A power with two dtypes, computed in the wider kind: floats if either is a float."""
    x, exponent, y = b.value(m["a"]), b.value(m.root.operand(1)), b.value(m.y)
    common = np.result_type(x.dtype, exponent.dtype).name if "float" in x.dtype + exponent.dtype else "int64"
    common = "float32" if common == "float64" and "float64" not in (x.dtype, exponent.dtype) else common
    layers: list[Layer] = []

    def cast(value: Value) -> Value:
        if value.dtype == common:
            return value
        layers.append(Cast(inputs=[value], outputs=[b.temporary(value, dtype=common)]))
        return layers[-1].y

    operands = [cast(x), cast(exponent)]
    power = Binary(function="Pow", inputs=operands, outputs=[y if y.dtype == common else b.temporary(y, dtype=common)])
    layers.append(power)
    return layers if power.y is y else [*layers, Cast(inputs=[power.y], outputs=[y])]


def _operand(b: Builder, m: Match, index: int) -> Value | np.ndarray:
    """An input's value, a constant's array, or the number of a filled tensor that does not affect the shape."""
    source = m.root.operand(index)
    info = b.infos[source]
    if info.const is not None:
        return info.const
    others = [b.infos[v] for i, v in enumerate(m.root.inputs) if i != index and v is not None]
    computed = info.fill is not None and all(f.fill is None and f.const is None for f in others)
    if computed and broadcast(f.shape for f in others) == b.infos.shape(m.y):
        return np.asarray(info.fill, dtype=info.dtype)
    return b.value(source)


def _apply(function: str, left: Value | np.ndarray, right: Value | np.ndarray, y: Value) -> Binary:
    if isinstance(left, Value):
        if isinstance(right, Value):
            return Binary(function=function, inputs=[left, right], outputs=[y])
        return Binary(function=function, constant=right, inputs=[left], outputs=[y])
    assert isinstance(right, Value)
    first = function not in _COMMUTATIVE
    return Binary(function=function, constant=left, constant_first=first, inputs=[right], outputs=[y])
