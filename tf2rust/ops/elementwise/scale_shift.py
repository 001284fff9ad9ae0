"""Chains of channelwise factors, summands and an activation, in one pass over memory.

Examples are a Normalization, a Rescaling, or a BatchNormalization that no Dense or convolution could fuse.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.core.activation import LINEAR, Activation
from tf2rust.ops.core.layer import Layer, Value, Weight
from tf2rust.ops.elementwise.binary import Binary


@dataclass(eq=False, kw_only=True)
class ScaleShift(Layer):
    """``activation((x − mean) · scale + shift)`` with one number per channel for each of them."""

    mean: np.ndarray | None = None
    scale: np.ndarray
    shift: np.ndarray
    activation: Activation = LINEAR

    @property
    def kind(self) -> str:
        if self.mean is not None:
            return "Normalization"
        same = all((numbers == numbers[:1]).all() for numbers in (self.scale, self.shift))
        return "Rescaling" if same else "BatchNormalization"

    @staticmethod
    def of(layer: Layer) -> ScaleShift | None:
        """A single factor or summand as a ScaleShift."""
        if isinstance(layer, ScaleShift):
            return layer
        if not isinstance(layer, Binary) or (channels := layer.channelwise()) is None:
            return None
        scale, shift = channels
        return ScaleShift(
            scale=scale, shift=shift, inputs=layer.inputs, outputs=layer.outputs, name=layer.name, rules=layer.rules
        )

    def fuse_consumer(self, consumer: Layer) -> ScaleShift | None:
        if not self.activation.is_linear:
            return None
        if isinstance(consumer, ActivationLayer):
            return replace(self, activation=consumer.activation)
        other = ScaleShift.of(consumer)
        if other is None or other.mean is not None:
            return None
        if self.mean is None and (self.scale == 1).all() and (other.scale != 1).any() and self.shift.any():
            # If x is close to the mean, scaling the mean first would leave its rounding error in the result.
            return replace(self, mean=-self.shift, scale=other.scale, shift=other.shift, activation=other.activation)
        scale, shift = self.scale * other.scale, self.shift * other.scale + other.shift
        if (np.abs([scale, shift]) > np.finfo(np.float32).max).any():
            return None
        return replace(self, scale=scale, shift=shift, activation=other.activation)

    def weights(self) -> list[Weight]:
        arrays = {"mean": self.mean, "scale": self.scale, "shift": self.shift}
        return [Weight(role, a.astype(np.float32)) for role, a in arrays.items() if a is not None]

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)

    def inplace_input(self) -> Value | None:
        return self.x


def fuse_pointwise(layer: Layer, consumer: Layer) -> ScaleShift | None:
    """Two neighbouring layers as one ScaleShift, if both are links of such a chain."""
    first = ScaleShift.of(layer)
    return first.fuse_consumer(consumer) if first is not None else None
