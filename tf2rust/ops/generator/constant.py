"""Constants that other layers read as tensors: arrays of the weights, and scalars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dtypes import NARROW
from tf2rust.ops.core.layer import Layer, Value, Weight


@dataclass(eq=False, kw_only=True)
class Constant(Layer):
    """An array of the model. Readers borrow it; it is copied only if it is an output."""

    kind = "Constant"
    is_data_movement = True
    array: np.ndarray

    @property
    def is_number(self) -> bool:
        """Whether it is one number of a dtype that Rust has literals for, which is written into the code."""
        return self.array.size == 1 and self.y.dtype not in NARROW

    def params(self) -> dict[str, object]:
        return {"value": str(self.array.reshape(())[()])} if self.is_number else {}

    def weights(self) -> list[Weight]:
        return [] if self.is_number else [Weight("value", self.array)]


def constant(array: np.ndarray, name: str = "constant") -> Constant:
    """A constant with a new output value."""
    return Constant(array=array, inputs=[], outputs=[Value(name, array.dtype.name, array.shape)])
