"""Dense layers and convolutions on 8-bit integers: i32 sums, scaled once and rounded to 8 bits again.

    sum = bias[c] + Σ x · kernel[·, c]                            in i32, with x as bytes from 0 to 255
    y   = clamp(round(sum · multiplier[c]) + zero_point, min, max)    in float32, halves to even

The bias contains the zero point of x: ``bias[c] = b[c] − zero_point_of_x · Σ kernel[·, c]``. The multiplier is
``scale_of_x · scale_of_kernel[c] / scale_of_y``.

Weights that do not fit in int8, such as those of uint8 with a zero point near 0, are an int8 kernel minus a zero point
for each column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tf2rust.ops.conv.conv import Conv, Convolution
from tf2rust.ops.core.activation import LINEAR, Activation
from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.layer import Layer, Value, Weight
from tf2rust.ops.core.packing import VECTOR, Matrices, Packing
from tf2rust.ops.linear.affine import Affine
from tf2rust.ops.linear.dense import Dense
from tf2rust.ops.quantized.scale import LARGEST_BYTE, NOT_NORMAL, Scale, are_normal, int8_kernel, sums_fit

ZERO_POINTS = "kernel_zero_points"
"""The name of the zero points of a kernel among a layer's weights."""
_LARGEST_REST = 2.0**-16
"""The largest part of a step that is dropped when a bias becomes an integer: a step of the sums or, if it is larger, of
the result. About as many results move to other integers as by the rounding of float32 numbers.
"""
_ROUNDING = 2.0**-22
"""The relative error of a float32 bias that was dequantized, and of its scale."""
BETWEEN_STEPS = "its bias is not a multiple of the scale of its sums"
"""Why a layer has no form on integers if integers would change its bias too much."""


@dataclass(eq=False, kw_only=True)
class IntegerProduct(Layer):
    """A product of 8-bit integers with an int8 kernel, whose last axis is that of the columns of y."""

    kernel: np.ndarray
    kernel_zero_points: np.ndarray | None = None
    """What is subtracted from the kernel: an int32 number for each column. None if they are all 0."""

    @property
    def takes_columns(self) -> bool:
        return True

    def scratch_size(self) -> Dim:
        """The zero points are multiplied by the sums of the rows of x."""
        return 0 if self.kernel_zero_points is None else self.gemm_rows()

    def kernel_weights(self, packing: Packing) -> list[Weight]:
        kernel = [Weight("kernel", self.kernel, packing)]
        return kernel if self.kernel_zero_points is None else [*kernel, Weight(ZERO_POINTS, self.kernel_zero_points)]

    def gemm_rows(self) -> Dim:
        return product(self.y.shape[:-1])

    def multiply_adds(self) -> Dim:
        return self.gemm_rows() * self.kernel.size


@dataclass(eq=False, kw_only=True)
class QuantizedProduct(IntegerProduct):
    """A product to 8-bit integers or, without ``y_zero_point``, to float32. A second input is a bias in float32.

    ``kernel`` has the axes of the float layer's, ``bias`` and ``multipliers`` one number per channel of y.
    """

    bias: np.ndarray
    multipliers: np.ndarray
    x_zero_point: int
    y_zero_point: int | None
    limits: tuple[int, int]
    """The smallest and the largest integer of y, from the activation and the dtype."""
    activation: Activation = LINEAR
    """A clamp."""

    @property
    def is_requantized(self) -> bool:
        """Whether y has 8-bit integers."""
        return self.y_zero_point is not None

    def params(self) -> dict[str, object]:
        own: dict[str, object] = {"x_zero_point": self.x_zero_point}
        if self.is_requantized:
            own |= {"y_zero_point": self.y_zero_point, "min": self.limits[0], "max": self.limits[1]}
        return {**own, "activation": self.activation.plain()}

    def weights(self) -> list[Weight]:
        vectors = [Weight("bias", self.bias), Weight("multipliers", self.multipliers)]
        return [*self.kernel_weights(self.packing()), *vectors]

    def packing(self) -> Packing:
        return Matrices()

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        whole = batched[0] and not any(batched[1:]) and self.x.shape[:1] == self.y.shape[:1]
        return whole and self.x.rank > 1


@dataclass(eq=False, kw_only=True)
class QuantizedDense(QuantizedProduct):
    """A Dense layer on 8-bit integers: [..., k] · [k, n] → [..., n]."""

    kind = "QuantizedDense"


