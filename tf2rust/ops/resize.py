"""Resize and Upsample: interpolation, one axis at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from tf2rust.ops.core.dims import Expr, product
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, infers, normal_axis
from tf2rust.ops.core.layer import Dims, Layer, Perm, RustCall, Value, WeightRefs
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.core.rust import rust_f32
from tf2rust.ops.reshape import Reshape

_COORDINATES = {
    "half_pixel": "HalfPixel",
    "pytorch_half_pixel": "PytorchHalfPixel",
    "half_pixel_symmetric": "HalfPixelSymmetric",
    "align_corners": "AlignCorners",
    "asymmetric": "Asymmetric",
    "tf_half_pixel_for_nn": "TfHalfPixel",
}
_NEAREST = {
    "round_prefer_floor": "RoundPreferFloor",
    "round_prefer_ceil": "RoundPreferCeil",
    "floor": "Floor",
    "ceil": "Ceil",
}


@dataclass(eq=False, kw_only=True)
class Resize(Layer):
    """``axis`` brought to another size; positions in the result become positions in the input by ``coordinates``.

    ``scale`` is the quotient of the two sizes as the model gives it; None where the sizes decide.
    """

    kind = "Resize"
    axis: int
    coordinates: str
    interpolation: str
    scale: float | None
    cubic: float = -0.75
    exclude_outside: bool = False

    def transposed(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        return None if perm is None else (replace(self, axis=perm[self.axis]), perm)

    def rust_field(self, weights: WeightRefs) -> tuple[str, str]:
        how = f"Interpolation::{self.interpolation}"
        if self.interpolation == "Cubic":
            how += f" {{ a: {rust_f32(self.cubic)}, exclude_outside: {str(self.exclude_outside).lower()} }}"
        scale = "None" if self.scale is None else f"Some({rust_f32(self.scale)})"
        return "Resize", (
            f"Resize {{ coordinates: Coordinates::{self.coordinates}, interpolation: {how}, scale: {scale} }}"
        )

    def rust_call(self, call: RustCall) -> str:
        shape = self.x.shape
        split = call.dims((product(shape[: self.axis]), shape[self.axis], product(shape[self.axis + 1 :])))
        size = call.dim(self.y.shape[self.axis])
        return f"{call.field}.run(isa, {split}, {size}, {call.inputs[0]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"Coordinates", "Interpolation", "Resize"}


@dataclass(frozen=True)
class _Target:
    """The sizes of all axes afterwards, and the scales where the model gives them."""

    shape: Dims
    scales: tuple[float, ...] | None


def _target(node: Node, facts: Facts) -> _Target:
    shape = facts.shape(node.ir.inputs[0])  # type: ignore[arg-type]
    axes = [normal_axis(a, len(shape)) for a in node.attr("axes", range(len(shape)))]
    if node.attr("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise InferenceError("it keeps the aspect ratio by a policy, which is not supported")
    if node.op == "Resize" and node.version >= 11:
        scales, sizes = node.input(2), node.input(3)
    else:
        scales, sizes = node.input(1), None
    if sizes is not None and facts.shape(sizes) != (0,):
        dims = facts.dims(sizes)
        if dims is None or len(dims) != len(axes):
            raise InferenceError("its sizes are computed from data, not from shapes and constants")
        wanted = dict(zip(axes, dims, strict=True))
        return _Target(tuple(wanted.get(i, d) for i, d in enumerate(shape)), None)
    given = node.attr("scales") if scales is None else facts.const(scales)
    if given is None or len(given) != len(axes):
        raise InferenceError("its scales are not constants, one for each axis")
    by_axis = dict(zip(axes, (float(s) for s in given), strict=True))
    factors = tuple(by_axis.get(i, 1.0) for i in range(len(shape)))
    return _Target(tuple(_times(d, f) for d, f in zip(shape, factors, strict=True)), factors)


def _times(size: int | Expr, scale: float) -> int | Expr:
    """⌊size · scale⌋"""
    if isinstance(size, int):
        return int(np.floor(np.float32(size) * np.float32(scale)))
    ratio = Fraction(scale).limit_denominator(1000)
    if np.float32(ratio) != np.float32(scale):
        raise InferenceError(f"it scales the free dimension {size} by {scale:g}; bind it with --dim")
    return (size * ratio.numerator) // ratio.denominator


@infers("Resize", "Upsample")
def _resize(node: Node, facts: Facts) -> Sequence[Fact]:
    return [Fact(facts.dtype(node.ir.inputs[0]), _target(node, facts).shape)]  # type: ignore[arg-type]


@rule(Op("Resize|Upsample", Var("x"), more=True, name="resize"))
def resize(m: Match, b: Builder) -> Yield:
    """A layer for each axis that changes; those of fewest elements first."""
    x, y, node = b.value(m["x"]), b.value(m.root.ir.outputs[0]), m.root
    target, mode = _target(node, b.facts), node.attr("mode", "nearest")
    node.has("scales")
    plain = node.op == "Upsample" or node.version < 11
    coordinates = node.attr("coordinate_transformation_mode", "asymmetric" if plain else "half_pixel")
    nearest = node.attr("nearest_mode", "floor" if plain else "round_prefer_floor")
    cubic, exclude = node.attr("cubic_coeff_a", -0.75), bool(node.attr("exclude_outside", 0))
    node.has("extrapolation_value")
    interpolation = {"nearest": _NEAREST.get(nearest), "linear": "Linear", "bilinear": "Linear", "cubic": "Cubic"}
    if coordinates not in _COORDINATES or interpolation.get(mode) is None:
        return m.reject(f"its mode is {mode} with coordinates {coordinates}")
    if node.attr("antialias", 0) or x.dtype != "float32":
        return m.reject(f"it is antialiased, or its input is {x.dtype}; plain interpolation of float32 is supported")
    changed = [i for i in range(x.rank) if x.shape[i] != target.shape[i] or (target.scales or [1.0] * x.rank)[i] != 1]
    layers: list[Layer] = []
    value: Value = x
    for axis in changed:
        out = y
        if axis != changed[-1]:
            out = b.temporary(y, (*target.shape[: axis + 1], *value.shape[axis + 1 :]))
        layers.append(
            Resize(
                axis=axis,
                coordinates=_COORDINATES[coordinates],
                interpolation=str(interpolation[mode]),
                scale=None if target.scales is None else target.scales[axis],
                cubic=cubic,
                exclude_outside=exclude,
                inputs=[value],
                outputs=[out],
            )
        )
        value = out
    return layers or [Reshape(inputs=[x], outputs=[y])]
