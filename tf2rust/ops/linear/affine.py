"""The epilogue of layers with a kernel: scale, bias, residual sum and activation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.core.activation import LINEAR, Activation
from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.inference import ValueInfo
from tf2rust.ops.core.layer import Layer, Value, Weight
from tf2rust.ops.core.packing import PANEL
from tf2rust.ops.elementwise.binary import Binary

ROUNDED = "bfloat16"
"""The dtype that a layer rounds its input to, and its weights."""
_STRIP = 4 * PANEL
"""The columns that a product widens at a time if its kernel is not float32."""
FAR = 16.0
"""The largest summand that is fused: the rounding error of a larger one can exceed the tolerance if a later sum cancels
it, as when a mean far from 0 is subtracted.
"""


@dataclass(eq=False, kw_only=True)
class Affine(Layer):
    """A layer that computes ``activation(x · kernel + bias)`` in some arrangement.

    The kernel's last axis is the output's channels. A second input with the output's shape, a residual connection, is
    added before the activation. ``scales`` are those of the output channels if the kernel was dequantized, or if it
    holds integers. A kernel of another dtype than float32 is stored so; it is the last pass that makes one.
    """

    kernel: np.ndarray
    bias: np.ndarray | None = None
    activation: Activation = LINEAR
    scales: np.ndarray | None = None
    slopes: np.ndarray | None = None
    """One per output channel if the activation is a PReLU; ``activation`` is then linear."""
    rounds: bool = False
    """Whether x is rounded to bfloat16 before the product. The kernel then consists of such numbers."""

    def params(self) -> dict[str, object]:
        return {name: value for name, value in super().params().items() if name != "rounds"} | self.precision()

    def precision(self) -> dict[str, object]:
        """The dtype of both operands of the product, as a parameter, if it is not float32."""
        return {"precision": ROUNDED} if self.rounds else {}

    def scaled_kernel(self, factors: np.ndarray) -> dict[str, Any]:
        """The kernel and its scales with every output channel multiplied by its factor.

        A kernel that was dequantized stays integers times scales, so that layers on integers can still take it.
        """
        if self.scales is not None:
            scales = _f32(self.scales * factors.astype(np.float64))
            with np.errstate(all="ignore"):
                integers = np.rint(self.kernel / self.scales)
            if np.array_equal(integers * self.scales, self.kernel):
                return {"kernel": _f32(integers * scales), "scales": scales}
        return {"kernel": _f32(self.kernel.astype(np.float64) * factors), "scales": None}

    @property
    def residual(self) -> Value | None:
        return self.inputs[1] if len(self.inputs) > 1 else None

    @property
    def takes_residual(self) -> bool:
        """Whether the Rust layer can add its result to the contents of the output."""
        return False

    @property
    def is_linear(self) -> bool:
        return self.activation.is_linear and self.slopes is None

    def activation_name(self) -> str:
        """The activation as text for JSON."""
        return self.activation.plain() if self.slopes is None else "prelu"

    def vectors(self) -> list[Weight]:
        """The weights with one number per output channel."""
        arrays = {"bias": self.bias, "slopes": self.slopes}
        return [Weight(role, array) for role, array in arrays.items() if array is not None]

    def small_vectors(self) -> list[Weight]:
        """The scales of a kernel of integers."""
        if self.kernel.dtype != np.int8 or self.scales is None:
            return []
        return [Weight("scales", self.scales)]

    def strip_size(self) -> int:
        """The float32 elements of the columns that a kernel of another dtype is widened to at a time."""
        if self.kernel.dtype == np.float32:
            return 0
        columns = int(self.kernel.shape[-1])
        return self.kernel.size // columns * min(_STRIP, -(-columns // PANEL) * PANEL)

    def rounded_size(self) -> Dim:
        """The float32 elements that x takes if it is rounded, with the padding of a cache line."""
        return product(self.x.shape) + PANEL if self.rounds else 0

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        if not self.is_linear:
            return None
        if isinstance(consumer, ActivationLayer):
            return replace(self, activation=consumer.activation)
        if not isinstance(consumer, Binary):
            return None
        if consumer.function == "PRelu":
            slopes = None if consumer.constant_first else consumer.last_axis()
            return None if slopes is None else replace(self, slopes=slopes)
        if consumer.constant is None:
            return None if self.residual is not None else self._onto(consumer)
        if (channels := consumer.channelwise()) is None:
            return None
        factor, summand = channels
        if (self.rounds or self.residual is not None) and (factor != 1).any():
            return None
        if self.bias is None and consumer.function == "Add" and consumer.constant.size == summand.size:
            # A sum would be a copy, which is no longer known to be the model's own array.
            return replace(self, bias=consumer.constant.reshape(-1))
        scaled = {} if (factor == 1).all() else self.scaled_kernel(factor)
        if self.bias is None and not summand.any() and np.signbit(summand).all():
            return replace(self, **scaled)  # a factor alone; a bias of zeros is one, which may be trained further
        bias = 0.0 if self.bias is None else self.bias.astype(np.float64)
        return replace(self, **scaled, bias=_f32(bias * factor + summand))

    def _onto(self, consumer: Binary) -> Layer | None:
        """The layer with the consumer's other operand as its residual input."""
        others = [v for v in consumer.inputs if v is not self.y]
        sums = {"Add": LINEAR, "AddRelu": Activation("relu")}
        if not self.takes_residual or consumer.function not in sums or len(others) != 1:
            return None
        if others[0].shape != self.y.shape or consumer.y.shape != self.y.shape:
            return None
        return replace(self, inputs=[self.x, others[0]], activation=sums[consumer.function])

    def multiply_adds(self) -> Dim:
        return self.gemm_rows() * self.kernel.size

    def inplace_input(self) -> Value | None:
        return self.residual

    @property
    def takes_columns(self) -> bool:
        return self.takes_residual and self.residual is None and self.activation.is_rectifier

    def fuse_producer(self, producer: Layer) -> Layer | None:
        """Moves a channelwise factor or summand before the layer, such as a BatchNormalization, into the kernel and
        bias.

        Excludes summands that are far from 0, or whose products with the kernel are.
        """
        if self.rounds or not isinstance(producer, Binary) or producer.y is not self.x:
            return None
        if (parts := producer.channelwise()) is None:
            return None
        factor, summand = parts
        made = replace(self, inputs=[producer.x, *self.inputs[1:]])
        if summand.any():
            moved, products = self.of_constant(summand), self.scaled_input(summand)
            if moved is None or max(np.abs(summand).max(), np.abs(products).max(initial=0.0)) > FAR:
                return None
            made.bias = _f32(moved if self.bias is None else self.bias.astype(np.float64) + moved)
        if (factor != 1).any():
            made.kernel, made.scales = _f32(self.scaled_input(factor)), None
        return made

    def scaled_input(self, factors: np.ndarray) -> np.ndarray:
        """The kernel for x that equals this kernel for x · factors, with one factor per channel."""
        raise NotImplementedError

    def of_constant(self, channels: np.ndarray) -> np.ndarray | None:
        """The product with an input that has these channels everywhere; None if it is not one number per filter."""
        raise NotImplementedError


def channel_scales(info: ValueInfo, axis: int) -> np.ndarray | None:
    """The scale of each output channel of a dequantized kernel with these channels on ``axis``.

    None if the kernel was not dequantized, or has more than one scale in a channel.
    """
    if info.scales is None or not info.scales.ndim:
        return None
    channels = np.moveaxis(info.scales, axis, -1)
    channels = channels.reshape(-1, channels.shape[-1])
    if (channels != channels[:1]).any():
        return None
    size = info.shape[axis]
    assert isinstance(size, int)
    return np.ascontiguousarray(np.broadcast_to(channels[0], (size,)))


def _f32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)
