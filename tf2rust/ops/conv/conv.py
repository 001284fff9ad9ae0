"""Convolutions over one to three spatial dimensions, channels-last, with a constant kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.conv.window import Window, kernel_size, window, without_flat_axis
from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer, Value, Weight
from tf2rust.ops.core.packing import VECTOR, Matrices, Winograd, winograd_tile
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.linear.affine import Affine, channel_scales
from tf2rust.ops.shape.transpose import wrap_channels_last

_MANY_PIXELS = 128
"""With this many uses of each weight, computing takes as long as reading the weight from memory."""
_CACHED_WEIGHTS = 1 << 18
"""The number of weights that fills half of a common level-2 cache."""


@dataclass(eq=False, kw_only=True)
class Convolution(Layer):
    """What convolutions of floats and of integers have in common: the window, and the groups of channels."""

    window: Window
    groups: int = 1

    @property
    def rank(self) -> int:
        return len(self.window.size)

    @property
    def channels(self) -> int:
        size = self.x.shape[-1]
        assert isinstance(size, int)
        return size

    @property
    def depthwise(self) -> bool:
        return self.groups > 1 and self.groups == self.channels and self.rank < 3


@dataclass(eq=False, kw_only=True)
class Conv(Convolution, Affine):
    """A channels-last convolution: [n, *spatial, c] → [n, *spatial', filters].

    ``kernel`` is [*window, c / groups, filters] as in Keras, or [*window, filters] for a depthwise convolution over one
    or two dimensions.
    """

    @property
    def kind(self) -> str:
        return f"{'Depthwise' if self.depthwise else ''}Conv{self.rank}D"

    @property
    def winograd(self) -> bool:
        """Whether Winograd's algorithm saves more multiplications than its transforms cost.

        There must be enough multiplications per transformed number, the last tile of a line must be mostly used, and
        the weights, which get larger, must be used by many pixels or stay in a cache. Only float32 kernels have
        transforms, and layers that round x to bfloat16 would round the results of the transforms.
        """
        if (
            self.kernel.dtype != np.float32
            or self.rounds
            or self.rank > 2
            or self.groups > 1
            or {*self.window.strides, *self.window.dilations} != {1}
        ):
            return False
        filters, (*height, width) = self.y.shape[-1], self.window.size
        depth = self.channels * math.prod(height)
        assert isinstance(filters, int)
        if not 2 <= width <= 5 or self.channels < 16 or depth < 32 or filters < 32:
            return False
        spatial = [d if isinstance(d, int) else _MANY_PIXELS for d in self.y.shape[1:-1]]
        tile = winograd_tile(width)
        tiles = -(-spatial[-1] // (tile + 1 - width))
        if 1.25 * tiles * tile > spatial[-1] * width:
            return False
        return math.prod(spatial) >= _MANY_PIXELS or tile * depth * filters <= _CACHED_WEIGHTS

    def params(self) -> dict[str, object]:
        return {
            "filters": self.y.shape[-1],
            **self.window.params(),
            "groups": self.groups,
            "activation": self.activation_name(),
            **self.precision(),
        }

    def _by_channel(self, channels: np.ndarray) -> np.ndarray:
        """One number per input channel, arranged like the kernel's input channels."""
        filters = self.kernel.shape[-1]
        if self.depthwise:
            return np.repeat(channels, filters // self.channels)
        return np.repeat(channels.reshape(self.groups, -1), filters // self.groups, axis=0).T

    def scaled_input(self, factors: np.ndarray) -> np.ndarray:
        return np.asarray(self.kernel * self._by_channel(factors))

    def of_constant(self, channels: np.ndarray) -> np.ndarray | None:
        """Zero padding is independent of the input, so a padded convolution differs at the borders."""
        if self.window.is_padded:
            return None
        return np.asarray(self.scaled_input(channels).astype(np.float64).reshape(-1, self.kernel.shape[-1]).sum(axis=0))

    def simplified(self) -> list[Layer] | None:
        parts = without_flat_axis(self, self.window)
        if parts is not None:
            (line,) = (p for p in parts if isinstance(p, Conv))
            line.kernel = line.kernel.reshape(*line.window.size, *self.kernel.shape[2:])
        return parts

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)

    def gemm_rows(self) -> Dim:
        return product(self.y.shape[:-1])

    def weights(self) -> list[Weight]:
        kernel = Weight("kernel", self.kernel, VECTOR if self.depthwise else Matrices(self.groups))
        if self.winograd:
            shape = (*(1,) * (2 - self.rank), *self.window.size, *self.kernel.shape[-2:])
            kernel = Weight("kernel", self.kernel.reshape(shape), Winograd())
        elif self.rank == 3:  # a matrix for each tap along the depth
            depth, filters = self.window.size[0], self.kernel.shape[-1]
            taps = np.moveaxis(self.kernel, 0, -2).reshape(-1, depth * filters)
            kernel = Weight("kernel", np.ascontiguousarray(taps), Matrices(depth * self.groups))
        return [kernel, *self.small_vectors(), *self.vectors()]

    def scratch_size(self) -> Dim:
        return self.rounded_size() + self.strip_size()

    @property
    def takes_residual(self) -> bool:
        return self.rank < 3 and not self.depthwise


@infers("Conv")
def _conv(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x, kernel = (infos.shape(v) for v in node.operands(2))
    spatial = window(node, x[2:], kernel_size(kernel)).output(x[2:])
    return [ValueInfo(infos.dtype(node.x), (x[0], kernel[0], *spatial))]


@rule(Op("Conv", Var("x"), Const("kernel"), more=True))
def conv(m: Match, b: Builder) -> RuleResult:
    bias = None
    if m.root.input(2) is not None and (bias := b.infos.const(m.root.input(2))) is None:
        return m.reject("its bias is not a constant")
    scales = channel_scales(b.infos[m["kernel"]], 0)
    return convolution(m, b, b.value(m["x"]), b.value(m.y), m.const("kernel"), bias, scales)


def convolution(
    m: Match,
    b: Builder,
    x: Value,
    y: Value,
    kernel: np.ndarray,
    bias: np.ndarray | None,
    scales: np.ndarray | None,
    node: Node | None = None,
) -> RuleResult:
    """A convolution with the window of ``node``, the last of the match by default: the layout pass removes the
    transposes around the layer.

    x, y and the kernel are channels-first. ``scales`` are those of the filters if the kernel was dequantized.
    """
    rank, node = x.rank - 2, node or m.root
    if rank not in (1, 2, 3):
        return m.reject(f"it convolves over {rank} axes; 1 to 3 are supported")
    if kernel.dtype != np.float32:
        return m.reject(f"its kernel has the unsupported dtype {kernel.dtype} (supported: float32)")
    size = node.attr("kernel_shape", list(kernel.shape[2:]))
    if list(size) != list(kernel.shape[2:]):
        return m.reject(f"kernel_shape {size} does not match the kernel {kernel.shape}")
    groups, channels = node.attr("group", 1), x.shape[1]
    if not isinstance(channels, int) or channels != kernel.shape[1] * groups or kernel.shape[0] % groups:
        return m.reject(f"{channels} channels in {groups} groups do not match the kernel {kernel.shape}")
    if bias is not None and bias.shape != kernel.shape[:1]:
        return m.reject(f"a bias of shape {bias.shape} does not match {kernel.shape[0]} filters")
    first, last = wrap_channels_last(x, y, b)
    # [filters, c/g, *window] -> [*window, c/g, filters], the order of a channels-last input.
    keras_kernel = np.moveaxis(kernel, (0, 1), (-1, -2))
    if groups > 1 and groups == channels and rank < 3:
        keras_kernel = keras_kernel[..., 0, :]
    layer = Conv(
        kernel=keras_kernel,
        bias=bias,
        scales=scales,
        groups=groups,
        window=window(node, x.shape[2:], size),
        inputs=[first.y],
        outputs=[last.x],
    )
    return [first, layer, last]
