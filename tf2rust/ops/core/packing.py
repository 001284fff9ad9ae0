"""Packings: the layouts of weights in tf-layers' weight blob."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

PANEL = 16
"""The columns of a panel of a packed matrix."""


def step_of(dtype: str) -> int:
    """The neighbouring elements of a column that are side by side in a packed matrix of this dtype; ``uint16`` holds
    bfloat16.
    """
    return {"int8": 4, "uint16": 2}.get(dtype, 1)


def winograd_tile(width: int) -> int:
    """The inputs t of a tile of a Winograd convolution. It computes t + 1 − ``width`` outputs at a time."""
    return 8 if width > 3 else 6


class Packing(ABC):
    """A layout of an array in the blob."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Its name in tf-layers: a constructor of ``Entry`` and a method of ``Blob`` that takes the same sizes."""

    @abstractmethod
    def sizes(self, shape: Sequence[int]) -> list[int | tuple[int, ...]]:
        """The sizes that both take for an array of ``shape``."""

    @abstractmethod
    def packed(self, shape: Sequence[int], step: int = 1) -> int:
        """The number of elements in the blob of an array of ``shape``; ``step`` is that of its dtype in ``step_of``."""


@dataclass(frozen=True)
class Vector(Packing):
    """The array without changes."""

    @property
    def name(self) -> str:
        return "vector"

    def sizes(self, shape: Sequence[int]) -> list[int | tuple[int, ...]]:
        return [math.prod(shape)]

    def packed(self, shape: Sequence[int], step: int = 1) -> int:
        del step
        return math.prod(shape)


@dataclass(frozen=True)
class Matrices(Packing):
    """``groups`` matrices that are concatenated along the last axis, each packed in panels of 16 columns."""

    groups: int = 1

    @property
    def name(self) -> str:
        return "matrix" if self.groups == 1 else "matrices"

    def sizes(self, shape: Sequence[int]) -> list[int | tuple[int, ...]]:
        groups: list[int | tuple[int, ...]] = [] if self.groups == 1 else [self.groups]
        return [*groups, *self._matrix(shape)]

    def packed(self, shape: Sequence[int], step: int = 1) -> int:
        rows, columns = self._matrix(shape)
        return self.groups * math.ceil(rows / step) * step * math.ceil(columns / PANEL) * PANEL

    def _matrix(self, shape: Sequence[int]) -> tuple[int, int]:
        return math.prod(shape[:-1]), shape[-1] // self.groups


@dataclass(frozen=True)
class Winograd(Packing):
    """A kernel [height, width, channels, filters], transformed for tf-layers' ``WinogradConv2d``."""

    @property
    def name(self) -> str:
        return "winograd"

    def sizes(self, shape: Sequence[int]) -> list[int | tuple[int, ...]]:
        height, width, channels, filters = shape
        return [(height, width), channels, filters]

    def packed(self, shape: Sequence[int], step: int = 1) -> int:
        height, width, channels, filters = shape
        return Matrices().packed([winograd_tile(width), height, channels, filters], step)


VECTOR = Vector()
MATRIX = Matrices()