@dataclass(eq=False, kw_only=True)
class QuantizedConv(Convolution, QuantizedProduct):
    """A convolution of 8-bit integers; the window, the groups and the axes of the kernel are those of Conv.

    The padding has the zero point of x.
    """

    @property
    def kind(self) -> str:
        return f"Quantized{'Depthwise' if self.depthwise else ''}Conv{self.rank}D"

    def params(self) -> dict[str, object]:
        return {
            "filters": self.y.shape[-1],
            **self.window.params(),
            "groups": self.groups,
            **super().params(),
        }

    @property
    def takes_columns(self) -> bool:
        return not self.depthwise

    def packing(self) -> Packing:
        return VECTOR if self.depthwise else Matrices(self.groups)

    def scratch_size(self) -> Dim:
        """The rows of x are windows. Their sums are those of the sums of their pixels."""
        pixels = 0 if self.kernel_zero_points is None else product(self.x.shape[:-1])
        return super().scratch_size() + pixels


def quantized_product(
    layer: Affine, x: Value, x_scale: Scale, y: Value, y_scale: Scale | None
) -> QuantizedProduct | str:
    """The layer on 8-bit integers, or the reason why there is none.

    ``x`` holds the integers of the layer's input, and ``y`` those of its output or, without ``y_scale``, float32. The
    layer with float32 results has no activation that is not a clamp: the caller adds it.
    """
    if layer.residual is not None:
        return "it adds a residual input that is not quantized between the product and the sum"
    if not isinstance(layer, (Dense, Conv)) or (isinstance(layer, Conv) and layer.rank > 2):
        return f"{layer.kind} has no form on integers"
    if layer.slopes is not None:
        return "its PReLU is not quantized apart from the product"
    if y_scale is None and isinstance(layer, Conv) and layer.depthwise:
        return "its result is not quantized"
    limits = (0, 0) if y_scale is None else y_scale.clamp(layer.activation)
    if limits is None:
        return f"its activation {layer.activation.plain()} is not quantized apart from the product"
    if layer.scales is None:
        return "its kernel is not quantized with one scale, or one per output channel"
    weights = integers_of(layer.kernel, layer.scales)
    parts = None if weights is None else int8_kernel(weights)
    if weights is None or parts is None:
        return "its kernel does not consist of 8-bit integers"
    kernel, zero_points = parts
    if not kernel.size:
        return "its kernel has no elements"
    if zero_points is not None and isinstance(layer, Conv) and layer.groups > 1:
        return "its kernel minus the zero point does not fit in int8, as groups of channels require"
    with np.errstate(all="ignore"):
        sum_scales = (np.float32(x_scale.scale) * layer.scales).astype(np.float32)
        multipliers = sum_scales if y_scale is None else (sum_scales / np.float32(y_scale.scale)).astype(np.float32)
    if not are_normal(multipliers):
        return NOT_NORMAL
    steps = np.zeros(kernel.shape[-1]) if layer.bias is None else layer.bias / sum_scales.astype(np.float64)
    if not np.isfinite(steps).all():
        return "its bias is infinite or NaN"
    own, rest = np.rint(steps), np.abs(steps - np.rint(steps))
    ratios = 1 / np.abs(multipliers.astype(np.float64))
    largest = _LARGEST_REST if y_scale is None else _LARGEST_REST * np.maximum(1, ratios)
    if not (rest <= largest + _ROUNDING * np.abs(own)).all():
        return BETWEEN_STEPS
    axes = tuple(range(kernel.ndim - 1))
    bias = own - x_scale.byte * weights.sum(axis=axes, dtype=np.int64)
    if not sums_fit(kernel, axes, bias, zero_points):
        return "its sums can exceed 32 bits"
    fields: dict[str, Any] = {
        "kernel": kernel,
        "kernel_zero_points": zero_points,
        "bias": bias.astype(np.int32),
        "multipliers": multipliers,
        "x_zero_point": x_scale.zero_point,
        "y_zero_point": None if y_scale is None else y_scale.zero_point,
        "limits": limits,
        "activation": LINEAR if layer.activation.bounds is None else layer.activation,
        "inputs": [x],
        "outputs": [y],
        "name": layer.name,
        "anchor": layer.anchor,
        "rules": layer.rules,
    }
    if isinstance(layer, Dense):
        return QuantizedDense(**fields)
    return QuantizedConv(window=replace(layer.window), groups=layer.groups, **fields)


def integers_of(numbers: np.ndarray, scales: np.ndarray) -> np.ndarray | None:
    """The integers from −255 to 255 that these float32 numbers are multiples of; None if they are not.

    ``scales`` are those of the last axis. The products have to be the same bit for bit, so that a kernel that was
    changed after it was dequantized is not taken for integers.
    """
    if scales.size != numbers.shape[-1]:
        return None
    with np.errstate(all="ignore"):
        integers = np.rint(numbers / scales)
    if not (np.abs(integers) <= LARGEST_BYTE).all() or not np.array_equal(integers * scales, numbers):
        return None
    return np.ascontiguousarray(integers.astype(np.int32))
