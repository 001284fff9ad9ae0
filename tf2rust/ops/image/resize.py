"""Resize and Upsample: interpolation along one axis after the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.layer import Dims, Layer, Perm, Value
from tf2rust.ops.core.parameters import decided_dims, dims_of_data, elements, is_data, length
from tf2rust.ops.core.pattern import Match, Mismatch, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.cast import Cast
from tf2rust.ops.quantized.scale import BYTES
from tf2rust.ops.shape.reshape import Reshape

_COORDINATES = {
    "half_pixel": "HalfPixel",
    "pytorch_half_pixel": "PytorchHalfPixel",
    "half_pixel_symmetric": "HalfPixelSymmetric",
    "align_corners": "AlignCorners",
    "asymmetric": "Asymmetric",
    "tf_half_pixel_for_nn": "HalfPixelNearest",
}
_CROP = "tf_crop_and_resize"
_INTEGERS = (*BYTES, "int32")
"""The dtypes besides float32 whose nearest elements are chosen."""
NEAREST = {
    "round_prefer_floor": "RoundPreferFloor",
    "round_prefer_ceil": "RoundPreferCeil",
    "floor": "Floor",
    "ceil": "Ceil",
}


@dataclass(eq=False, kw_only=True)
class Resize(Layer):
    """Resizes ``axes``, in ascending order, one after the other. ``coordinates`` maps positions in the result to
    positions in the input.


    ``scales`` holds the ratio of the sizes along each axis as the model gives it, as numerator and denominator; None if
    the ratios follow from the sizes.
    """

    kind = "Resize"
    axes: tuple[int, ...]
    coordinates: str
    interpolation: str
    scales: tuple[tuple[int, int], ...] | None
    cubic: float | None = -0.75
    """Keys' parameter; None for the triangle filter of antialiasing."""
    exclude_outside: bool = False
    crop: tuple[tuple[float, float], ...] | None = None
    """The visible part of the input along each axis, as fractions from 0 to 1."""
    outside: float = 0.0
    """The value of elements outside the input, which only cropping makes visible."""

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        """Every pass rounds its sums, so the axes must keep their order."""
        perm = perms[0]
        axes = () if perm is None else tuple(perm[axis] for axis in self.axes)
        return None if perm is None or list(axes) != sorted(axes) else (replace(self, axes=axes), perm)


@dataclass(eq=False, kw_only=True)
class DynamicResize(Resize):
    """Resizes the axes that change, by the second input: the ``sizes`` or, with ``by_scales``, the ratios of sizes.

    Its elements belong to the axes ``named``. A third input is the region to resize. ``decided`` are the data-dependent
    dimensions of the output; None for a dimension that is known.
    """

    named: tuple[int, ...]
    by_scales: bool
    ratio: str
    decided: tuple[str | None, ...]

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        del perms
        return None

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        """Twice the size along the last two axes."""
        double = {axis for axis in self.named if axis >= min(self.x.rank - 2, 2)}
        if self.by_scales:
            return {1: [2 if axis in double else 1 for axis in self.named]}
        sizes = [self.x.shape[axis] * (2 if axis in double else 1) for axis in self.named]
        return {1: sizes, 2: [*[0] * len(self.named), *[1] * len(self.named)]}


@dataclass(frozen=True)
class _Target:
    """The sizes of all axes of the result, and the scales if the model has them."""

    shape: Dims
    scales: tuple[Fraction, ...] | None
    parts: dict[int, tuple[float, float]]
    """The visible part of an axis, as fractions from 0 to 1, if it is not the whole axis."""

    def fractions(self, axes: Sequence[int]) -> tuple[tuple[int, int], ...] | None:
        """The scales of these axes, numerator first."""
        return None if self.scales is None else tuple(self.scales[axis].as_integer_ratio() for axis in axes)


