"""Dynamic quantization: x is quantized at each call, by its own range, and multiplied with 8-bit weights.

    q, scale, zero_point = DynamicQuantizeLinear(x)
    y = activation(Σ (q − zero_point) · kernel[·, c] · (scale · scales[c]) + bias[c])    i32 sums, the rest in float32

ONNX Runtime's quantizer writes the product as MatMulInteger, Cast, Mul and Add. The order of the factors is that of its
kernels, so that the results have the same bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.core.activation import LINEAR, Activation
from tf2rust.ops.core.dims import product
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer, Perm, Value, Weight
from tf2rust.ops.core.packing import Matrices
from tf2rust.ops.core.pattern import Const, Match, Mismatch, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.generator.constant import constant
from tf2rust.ops.linear.dense import matmul_shape
from tf2rust.ops.quantized.products import IntegerProduct
from tf2rust.ops.quantized.quantize_linear import SMALL
from tf2rust.ops.quantized.scale import int8_kernel, sums_fit


@dataclass(eq=False, kw_only=True)
class DynamicQuantizeLinear(Layer):
    """x as uint8, with the scale and the zero point of the range of x and 0. The scale is 1 if all x are 0."""

    kind = "DynamicQuantizeLinear"

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        return (replace(self), perms[0]) if perms[0] is not None else None


@dataclass(eq=False, kw_only=True)
class DynamicQuantizedDense(IntegerProduct):
    """A product of 8-bit integers with an int8 kernel, to float32: [..., k] · [k, n] + [n] → [..., n].

    The inputs are the integers, their scale and their zero point. ``sums`` are those of the kernel's columns minus the
    zero points.
    """

    kind = "DynamicQuantizedDense"

    sums: np.ndarray
    scales: np.ndarray
    bias: np.ndarray | None = None
    activation: Activation = LINEAR

    def params(self) -> dict[str, object]:
        return {**super().params(), "activation": self.activation.plain()}

    @property
    def takes_columns(self) -> bool:
        return self.activation.is_rectifier

    def weights(self) -> list[Weight]:
        vectors = {"sums": self.sums, "scales": self.scales, "bias": self.bias}
        return [
            *self.kernel_weights(Matrices()),
            *(Weight(role, array) for role, array in vectors.items() if array is not None),
        ]

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        """The rows can be in any order."""
        perm = perms[0]
        if perm is None or any(p is not None for p in perms[1:]) or perm[-1] != len(perm) - 1:
            return None
        return replace(self), perm

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        if not self.activation.is_linear:
            return None
        if isinstance(consumer, ActivationLayer):
            return replace(self, activation=consumer.activation)
        if self.bias is not None or not isinstance(consumer, Binary) or consumer.function != "Add":
            return None
        bias, given = consumer.last_axis(), consumer.constant
        if bias is None or given is None:
            return None
        # Reshaped, the constant is still known to be the model's own array.
        return replace(self, bias=given.reshape(-1) if given.size == bias.size else bias)

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        """The scale must not be computed from the batch."""
        alike = batched[0] and not any(batched[1:]) and self.x.rank > 1
        return alike and self.x.shape[:1] == self.y.shape[:1]


@infers("DynamicQuantizeLinear")
def _dynamic_quantize_linear(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    return [ValueInfo("uint8", infos.shape(node.x)), ValueInfo("float32", ()), ValueInfo("uint8", ())]


@rule(Op("DynamicQuantizeLinear", Var("x")))
def dynamic_quantize_linear(m: Match, b: Builder) -> RuleResult:
    x = b.value(m["x"])
    if x.dtype != "float32":
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32)")
    return DynamicQuantizeLinear(inputs=[x], outputs=[b.value(v) for v in m.root.ir.outputs])


_SUM = Op("Cast", Op("MatMulInteger", Var("x"), Const("kernel"), more=True))


@rule(Op("Mul", _SUM, Op("Mul", Var("x_scale"), Const("scales"), name="factor", shared=True)))
def dynamic_quantized_dense(m: Match, b: Builder) -> RuleResult:
    scale = b.value(m["x_scale"])
    if scale.dtype != "float32" or product(scale.shape) != 1 or scale.rank > b.value(m.y).rank:
        return m.reject("the scale of its input is not a single float32 number")
    return _dense(m, b, scale, m.const("scales"))


@rule(Op("Mul", _SUM, Const("scales")))
def scaled_integer_product(m: Match, b: Builder) -> RuleResult:
    """A product with constant scales, which are folded into one factor for each column."""
    one = constant(np.ones((), np.float32))
    made = _dense(m, b, one.y, m.const("scales"))
    return made if isinstance(made, Mismatch) else [one, *made]


def _dense(m: Match, b: Builder, scale: Value, scales: np.ndarray) -> list[Layer] | Mismatch:
    """The layer, after its zero point if that is not an input of the node."""
    sums, x, y = m.node("MatMulInteger"), b.value(m["x"]), b.value(m.y)
    if m.node("Cast").attr("to") != ir.DataType.FLOAT.value:
        return m.reject("its sums are not scaled in float32")
    kernel = m.const("kernel")
    if x.dtype not in SMALL or kernel.dtype.name not in SMALL or kernel.ndim != 2 or x.rank < 2:
        return m.reject("it is not a product of 8-bit integers with a matrix")
    columns = kernel.shape[1]
    if scales.dtype != np.float32 or scales.size not in (1, columns) or scales.shape[-1:] not in ((), (scales.size,)):
        return m.reject("its kernel does not have one float32 scale, or one per column")
    if y.shape != matmul_shape(x.shape, kernel.shape):
        return m.reject("its scales add axes to its result")
    zeros = np.zeros(1, np.int32) if sums.input(3) is None else b.infos.const(sums.input(3))
    if zeros is None or zeros.size not in (1, columns):
        return m.reject("the zero point of its kernel is not constant, or not one per column")
    weights = kernel.astype(np.int32) - zeros.reshape(-1).astype(np.int32)
    parts = int8_kernel(weights)
    if parts is None or not sums_fit(parts[0], 0, zero_points=parts[1]):
        return m.reject("its sums can exceed 32 bits")
    layers: list[Layer] = []
    if (given := sums.input(2)) is None:
        layers.append(zero := constant(np.zeros((), x.dtype)))
        zero_point = zero.y
    else:
        zero_point = b.value(given)
        if product(zero_point.shape) != 1:
            return m.reject("its input has one zero point per row")
    made = DynamicQuantizedDense(
        kernel=parts[0],
        kernel_zero_points=parts[1],
        sums=weights.sum(axis=0, dtype=np.int32),
        scales=np.ascontiguousarray(np.broadcast_to(scales.reshape(-1), (columns,))),
        inputs=[x, scale, zero_point],
        outputs=[y],
    )
    return [*layers, made]
