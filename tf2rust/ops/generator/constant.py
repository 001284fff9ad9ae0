"""Constants that layers read like any other tensor: arrays among the weights, and scalars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.layer import Layer, Value, Weight


@dataclass(eq=False, kw_only=True)
class Constant(Layer):
    """An array that is part of the model. It is read without a copy, unless it is an output."""

    kind = "Constant"
    is_data_movement = True
    array: np.ndarray

    @property
    def is_number(self) -> bool:
        """Whether it is a scalar, which is written into the code."""
        return self.array.size == 1

    def params(self) -> dict[str, object]:
        return {"value": str(self.array.reshape(())[()])} if self.is_number else {}

    def weights(self) -> list[Weight]:
        return [] if self.is_number else [Weight("value", self.array)]


def constant(array: np.ndarray, name: str = "constant") -> Constant:
    """A constant with a new output value."""
    return Constant(array=array, inputs=[], outputs=[Value(name, array.dtype.name, array.shape)])
