"""Layers that normalize vectors: Layer-, Group-, RMS- and UnitNormalization."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.core.dims import product
from tf2rust.ops.core.dtypes import NARROW
from tf2rust.ops.core.layer import Layer, Perm, Weight
from tf2rust.ops.elementwise.binary import Binary

_REFUSED = frozenset({*NARROW, "float64"})


@dataclass(eq=False, kw_only=True)
class _Normalization(Layer):
    """Normalises along ``axis`` and the next ``span`` − 1 axes together, then multiplies by gamma and adds beta."""

    refused_dtypes = _REFUSED

    axis: int
    span: int = 1
    gamma: np.ndarray | None = None
    beta: np.ndarray | None = None

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        return None if perm is None or self.span > 1 else (replace(self, axis=perm[self.axis]), perm)

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched) and self.axis > 0

    def weights(self) -> list[Weight]:
        return [Weight(n, w) for n, w in (("gamma", self.gamma), ("beta", self.beta)) if w is not None]

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        """A factor, then a summand, for each element of the last axis, if it is the only normalised axis."""
        if self.axis != self.x.rank - 1 or not isinstance(consumer, Binary):
            return None
        if (vector := consumer.last_axis()) is None or self.beta is not None:
            return None
        if consumer.function == "Mul":
            return replace(self, gamma=vector if self.gamma is None else self.gamma * vector)
        return replace(self, beta=vector) if consumer.function == "Add" and self.has_beta else None

    has_beta = True


@dataclass(eq=False, kw_only=True)
class LayerNormalization(_Normalization):
    """(x − mean) / √(variance + epsilon) · gamma + beta."""

    kind = "LayerNormalization"
    epsilon: float


@dataclass(eq=False, kw_only=True)
class RmsNormalization(_Normalization):
    """x / √(mean(x²) + epsilon) · gamma."""

    kind = "RMSNormalization"
    has_beta = False
    epsilon: float


@dataclass(eq=False, kw_only=True)
class UnitNormalization(_Normalization):
    """x · min(1 / ‖x‖, ``limit``) with the norm ``p`` = 1 or 2."""

    kind = "UnitNormalization"
    has_beta = False
    limit: float = float("inf")
    p: int = 2

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        return None


@dataclass(eq=False, kw_only=True)
class GroupNormalization(Layer):
    """(x − mean) / √(variance + epsilon) · gamma + beta over all positions and the channels of a group: [n, …, c].

    The last ``channel_axes`` axes together are the channels. A group is a contiguous part of them.
    """

    refused_dtypes = _REFUSED

    groups: int
    epsilon: float
    gamma: np.ndarray | None = None
    beta: np.ndarray | None = None
    channel_axes: int = 1

    @property
    def kind(self) -> str:
        return "GroupNormalization" if self.groups < self.channels else "InstanceNormalization"

    @property
    def channels(self) -> int:
        return int(str(product(self.x.shape[self.x.rank - self.channel_axes :])))

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        """A factor, then a summand, for each channel."""
        if self.channel_axes > 1 or not isinstance(consumer, Binary) or self.beta is not None:
            return None
        if (vector := consumer.last_axis()) is None:
            return None
        if consumer.function == "Mul":
            return replace(self, gamma=vector if self.gamma is None else self.gamma * vector)
        return replace(self, beta=vector) if consumer.function == "Add" else None

    def weights(self) -> list[Weight]:
        return [Weight(n, w) for n, w in (("gamma", self.gamma), ("beta", self.beta)) if w is not None]


def along(array: np.ndarray, axes: Sequence[int], rank: int) -> np.ndarray | None:
    """A constant as a vector along adjacent ``axes``, if it does not vary along the others."""
    if array.ndim > rank:
        return None
    full = array.reshape((1,) * (rank - array.ndim) + array.shape)
    size = int(np.prod([full.shape[a] for a in axes]))
    return full.reshape(-1).astype(np.float32, copy=False) if size == full.size else None
