"""Fourier transforms as matrix products (DFT) and convolutions (STFT)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from tf2rust.ops.conv.conv import Conv
from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.generator.constant import constant
from tf2rust.ops.indexing.gather import Gather
from tf2rust.ops.linear.dense import Dense
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose, inverse, permute

_MAX_SIZE = 1 << 22
"""The maximum number of elements of a transform's matrix; larger transforms would need an FFT, which is not
implemented.
"""


def _integer(infos: ValueInfos, value: ir.Value | None, name: str) -> int | None:
    """The value of a constant scalar input; None if it is absent."""
    if value is None:
        return None
    array = infos.const(value)
    if array is None:
        raise InferenceError(f"its {name} is not a constant")
    if array.size != 1:
        raise InferenceError(f"its {name} must be one number, but has shape {list(array.shape)}")
    return int(array.reshape(()))


def _fixed(size: Dim) -> int:
    if not isinstance(size, int):
        raise InferenceError(f"it transforms the symbolic dimension {size}; bind it with --dim")
    return size


def _dft_plan(node: Node, infos: ValueInfos) -> tuple[int, int, int]:
    """The axis, the length of the transform, and the size of the result along the axis."""
    shape = infos.shape(node.x)
    given = node.attr("axis", 1) if node.version < 20 else _integer(infos, node.input(2), "axis")
    axis = normal_axis(-2 if given is None else given, len(shape))
    size = _fixed(shape[axis])
    one_sided, back = node.attr("onesided", 0), node.attr("inverse", 0)
    length = _integer(infos, node.input(1), "dft_length") or (2 * (size - 1) if one_sided and back else size)
    return axis, length, length // 2 + 1 if one_sided and not back else length


@infers("DFT")
def _dft(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    axis, _, count = _dft_plan(node, infos)
    parts = 1 if node.attr("onesided", 0) and node.attr("inverse", 0) else 2
    shape = (*data.shape[:axis], count, *data.shape[axis + 1 :])
    return [ValueInfo(data.dtype, (*shape[:-1], parts))]


def _matrix(size: int, parts: int, length: int, count: int, *, back: bool, real: bool) -> np.ndarray:
    """The matrix for a row of ``size`` numbers of ``parts`` (real, imaginary): [size · parts, count · 1 or 2].

    exp(∓2πi · j · k / length), divided by the length for the inverse. ``real``: the row is one half of a
    conjugate-symmetric spectrum, so that the result has no imaginary part.
    """
    j, k = np.arange(size)[:, None], np.arange(count)[None, :]
    angle = 2 * np.pi * (j * k % length) / length
    cos, sin = np.cos(angle), np.sin(angle) * (1 if back else -1)
    inside = (j < length).astype(np.float64)
    if back:
        inside = inside / length
    if real:
        inside = inside * np.where((j == 0) | (2 * j == length), 1, 2) * (j <= length // 2)
        return np.asarray(np.stack([inside * cos, inside * -sin], 1).reshape(size * 2, count))
    rows = [np.stack([cos, sin], -1), np.stack([-sin, cos], -1)][:parts]
    return np.asarray((np.stack(rows, 1) * inside[:, None, :, None]).reshape(size * parts, count * 2))


def _transform(x: Value, y: Value, kernel: np.ndarray, b: Builder) -> list[Layer]:
    """From [..., size, parts] to [..., count, parts]."""
    flat = b.temporary(x, (*x.shape[:-2], kernel.shape[0]))
    made = b.temporary(y, (*y.shape[:-2], kernel.shape[1]))
    return [
        Reshape(inputs=[x], outputs=[flat]),
        Dense(kernel=kernel.astype(np.float32), inputs=[flat], outputs=[made]),
        Reshape(inputs=[made], outputs=[y]),
    ]


@rule(Op("DFT", Var("x"), more=True))
def dft(m: Match, b: Builder) -> RuleResult:
    """A product with a matrix of roots of unity, which is accurate, and fast for short transforms."""
    x, y = b.value(m["x"]), b.value(m.y)
    axis, length, count = _dft_plan(m.root, b.infos)
    back, one_sided = bool(m.root.attr("inverse", 0)), bool(m.root.attr("onesided", 0))
    size, parts = _fixed(x.shape[axis]), _fixed(x.shape[-1])
    if x.dtype != "float32" or parts not in (1, 2) or axis == x.rank - 1 or size * parts * count * 2 > _MAX_SIZE:
        return m.reject(f"its input {x} is not supported (supported: float32 with up to {_MAX_SIZE} products per row)")
    if back and one_sided and parts != 2:
        return m.reject("its spectrum has no imaginary part")
    kernel = _matrix(size, parts, length, count, back=back, real=back and one_sided)
    perm = (*(a for a in range(x.rank) if a not in (axis, x.rank - 1)), axis, x.rank - 1)
    if perm == tuple(range(x.rank)):
        return _transform(x, y, kernel, b)
    first = Transpose(perm=perm, inputs=[x], outputs=[b.temporary(x, permute(x.shape, perm))])
    inner = b.temporary(y, permute(y.shape, perm))
    return [
        first,
        *_transform(first.y, inner, kernel, b),
        Transpose(perm=inverse(perm), inputs=[inner], outputs=[y]),
    ]


def _frames(node: Node, infos: ValueInfos) -> tuple[int, int, Dim]:
    """The step between frames, the length of a frame, and the number of frames."""
    shape = infos.shape(node.x)
    step = _integer(infos, node.input(1), "frame_step")
    length = _integer(infos, node.input(3), "frame_length")
    window = node.input(2)
    if length is None and window is not None:
        length = _fixed(infos.shape(window)[0])
    if not step or not length:
        raise InferenceError("it has no frame_length or no frame_step")
    return step, length, (shape[1] - length) // step + 1


@infers("STFT")
def _stft(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    _, length, count = _frames(node, infos)
    bins = length // 2 + 1 if node.attr("onesided", 1) else length
    return [ValueInfo(data.dtype, (data.shape[0], count, bins, 2))]


@rule(Op("STFT", Var("x"), more=True))
def stft(m: Match, b: Builder) -> RuleResult:
    """A convolution along the signal, whose filters are the window times the waves of each frequency."""
    x, y = b.value(m["x"]), b.value(m.y)
    step, length, count = _frames(m.root, b.infos)
    m.root.has("onesided")
    parts, bins = _fixed(x.shape[2]) if x.rank == 3 else 1, _fixed(y.shape[2])
    too_short = isinstance(count, int) and count < 1
    if x.dtype != "float32" or too_short or length * parts * bins * 2 > _MAX_SIZE:
        return m.reject(
            f"its input {x} is not supported (supported: float32 with up to {_MAX_SIZE} products per frame)"
        )
    given = m.root.input(2)
    weights = None if given is None else b.infos.const(given)
    if given is not None and weights is None:
        return _of_gathered_frames(x, y, b.value(given), step, length, b)
    kernel = _matrix(length, parts, length, bins, back=False, real=False).reshape(length, parts, bins * 2)
    if weights is not None:
        kernel = kernel * weights.astype(np.float64)[:, None, None]
    signal = Reshape(inputs=[x], outputs=[b.temporary(x, (*x.shape[:2], parts))])
    spectra = Conv(
        kernel=kernel.astype(np.float32),
        window=Window((length,), (step,), (1,), ((0, 0),)),
        inputs=[signal.y],
        outputs=[b.temporary(y, (x.shape[0], count, bins * 2))],
    )
    return [signal, spectra, Reshape(inputs=[spectra.y], outputs=[y])]


def _of_gathered_frames(x: Value, y: Value, window: Value, step: int, length: int, b: Builder) -> list[Layer]:
    """Gathers frames of a signal of known length, multiplies them by a window that is computed, and transforms them."""
    parts, bins, count = _fixed(x.shape[2]) if x.rank == 3 else 1, _fixed(y.shape[2]), _fixed(y.shape[1])
    positions = constant((np.arange(count)[:, None] * step + np.arange(length)[None, :]).reshape(-1))
    shape = (x.shape[0], count * length, parts)
    signal = Reshape(inputs=[x], outputs=[b.temporary(x, (*x.shape[:2], parts))])
    picked = Gather(axis=1, inputs=[signal.y, positions.y], outputs=[b.temporary(x, shape)])
    frames = Reshape(inputs=[picked.y], outputs=[b.temporary(x, (x.shape[0], count, length, parts))])
    column = Reshape(inputs=[window], outputs=[b.temporary(x, (length, 1))])
    weighted = b.temporary(x, frames.y.shape)
    product = Binary(function="Mul", inputs=[frames.y, column.y], outputs=[weighted])
    kernel = _matrix(length, parts, length, bins, back=False, real=False)
    return [signal, positions, picked, frames, column, product, *_transform(weighted, y, kernel, b)]