def _parts(node: Node, infos: ValueInfos, axes: Sequence[int]) -> dict[int, tuple[float, float]]:
    if node.attr("coordinate_transformation_mode") != _CROP:
        return {}
    regions = infos.const(node.input(1))
    if regions is None or len(regions) != 2 * len(axes):
        raise InferenceError("its region of interest is not a constant with two numbers per axis")
    ends = zip(regions[: len(axes)], regions[len(axes) :], strict=True)
    return {axis: (float(start), float(end)) for axis, (start, end) in zip(axes, ends, strict=True)}


def _target(node: Node, infos: ValueInfos) -> _Target:
    shape = infos.shape(node.x)
    axes = [normal_axis(a, len(shape)) for a in node.attr("axes", range(len(shape)))]
    policy, parts = node.attr("keep_aspect_ratio_policy", "stretch"), _parts(node, infos, axes)
    if node.op == "Resize" and node.version >= 11:
        scales, sizes = node.input(2), node.input(3)
    else:
        scales, sizes = node.input(1), None
    if sizes is not None and infos.shape(sizes) != (0,):
        dims = infos.dims(sizes)
        if dims is None or len(dims) != len(axes):
            raise InferenceError("its sizes are computed from data, not from shapes and constants")
        wanted = dict(zip(axes, dims, strict=True))
        if policy == "stretch":
            return _Target(tuple(wanted.get(i, d) for i, d in enumerate(shape)), None, parts)
        return _in_proportion(shape, wanted, policy, parts)
    given = node.attr("scales") if scales is None else infos.const(scales)
    if given is None or len(given) != len(axes):
        raise InferenceError("its scales are not constants with one number per axis")
    if parts:
        raise InferenceError(
            "it crops by scales, where ONNX's definition and its implementations differ in the size of the result; "
            "give sizes instead"
        )
    by_axis = dict(zip(axes, (float(s) for s in given), strict=True))
    factors = [by_axis.get(i, 1.0) for i in range(len(shape))]
    exact = tuple(_as_fraction(f, d) for f, d in zip(factors, shape, strict=True))
    return _Target(tuple(_times(*pair) for pair in zip(shape, factors, exact, strict=True)), exact, {})


def _in_proportion(shape: Dims, wanted: dict[int, Dim], policy: str, parts: dict[int, tuple[float, float]]) -> _Target:
    """Scales all axes by the smallest of their factors or, for ``not_smaller``, by the largest; rounds half up."""
    known = {i: (size, d) for i, size in wanted.items() if isinstance(size, int) and isinstance(d := shape[i], int)}
    if len(known) != len(wanted) or policy not in ("not_larger", "not_smaller"):
        raise InferenceError(f"it keeps the aspect ratio of symbolic dimensions ({policy}); bind them with --dim")
    scale = (min if policy == "not_larger" else max)(Fraction(size, d) for size, d in known.values())
    sizes = tuple(math.floor(scale * known[i][1] + Fraction(1, 2)) if i in known else d for i, d in enumerate(shape))
    return _Target(sizes, tuple(scale if i in known else Fraction(1) for i in range(len(shape))), parts)


def _as_fraction(scale: float, size: Dim) -> Fraction:
    """The ratio of sizes that the float32 scale was rounded from.

    Its denominator is the scaled ``size`` if such a ratio rounds to the scale; otherwise it is the simplest fraction
    that does.
    """
    if not _SMALLEST_SCALE < scale < 1 / _SMALLEST_SCALE:
        raise InferenceError(f"it scales an axis by {scale:g}; scales between 1e-7 and 1e7 are supported")
    if isinstance(size, int) and size > 0:
        quotient = Fraction(round(scale * size), size)
        if quotient and np.float32(float(quotient)) == np.float32(scale):
            return quotient
    below, above = (Fraction(float(np.nextafter(np.float32(scale), np.float32(end)))) for end in (0, np.inf))
    own = Fraction(scale)
    return _simplest((own + below) / 2, (own + above) / 2)


_SMALLEST_SCALE = 1e-7


def _simplest(low: Fraction, high: Fraction) -> Fraction:
    """The fraction with the smallest denominator between ``low`` and ``high``, from their continued fractions."""
    whole = math.ceil(low)
    if whole <= high:
        return Fraction(whole)
    return whole - 1 + 1 / _simplest(1 / (high - whole + 1), 1 / (low - whole + 1))


