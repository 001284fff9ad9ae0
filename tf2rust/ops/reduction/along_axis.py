"""The base class of layers that work along an axis."""

from __future__ import annotations

from dataclasses import dataclass

from tf2rust.ops.core.layer import Layer


@dataclass(eq=False, kw_only=True)
class AlongAxis(Layer):
    """A layer that works along ``axis``."""

    axis: int
