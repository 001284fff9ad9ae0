"""What layers share that work on every line of a tensor along an axis."""

from __future__ import annotations

from dataclasses import dataclass

from tf2rust.ops.core.dims import product
from tf2rust.ops.core.layer import Layer, RustCall


@dataclass(eq=False, kw_only=True)
class AlongAxis(Layer):
    """A layer that works on every line along ``axis``."""

    axis: int

    def split(self, call: RustCall) -> str:
        """The shape as [outer, axis, inner]."""
        shape = self.x.shape
        if not shape:
            return call.dims((1, 1, 1))
        return call.dims((product(shape[: self.axis]), shape[self.axis], product(shape[self.axis + 1 :])))


def flag(value: bool) -> str:
    """``true`` or ``false``, as Rust has it."""
    return str(value).lower()
