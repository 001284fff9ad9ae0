"""Transposed convolutions over one to three spatial dimensions, channels-last, with a constant kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.conv.window import kernel_size
from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Dims, Layer, Weight
from tf2rust.ops.core.packing import Matrices
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.indexing.slice import Slice
from tf2rust.ops.linear.affine import Affine
from tf2rust.ops.shape.transpose import wrap_channels_last


@dataclass(eq=False, kw_only=True)
class ConvTranspose(Affine):
    """A channels-last transposed convolution: [n, *spatial, c] → [n, *spatial', filters].

    ``kernel`` is [*window, c / groups, filters]. ``cut`` is the number of elements that are cropped at the start of
    each axis.
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    cut: tuple[int, ...]
    groups: int = 1

    @property
    def kind(self) -> str:
        # tf2onnx writes a convolution over sequences as one over images of height 1.
        line = len(self.size) == 2 and self.size[0] == 1 and self.x.shape[1] == self.y.shape[1] == 1
        return f"Conv{1 if line else len(self.size)}DTranspose"

    @property
    def channels(self) -> int:
        return int(self.kernel.shape[-2]) * self.groups

    def params(self) -> dict[str, object]:
        return {
            "filters": self.y.shape[-1],
            "kernel_size": list(self.size),
            "strides": list(self.strides),
            "dilation_rate": list(self.dilations),
            "groups": self.groups,
            "activation": self.activation_name(),
        }

    def scaled_input(self, factors: np.ndarray) -> np.ndarray:
        filters = self.kernel.shape[-1]
        return np.asarray(self.kernel * np.repeat(factors.reshape(self.groups, -1), filters // self.groups, axis=0).T)

    def of_constant(self, channels: np.ndarray) -> np.ndarray | None:
        """At the borders, fewer taps contribute than inside."""
        return None

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        """A slice of the result, for exporters that crop with a separate node."""
        if isinstance(consumer, Slice) and self.is_linear:
            starts = consumer.starts[1:-1]
            ends = [consumer.starts[i] == 0 and consumer.y.shape[i] == self.y.shape[i] for i in (0, -1)]
            if all(ends) and all(s == 1 for s in consumer.steps) and all(isinstance(s, int) for s in starts):
                return replace(self, cut=tuple(a + int(str(s)) for a, s in zip(self.cut, starts, strict=True)))
            return None
        return super().fuse_consumer(consumer)

    def multiply_adds(self) -> Dim:
        """Every input element contributes to one window of the output, before that is cropped."""
        return product(self.x.shape[:-1]) * self.kernel.size

    def weights(self) -> list[Weight]:
        depth, filters = self.kernel.shape[-2:]
        grouped = self.kernel.reshape(-1, depth, self.groups, filters // self.groups)
        columns = np.ascontiguousarray(grouped.transpose(1, 2, 0, 3).reshape(depth, -1))
        kernel = Weight("kernel", columns, Matrices(self.groups))
        return [kernel, *self.vectors()]


def geometry(node: Node, spatial: Dims, size: Sequence[int]) -> tuple[Dims, tuple[int, ...]]:
    """The spatial dims of the output, and the elements cropped from their start."""
    rank = len(size)
    strides, dilations = node.attr("strides", [1] * rank), node.attr("dilations", [1] * rank)
    extra, pads = node.attr("output_padding", [0] * rank), node.attr("pads", [0] * (2 * rank))
    mode, wanted = node.attr("auto_pad", "NOTSET"), node.attr("output_shape")
    sizes: list[Dim] = []
    cut = []
    for i, length in enumerate(spatial):
        full = (length - 1) * strides[i] + dilations[i] * (size[i] - 1) + 1 + extra[i]
        if wanted is None and mode in ("NOTSET", "VALID"):
            before, after = (pads[i], pads[rank + i]) if mode == "NOTSET" else (0, 0)
            sizes.append(full - before - after)
            cut.append(before)
            continue
        target = length * strides[i] if wanted is None else wanted[len(wanted) - rank + i]
        total = full - target
        if not isinstance(total, int):
            raise InferenceError(f"its padding depends on the symbolic dimension {length}; bind it with --dim")
        total = max(total, 0)
        sizes.append(target)
        cut.append(total // 2 if mode == "SAME_UPPER" else total - total // 2)
    if min(cut, default=0) < 0 or any(isinstance(s, int) and s < 0 for s in sizes):
        raise InferenceError("its padding is negative, or crops more than the whole result")
    return tuple(sizes), tuple(cut)


@infers("ConvTranspose")
def _conv_transpose(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x, kernel = (infos.shape(v) for v in node.operands(2))
    spatial, _ = geometry(node, x[2:], kernel_size(kernel))
    return [ValueInfo(infos.dtype(node.x), (x[0], kernel[1] * node.attr("group", 1), *spatial))]


@rule(Op("ConvTranspose", Var("x"), Const("kernel"), more=True))
def conv_transpose(m: Match, b: Builder) -> RuleResult:
    """Channels-first input and output: the layout pass removes the transposes around the layer."""
    x, y, kernel = b.value(m["x"]), b.value(m.y), m.const("kernel")
    rank, groups = x.rank - 2, m.root.attr("group", 1)
    if rank not in (1, 2, 3) or kernel.dtype != np.float32:
        return m.reject(
            f"it has {rank} spatial axes and a {kernel.dtype} kernel, which is not supported (supported: 1 to 3 "
            "axes of float32)"
        )
    size = list(kernel.shape[2:])
    if m.root.attr("kernel_shape", size) != size or x.shape[1] != kernel.shape[0] or kernel.shape[0] % groups:
        return m.reject(f"{x.shape[1]} channels in {groups} groups do not match the kernel {kernel.shape}")
    bias = None
    if m.root.input(2) is not None and (bias := b.infos.const(m.root.input(2))) is None:
        return m.reject("its bias is not a constant")
    if bias is not None and bias.shape != (kernel.shape[1] * groups,):
        return m.reject(f"a bias of shape {bias.shape} does not match {kernel.shape[1] * groups} filters")
    _, cut = geometry(m.root, x.shape[2:], size)
    first, last = wrap_channels_last(x, y, b)
    # [groups · c/g, filters/g, *window] -> [*window, c/g, groups · filters/g]
    parts = kernel.reshape(groups, -1, *kernel.shape[1:])
    keras = np.moveaxis(parts, (1, 0, 2), (-3, -2, -1)).reshape(*size, kernel.shape[0] // groups, -1)
    layer = ConvTranspose(
        kernel=np.ascontiguousarray(keras),
        bias=bias,
        size=tuple(size),
        strides=tuple(m.root.attr("strides", [1] * rank)),
        dilations=tuple(m.root.attr("dilations", [1] * rank)),
        cut=cut,
        groups=groups,
        inputs=[first.y],
        outputs=[last.x],
    )
    return [first, layer, last]
