"""The scale and zero point of a tensor of 8-bit integers, and the step from i32 sums back to such a tensor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.activation import Activation

BYTES = ("int8", "uint8")
"""The dtypes that integer layers compute with."""
LARGEST_BYTE = 255
"""The largest difference between two 8-bit integers, and the largest byte that a kernel multiplies."""
LARGEST_SUM = (1 << 31) - 1
"""The largest sum of products."""


@dataclass(frozen=True)
class Scale:
    """What 8-bit integers mean: ``scale · (q − zero_point)``.

    ``zero_first`` tells that the zero point is added before a number is rounded, as some kernels of ONNX Runtime do.
    With an odd zero point, numbers halfway between two integers then go to the other one.
    """

    dtype: str
    scale: float
    """A float32 number."""
    zero_point: int
    zero_first: bool = False

    @property
    def limits(self) -> tuple[int, int]:
        """The smallest and the largest integer."""
        numbers = np.iinfo(self.dtype)
        return int(numbers.min), int(numbers.max)

    @property
    def byte(self) -> int:
        """The zero point of the bytes 0 to 255 that kernels compute with; they add 128 to an int8."""
        return self.zero_point - self.limits[0]

    def quantize(self, x: np.ndarray) -> np.ndarray:
        """The integers of float32 numbers, as QuantizeLinear rounds them: halves to even, and saturated.

        What is not a number has the integer of the zero point.
        """
        with np.errstate(over="ignore"):
            steps = np.asarray(x, np.float32) / np.float32(self.scale)
        steps = np.where(np.isnan(steps), np.float32(0), steps)
        before = np.float32(self.zero_point if self.zero_first else 0)
        rounded = np.rint(steps + before).astype(np.float64)
        return np.asarray(np.clip(rounded + self.zero_point - before, *self.limits), self.dtype)

    def numbers(self) -> np.ndarray:
        """The float32 number of each of the 256 bytes: the bits of an int8 or uint8."""
        integers = np.arange(256, dtype=np.uint8).view(self.dtype).astype(np.int32)
        with np.errstate(over="ignore"):
            return np.asarray((integers - self.zero_point).astype(np.float32) * np.float32(self.scale))

    def clamp(self, activation: Activation) -> tuple[int, int] | None:
        """The smallest and the largest integer of the activation's results; None if the activation is not a clamp.

        Rounding is monotone, so clamping the integers gives the same as clamping the numbers. If the smallest exceeds
        the largest, all results are the largest.
        """
        if activation.bounds is None:
            return None
        first, last = self.quantize(np.asarray(activation.bounds))
        return min(int(first), int(last)), int(last)


def are_normal(ratios: np.ndarray | float) -> bool:
    """Whether ratios of scales, which can overflow or underflow, are normal float32 numbers."""
    sizes = np.abs(ratios)
    return bool(np.all(np.isfinite(sizes) & (sizes >= np.finfo(np.float32).tiny)))


NOT_NORMAL = "the ratio of its scales is not a normal float32 number"
"""Why a layer has no form on integers if :func:`are_normal` does not hold."""


def int8_kernel(weights: np.ndarray) -> tuple[np.ndarray, np.ndarray | None] | None:
    """Weights as ``kernel − zero_points``: int8 numbers, and an int32 number for each channel, which is the last axis.

    Without zero points if the weights fit in int8. None if those of a channel are not at most 255 apart.
    """
    axes = tuple(range(weights.ndim - 1))
    low, high = weights.min(axis=axes, initial=0), weights.max(axis=axes, initial=0)
    fits = (low >= -128) & (high <= 127)
    if fits.all():
        return weights.astype(np.int8), None
    if (high - low > LARGEST_BYTE).any():
        return None
    zero_points = np.where(fits, 0, -128 - low).astype(np.int32)
    return (weights + zero_points).astype(np.int8), zero_points


def centered(kernel: np.ndarray, zero_points: np.ndarray) -> np.ndarray | None:
    """The int8 kernel minus its zero points, which broadcast; None if a difference does not fit in int8."""
    difference = kernel.astype(np.int32) - zero_points.astype(np.int32)
    if difference.min(initial=0) < -128 or difference.max(initial=0) > 127:
        return None
    return difference.astype(np.int8)


def sums_fit(
    kernel: np.ndarray,
    axis: int | tuple[int, ...],
    bias: np.ndarray | int = 0,
    zero_points: np.ndarray | None = None,
) -> bool:
    """Whether no sum of bytes times an int8 ``kernel`` along ``axis``, plus ``bias``, can exceed 32 bits.

    Nor can what the ``zero_points`` of the kernel take from it.
    """
    sizes = np.abs(kernel.astype(np.int64))
    if zero_points is not None:
        sizes += np.abs(zero_points)
    return bool((LARGEST_BYTE * sizes.sum(axis=axis) + np.abs(bias) <= LARGEST_SUM).all())


def plain_scales(scales: Sequence[float] | np.ndarray) -> object:
    """One scale or the range of several, for listings."""
    numbers = [float(f"{s:.4g}") for s in (np.min(scales), np.max(scales))]
    return numbers[0] if np.size(scales) == 1 or numbers[0] == numbers[1] else numbers


def single_scale(scale: np.ndarray | None, zero_point: np.ndarray | None, dtype: str) -> Scale | str:
    """The scale of a quantized tensor, or the reason why no integer layer takes such a tensor."""
    if dtype not in BYTES:
        return f"{dtype} activations compute in float32 (integer layers take int8 and uint8)"
    if scale is None or (zero_point is None):
        return "the scale or zero point is computed by the model"
    if scale.size != 1 or zero_point.size != 1:
        return "its activations have one scale per channel or block, and integer layers take one in all"
    return Scale(dtype, float(scale.reshape(())), int(zero_point.reshape(())))
