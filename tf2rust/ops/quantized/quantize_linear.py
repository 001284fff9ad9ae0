"""QuantizeLinear and DequantizeLinear: conversion to and from quantized numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.dims import Dim, format_shape, product
from tf2rust.ops.core.dtypes import NARROW
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.layer import Layer, Perm
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.quantized.scale import Scale, plain_scales

SMALL = ("int8", "uint8")
_FLOATS = ("float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz", "float4_e2m1fn")
_QUANTIZED = (*SMALL, "int16", "uint16", "int32", "int4", "uint4", "int2", "uint2", *_FLOATS)
_LARGEST_BLOCK = (1 << 31) - 1


@dataclass(eq=False, kw_only=True)
class Quantization(Layer):
    """The inputs are the tensor and, without ``scale``, its scales and perhaps its zero points.

    There is one scale, one per position on ``axis``, or one per ``block`` elements along it.
    """

    refused_dtypes = frozenset(NARROW) - {*_QUANTIZED}

    axis: int
    block: int
    scale: Scale | None = None
    """The scale and the zero point of all elements if they are constants of the model."""

    def params(self) -> dict[str, object]:
        if self.scale is not None:
            return {"scale": plain_scales([self.scale.scale]), "zero_point": self.scale.zero_point}
        return {"axis": self.axis, "block": self.block}

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        if perm is None or any(p is not None for p in perms[1:]) or self.block:
            return None
        axis = self.axis if self.is_single else perm[self.axis]
        return replace(self, axis=axis), perm

    @property
    def is_single(self) -> bool:
        """Whether all elements have one scale."""
        return self.scale is not None or product(self.inputs[1].shape) == 1

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        """The scales must not be computed from the batch, or lie along it."""
        alike = self.is_single or (self.axis > 0 and not self.block)
        return alike and batched[0] and not any(batched[1:]) and self.x.shape[:1] == self.y.shape[:1]


@dataclass(eq=False, kw_only=True)
class QuantizeLinear(Quantization):
    """round(x / scale) + zero_point, saturated."""

    kind = "QuantizeLinear"


@dataclass(eq=False, kw_only=True)
class DequantizeLinear(Quantization):
    """scale · (x − zero_point)."""

    kind = "DequantizeLinear"


@infers("QuantizeLinear")
def _quantize_linear(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    given, dtype = node.input(2), node.attr("output_dtype", 0)
    found = infos.dtype(given) if given is not None else ir.DataType(dtype).numpy().name if dtype else "uint8"
    _check_lengths(node, infos)
    check_parameters(infos, node.operand(1), given, found)
    return [ValueInfo(found, infos.shape(node.x))]


@infers("DequantizeLinear")
def _dequantize_linear(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    dtype = node.attr("output_dtype", 0)
    found = ir.DataType(dtype).numpy().name if dtype else infos.dtype(node.operand(1))
    _check_lengths(node, infos)
    in_blocks = bool(node.attr("block_size", 0)) and infos.const(node.x) is not None
    check_parameters(infos, node.operand(1), node.input(2), infos.dtype(node.x), in_blocks=in_blocks)
    return [ValueInfo(found, infos.shape(node.x))]


def check_parameters(
    infos: ValueInfos, scale: ir.Value, zero_point: ir.Value | None, dtype: str, *, in_blocks: bool = False
) -> None:
    """Raises InferenceError if a scale is not a positive, normal number or, ``in_blocks``, not finite, or if the zero
    points do not match the scales or the quantized ``dtype``.
    """
    check_scales(infos, scale, in_blocks=in_blocks)
    if zero_point is None:
        return
    check_dtype(infos, zero_point, dtype)
    left, right = infos.shape(scale), infos.shape(zero_point)
    if product(left) != product(right):
        raise InferenceError(
            f"it has scales of shape {format_shape(left)}, but zero points of shape {format_shape(right)}; quantize "
            "the model again"
        )


def check_dtype(infos: ValueInfos, zero_point: ir.Value, dtype: str) -> None:
    """Raises InferenceError if the zero point is not of the quantized ``dtype``."""
    if infos.dtype(zero_point) != dtype:
        raise InferenceError(
            f"its zero point `{zero_point.name}` is {infos.dtype(zero_point)}, but its integers are {dtype}; quantize "
            "the model again"
        )


def check_scales(infos: ValueInfos, scale: ir.Value, *, in_blocks: bool = False) -> None:
    """Raises InferenceError if a constant scale is not a positive, normal number.

    Scales of weights ``in_blocks`` only have to be finite: quantizers divide the number of the largest magnitude by the
    least integer, so that its scale is negative if the number is positive, and 0 for a block of zeros.
    """
    scales = infos.const(scale)
    if scales is None or scales.dtype.kind != "f":
        return
    usable, wanted = np.isfinite(scales), "finite"
    if not in_blocks:
        usable, wanted = usable & (scales >= np.finfo(scales.dtype).tiny), "a positive, normal number"
    if not usable.all():
        bad = scales[~usable].reshape(-1)[0]
        raise InferenceError(f"its scale `{scale.name}` is {bad:g}, but must be {wanted}; quantize the model again")


def _check_lengths(node: Node, infos: ValueInfos) -> None:
    """Raises InferenceError if the scales do not match the axis or the blocks that they belong to."""
    shape, scales, block = infos.shape(node.x), infos.shape(node.operand(1)), node.attr("block_size", 0)
    if product(scales) == 1 and not block:
        return
    if not shape:
        raise InferenceError("it has several scales for a tensor without axes, but needs one")
    axis = normal_axis(node.attr("axis", 1), len(shape))
    if block:
        _check_blocks(shape, scales, axis, block)
        return
    if len(scales) != 1:
        raise InferenceError(
            f"it has scales of shape {format_shape(scales)}, but needs one scale in all, or one for each index of axis "
            f"{axis}; scales for blocks need the attribute block_size"
        )
    size = shape[axis]
    if isinstance(size, int) and isinstance(scales[0], int) and size != scales[0]:
        raise InferenceError(
            f"it has {scales[0]} scales for an axis of size {size}, but needs one for each index or one in all"
        )


def _check_blocks(shape: Sequence[Dim], scales: Sequence[Dim], axis: int, block: int) -> None:
    """Raises InferenceError unless there is one scale per ``block`` elements along ``axis``; the last block can be
    shorter.
    """
    if block < 0:
        raise InferenceError(f"its block_size is {block}, but must be positive")
    wanted = [-(-size // block) if i == axis and isinstance(size, int) else size for i, size in enumerate(shape)]
    pairs = zip(wanted, scales, strict=False)
    if len(shape) != len(scales) or any(
        isinstance(size, int) and isinstance(count, int) and size != count for size, count in pairs
    ):
        raise InferenceError(
            f"it has scales of shape {format_shape(scales)} for numbers of shape {format_shape(shape)}, but needs one "
            f"for every {block} elements along axis {axis}"
        )


@rule(Op("QuantizeLinear|DequantizeLinear", Var("x"), Var("scale"), more=True, name="quantization"))
def quantize_linear(m: Match, b: Builder) -> RuleResult:
    inputs = [b.value(v) for v in m.root.inputs if v is not None]
    y, forward = b.value(m.y), m.root.op == "QuantizeLinear"
    floats, quantized = ([inputs[0], inputs[1]], [y]) if forward else ([inputs[1], y], [inputs[0]])
    for values, supported in ((floats, ("float32",)), (quantized, _QUANTIZED)):
        bad = next((v for v in values if v.dtype not in supported), None)
        if bad is not None:
            return m.reject(
                f"`{bad.name}` has the unsupported dtype {bad.dtype} (supported: {', '.join(supported)}); quantize the "
                "model again"
            )
    m.root.has("output_dtype")
    if not m.root.attr("saturate", 1) and y.dtype in _FLOATS:
        return m.reject(f"it quantizes to {y.dtype} without saturation")
    if m.root.attr("precision", 0) not in (0, ir.DataType.FLOAT.value):
        return m.reject("its precision is not float32")
    rank, axis = inputs[0].rank, m.root.attr("axis", 1)
    # With a single scale, the axis has no effect.
    axis = 0 if inputs[1].rank == 0 or inputs[1].shape == (1,) else normal_axis(axis, rank)
    layer, block = QuantizeLinear if forward else DequantizeLinear, m.root.attr("block_size", 0)
    # A block can be longer than the axis, and than any number of the target.
    size = inputs[0].shape[axis] if block else 0
    block = min(block, size if isinstance(size, int) else _LARGEST_BLOCK)
    return layer(axis=axis, block=block, inputs=inputs, outputs=[y])