def _times(size: Dim, scale: float, exact: Fraction) -> Dim:
    """⌊size · scale⌋; numbers are rounded like in ONNX Runtime."""
    if isinstance(size, int):
        return int(np.floor(np.float32(size) * np.float32(scale)))
    if exact.denominator > _MAX_DENOMINATOR:
        raise InferenceError(f"it scales the symbolic dimension {size} by {scale:g}; bind it with --dim")
    return (size * exact.numerator) // exact.denominator


_MAX_DENOMINATOR = 1000
"""The maximum denominator for scales of symbolic dimensions; for others, rounding would decide about the size."""


@dataclass(frozen=True)
class _DynamicTarget:
    """The parameter that decides about the sizes of the result, the axes of its elements, and the known dimensions."""

    parameter: ir.Value
    by_scales: bool
    named: tuple[int, ...]
    known: list[Dim | None]


def _target_by_data(node: Node, infos: ValueInfos) -> _DynamicTarget | None:
    """The target if sizes, scales or the region depend on data; None if they are known."""
    region, scales, sizes = None, node.input(1), None
    if node.op == "Resize" and node.version >= 11:
        region, scales, sizes = (node.input(i) for i in (1, 2, 3))
    cropped = node.attr("coordinate_transformation_mode") == _CROP
    if not any(is_data(v, infos) for v in (region if cropped else None, scales, sizes)):
        return None
    shape = infos.shape(node.x)
    named = tuple(normal_axis(a, len(shape)) for a in node.attr("axes", range(len(shape))))
    known: list[Dim | None] = list(shape)
    by_scales = sizes is None or infos.shape(sizes) == (0,)
    parameter = scales if by_scales else sizes
    if parameter is None:
        raise InferenceError("it has neither scales nor sizes")
    if by_scales and cropped:
        raise InferenceError("it crops by scales that depend on data; give sizes instead")
    stretched = node.attr("keep_aspect_ratio_policy", "stretch") == "stretch"
    wanted = [None] * length(parameter, infos, "scales") if by_scales else elements(parameter, infos, "sizes")
    if len(wanted) != len(named):
        raise InferenceError(f"it has {len(wanted)} sizes or scales for {len(named)} axes")
    for axis, size in zip(named, wanted, strict=True):
        known[axis] = size if stretched else None
    return _DynamicTarget(parameter, by_scales, named, known)


