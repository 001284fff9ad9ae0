"""Constants that a layer reads as it reads any other tensor: arrays of the weights, and single numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.layer import Layer, Value, Weight


@dataclass(eq=False, kw_only=True)
class Constant(Layer):
    """An array that the model carries. It is read where it lies; it is copied only to become an output."""

    kind = "Constant"
    is_data_movement = True
    array: np.ndarray

    @property
    def is_number(self) -> bool:
        """Whether it is a single number, which is written into the code."""
        return self.array.size == 1

    def params(self) -> dict[str, object]:
        return {"value": str(self.array.reshape(())[()])} if self.is_number else {}

    def weights(self) -> list[Weight]:
        return [] if self.is_number else [Weight("value", self.array)]


def constant(array: np.ndarray, name: str = "constant") -> Constant:
    """A constant and the value that stands for it."""
    return Constant(array=array, inputs=[], outputs=[Value(name, array.dtype.name, array.shape)])
