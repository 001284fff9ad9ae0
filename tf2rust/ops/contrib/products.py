"""Convolutions and matrix products that are fused with activations, transposes or scales."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tf2rust.ops.contrib.activation import activated, biased
from tf2rust.ops.contrib.call import Call, defines

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