@infers("Resize", "Upsample")
def _resize(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    if (target := _target_by_data(node, infos)) is not None:
        return [ValueInfo(infos.dtype(node.x), dims_of_data(node.y, target.known))]
    return [ValueInfo(infos.dtype(node.x), _target(node, infos).shape)]


@rule(Op("Resize|Upsample", Var("x"), more=True, name="resize"))
def resize(m: Match, b: Builder) -> RuleResult:
    """One layer for the axes that change, in ascending order; operator set 10 can need one per interpolation.

    Integers that are not chosen are interpolated in float32 and rounded toward zero, as by ONNX Runtime.
    """
    x, y, node = b.value(m["x"]), b.value(m.y), m.root
    mode, crops = node.attr("mode", "nearest"), node.attr("coordinate_transformation_mode", "") == _CROP
    chosen = mode == "nearest" and not crops and _target_by_data(node, b.infos) is None
    if x.dtype == "float32" or (chosen and x.dtype in _INTEGERS):
        return _resized(m, b, x, y)
    if mode == "cubic" or x.dtype not in BYTES:
        return m.reject(f"its mode {mode} for {x.dtype} is not supported (supported: float32)")
    first = Cast(inputs=[x], outputs=[b.temporary(x, dtype="float32")])
    last = Cast(inputs=[b.temporary(y, dtype="float32")], outputs=[y])
    between = _resized(m, b, first.y, last.x)
    return between if isinstance(between, Mismatch) else [first, *between, last]


def _resized(m: Match, b: Builder, x: Value, y: Value) -> list[Layer] | Mismatch:
    """The layers from x to y."""
    node = m.root
    mode = node.attr("mode", "nearest")
    node.has("scales"), node.has("axes"), node.has("keep_aspect_ratio_policy")
    plain = node.op == "Upsample" or node.version < 11
    coordinates = node.attr("coordinate_transformation_mode", "asymmetric" if plain else "half_pixel")
    nearest = node.attr("nearest_mode", "floor" if plain else "round_prefer_floor")
    cubic, exclude = node.attr("cubic_coeff_a", -0.75), bool(node.attr("exclude_outside", 0))
    outside, smooth = node.attr("extrapolation_value", 0.0), bool(node.attr("antialias", 0))
    interpolation = {"nearest": NEAREST.get(nearest), "linear": "Linear", "bilinear": "Linear", "cubic": "Cubic"}
    if coordinates not in (*_COORDINATES, _CROP) or interpolation.get(mode) is None:
        return m.reject(f"its mode {mode} with coordinates {coordinates} is not supported")
    if smooth and mode == "nearest":
        return m.reject("its mode nearest with antialiasing is not supported (supported: linear and cubic)")
    if (by_data := _target_by_data(node, b.infos)) is not None:
        if node.op == "Resize" and node.version < 11 and mode == "nearest":
            return m.reject("the nearest element of operator set 10 depends on the scales, which depend on data")
        region = node.input(1) if coordinates == _CROP else None
        parameters = [by_data.parameter, *([] if region is None else [region])]
        resized = [axis for axis in sorted(by_data.named) if x.shape[axis] != by_data.known[axis] or region is not None]
        layer = DynamicResize(
            named=by_data.named,
            by_scales=by_data.by_scales,
            ratio=node.attr("keep_aspect_ratio_policy", "stretch"),
            decided=decided_dims(m.y, y.shape),
            axes=tuple(resized),
            coordinates=_COORDINATES.get(coordinates, "HalfPixel"),
            interpolation="Antialias" if smooth else str(interpolation[mode]),
            scales=None,
            cubic=None if smooth and mode == "linear" else cubic,
            exclude_outside=exclude,
            outside=outside,
            inputs=[x, *(b.value(v) for v in parameters)],
            outputs=[y],
        )
        return [layer]
    target = _target(node, b.infos)
    changed = {i for i in range(x.rank) if x.shape[i] != target.shape[i] or (target.scales or [1] * x.rank)[i] != 1}
    changed |= {i for i, part in target.parts.items() if part != (0.0, 1.0)}

    if changed and not target.parts and x.shape == target.shape:
        return m.reject(
            "its scales change no size, and ONNX Runtime copies the input then, which differs from ONNX's definition"
        )

    by_interpolation: dict[str, list[int]] = {}
    for axis in sorted(changed):
        # Operator set 10 does not define the nearest element; ONNX's tests and ONNX Runtime use the next one if the
        # result is smaller.
        behind = node.op == "Resize" and node.version < 11 and mode == "nearest"
        behind = behind and target.scales is not None and target.scales[axis] < 1
        taken = "Antialias" if smooth else "Ceil" if behind else str(interpolation[mode])
        by_interpolation.setdefault(taken, []).append(axis)
    layers, value = list[Layer](), x
    for taken, axes in by_interpolation.items():
        shape = tuple(y.shape[i] if i in axes else d for i, d in enumerate(value.shape))
        made = b.temporary(y, shape) if len(layers) + 1 < len(by_interpolation) else y
        layers.append(
            Resize(
                axes=tuple(axes),
                coordinates=_COORDINATES.get(coordinates, "Crop"),
                interpolation=taken,
                scales=target.fractions(axes),
                cubic=None if smooth and mode == "linear" else cubic,
                exclude_outside=exclude,
                crop=tuple(target.parts[axis] for axis in axes) if target.parts else None,
                outside=outside,
                inputs=[value],
                outputs=[made],
            )
        )
        value = made
    return layers or [Reshape(inputs=[x], outputs=[y])]
