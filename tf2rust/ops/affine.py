"""What layers with a kernel do to their results before they store them: scale, add a bias, apply an activation."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.activations import ActivationLayer
from tf2rust.ops.arithmetic import Binary
from tf2rust.ops.core.activation import LINEAR, Activation
from tf2rust.ops.core.layer import Layer


@dataclass(eq=False, kw_only=True)
class Affine(Layer):
    """A layer that computes ``activation(x · kernel + bias)`` in some arrangement.

    The kernel's last axis is the output's channels.
    """

    kernel: np.ndarray
    bias: np.ndarray | None = None
    activation: Activation = LINEAR

    def scaled_kernel(self, factors: np.ndarray) -> np.ndarray:
        """The kernel that gives every output channel times its factor."""
        return np.asarray(self.kernel.astype(np.float64) * factors)

    def absorb(self, consumer: Layer) -> Layer | None:
        if not self.activation.is_linear:
            return None
        if isinstance(consumer, ActivationLayer):
            return replace(self, activation=consumer.activation)
        if not isinstance(consumer, Binary) or (vector := consumer.last_axis()) is None:
            return None
        bias = np.zeros(vector.size) if self.bias is None else self.bias.astype(np.float64)
        wide = vector.astype(np.float64)
        match consumer.function, consumer.constant_first:
            case "Add", _:
                return replace(self, bias=_f32(bias + wide))
            case "Sub", False:
                return replace(self, bias=_f32(bias - wide))
            case "Mul", _:
                return replace(
                    self, kernel=_f32(self.scaled_kernel(wide)), bias=None if self.bias is None else _f32(bias * wide)
                )
        return None

    def absorb_input(self, producer: Layer) -> Layer | None:
        """A factor or a summand for each input channel, as of a BatchNormalization in front, goes into the kernel."""
        if not isinstance(producer, Binary) or (vector := producer.last_axis()) is None:
            return None
        wide = vector.astype(np.float64)
        match producer.function, producer.constant_first:
            case "Mul", _:
                return replace(self, kernel=_f32(self.scaled_input(wide)), inputs=[producer.x])
            case "Add", _:
                moved = self.of_constant(wide)
            case "Sub", False:
                moved = self.of_constant(-wide)
            case _:
                return None
        if moved is None:
            return None
        bias = 0.0 if self.bias is None else self.bias.astype(np.float64)
        return replace(self, bias=_f32(bias + moved), inputs=[producer.x])

    def scaled_input(self, factors: np.ndarray) -> np.ndarray:
        """The kernel that does to x what this one does to x · factors, one factor for each channel."""
        raise NotImplementedError

    def of_constant(self, channels: np.ndarray) -> np.ndarray | None:
        """What the kernel makes of an input that has these channels everywhere; None if that is not one number each."""
        raise NotImplementedError


def _f32(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, dtype=np.float32)
