"""Convolutions and matrix products that are fused with activations, transposes, scales or block-wise quantization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tf2rust.ops.contrib.activation import activated, biased
from tf2rust.ops.contrib.call import Call, defines
from tf2rust.ops.core.inference import InferenceError

_WINDOW = ("auto_pad", "dilations", "group", "kernel_shape", "pads", "strides")
"""The attributes of Conv."""


@defines("FusedConv")
def fused_conv(call: Call) -> Sequence[str]:
    """activation(conv(x, kernel, bias) + z), where the bias and z are optional."""
    made = biased(call, call.body.op("Conv", *_operands(call), **window(call)), 3)
    return [activated(call, made, call.attr("activation", ""), call.attr("activation_params", []))]


@defines("NhwcConv", "NhwcFusedConv")
def nhwc_conv(call: Call) -> Sequence[str]:
    """A FusedConv of channels-last tensors. The kernel is [filters, channels, …], as in Conv."""
    x, *weights = _operands(call)
    made = call.body.op("Conv", channels_first(call, x), *weights, **window(call))
    made = biased(call, channels_last(call, made), 3)
    return [activated(call, made, call.attr("activation", ""), call.attr("activation_params", []))]


def _operands(call: Call) -> list[str]:
    bias = call.maybe(2)
    return [call.arg(0), call.arg(1), *([] if bias is None else [bias])]


def window(call: Call) -> dict[str, Any]:
    """The attributes of Conv that the node has."""
    return {name: call.attr(name) for name in _WINDOW if call.has(name)}


def channels_first(call: Call, x: str) -> str:
    """The channels-last tensor ``x``, of the first input's rank, as channels-first."""
    rank = call.rank(0)
    return call.body.op("Transpose", x, perm=[0, rank - 1, *range(1, rank - 1)])


def channels_last(call: Call, x: str) -> str:
    """The channels-first tensor ``x``, of the first input's rank, as channels-last."""
    rank = call.rank(0)
    return call.body.op("Transpose", x, perm=[0, *range(2, rank), 1])


@defines("FusedMatMul", "TransposeMatMul")
def fused_matmul(call: Call) -> Sequence[str]:
    """alpha · a · b, after the transposes of a and b."""
    a, b = (_transposed(call, i, side) for i, side in enumerate("AB"))
    product = call.body.op("MatMul", a, b)
    alpha = call.attr("alpha", 1.0)
    return [product if alpha == 1 else call.body.op("Mul", product, call.body.constant(alpha, call.dtype(0)))]


def _transposed(call: Call, index: int, side: str) -> str:
    """An operand: ``transBatchA`` moves its first axis behind the other batch axes, and ``transA`` swaps the last two
    axes, or the result of the former with the last.
    """
    perm = list(range(call.rank(index)))
    if call.attr(f"transBatch{side}", 0) and len(perm) > 2:
        perm = [*perm[1:-1], 0, perm[-1]]
    if call.attr(f"trans{side}", 0) and len(perm) > 1:
        perm = [*perm[:-2], perm[-1], perm[-2]]
    x = call.arg(index)
    return x if perm == sorted(perm) else call.body.op("Transpose", x, perm=perm)


@defines("FusedGemm")
def fused_gemm(call: Call) -> Sequence[str]:
    """activation(alpha · a · b + beta · c)"""
    given = {name: call.attr(name) for name in ("alpha", "beta", "transA", "transB") if call.has(name)}
    made = call.body.op("Gemm", *_operands(call), **given)
    names = ("activation_alpha", "activation_beta", "activation_gamma")
    return [activated(call, made, call.attr("activation", ""), [call.attr(n) for n in names if call.has(n)])]


@defines("MatMulNBits")
def matmul_n_bits(call: Call) -> Sequence[str]:
    """x [..., k] · weights [k, n] + bias, with weights of 2, 4 or 8 bits. They are dequantized at conversion.

    ``accuracy_level`` lets ONNX Runtime quantize x as well; the crate computes in float32.
    """
    call.has("accuracy_level")
    call.only("weight_prepacked", 0)
    if call.given(4) and not np.array_equal(call.constant_input(4), _groups(call)):
        raise InferenceError("its input 4 (`g_idx`) reorders the rows of the weights, which is not supported")
    weights = dequantized(call)
    product = call.body.op("MatMul", call.arg(0), call.body.constant(weights, call.dtype(0)))
    return [biased(call, product, 5)]


def _groups(call: Call) -> np.ndarray:
    """The block of each row, if the rows are not reordered."""
    rows, block = (int(call.required(name)) for name in ("K", "block_size"))
    return np.arange(rows, dtype=np.int32) // block


def dequantized(call: Call) -> np.ndarray:
    """The weights [k, n] of a MatMulNBits: scale · (q − zero point), for blocks of ``block_size`` rows.

    Input 1 holds the packed integers [n, blocks, bytes], the lowest bits first; input 2 the scales [n, blocks]; input
    3 the zero points, packed like the integers or as floats. Without them they are 2^(bits − 1).
    """
    k, n, block = (call.required(name) for name in ("K", "N", "block_size"))
    bits = call.attr("bits", 4)
    if bits not in (2, 4, 8):
        raise InferenceError(f"its weights have {bits} bits (supported: 2, 4, 8)")
    blocks = -(-k // block)
    integers = _unpacked(call.constant_input(1).reshape(n, -1), bits).reshape(n, blocks, block)
    scales = call.constant_input(2).astype(np.float32).reshape(n, blocks, 1)
    # Other than those of activations, they can be negative, or 0 for a block of zeros.
    if not np.isfinite(scales).all():
        raise InferenceError("its scales are not all finite; quantize the model again")
    zeros = np.full((n, blocks, 1), 1 << (bits - 1), np.float32)
    if call.given(3):
        zeros = call.constant_input(3)
        zeros = _unpacked(zeros.reshape(n, -1), bits)[:, :blocks] if zeros.dtype == np.uint8 else zeros
        zeros = zeros.astype(np.float32).reshape(n, blocks, 1)
    return np.ascontiguousarray(((integers - zeros) * scales).reshape(n, -1)[:, :k].T)


def _unpacked(packed: np.ndarray, bits: int) -> np.ndarray:
    """Numbers of ``bits`` bits from the bytes along the last axis, as float32."""
    shifts = np.arange(0, 8, bits, dtype=np.uint8)
    numbers = (packed[..., None] >> shifts) & np.uint8((1 << bits) - 1)
    return numbers.reshape(*packed.shape[:-1], -1).astype(np.float32)
