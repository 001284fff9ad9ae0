"""Scales and zero points that no quantizer writes: each is refused in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from tests.ops.quantized.qdq import Quantized, small, weights
from tf2rust.conversion import match_layers
from tf2rust.source import Source

IMAGE = small(2, 4, 5, 5)
_POSITIVE = "must be a positive, normal number"


def activations(scale: Any, zero: Any = 100, dtype: str = "uint8") -> Callable[[Quantized], str]:
    """A convolution of an image with these parameters."""

    def build(g: Quantized) -> str:
        x = g.dequantize(g.input(IMAGE), scale, zero, dtype)
        return g.quantize(g.op("Conv", x, g.kernel(weights(6, 4, 3, 3))))

    return build


def kernel(scale: Any, zero: Any = None) -> Callable[[Quantized], str]:
    def build(g: Quantized) -> str:
        return g.quantize(g.op("Conv", g.real(IMAGE), g.kernel(weights(6, 4, 3, 3), scale, zero=zero)))

    return build


def blocks(scale: Any, size: int) -> Callable[[Quantized], str]:
    """A product with a kernel that has one scale per ``size`` rows."""

    def build(g: Quantized) -> str:
        g.opset = 21
        kernel, scales = g.constant(weights(10, 6), "int8"), g.constant(scale, "float32")
        made = g.op("DequantizeLinear", kernel, scales, axis=0, block_size=size)
        return g.quantize(g.op("MatMul", g.real(small(3, 10)), made))

    return build


def result(scale: Any, *, x_scale: float = 0.02) -> Callable[[Quantized], str]:
    def build(g: Quantized) -> str:
        made = g.op("Conv", g.real(IMAGE, x_scale), g.kernel(weights(6, 4, 3, 3)))
        return g.quantize(made, scale)

    return build


def by_operator(which: int, value: float, bias: int = 0) -> Callable[[Quantized], str]:
    """QLinearConv with one of its scales replaced, and perhaps with some biases."""

    def build(g: Quantized) -> str:
        scales = [0.02, 0.01, 0.5]
        scales[which] = value
        x_scale, kernel_scale, y_scale = (g.constant(s, "float32") for s in scales)
        zero, none = g.constant(3, "uint8"), g.constant(0, "int8")
        weight = g.constant(weights(6, 4, 3, 3), "int8")
        given = [g.constant([7] * bias, "int32")] * bool(bias)
        return g.op("QLinearConv", g.input(IMAGE), x_scale, zero, weight, kernel_scale, none, y_scale, zero, *given)

    return build


def integer_product(op: str, x_zero: str, kernel_zero: str) -> Callable[[Quantized], str]:
    """MatMulInteger or ConvInteger of uint8 and int8, with zero points of these types."""

    def build(g: Quantized) -> str:
        x, kernel = (IMAGE, weights(6, 4, 3, 3)) if op == "ConvInteger" else (small(3, 10), weights(10, 6))
        zeros = (g.constant(1, x_zero), g.constant(1, kernel_zero))
        return g.op(op, g.input(x), g.constant(kernel, "int8"), *zeros)

    return build


REFUSED = {
    **{
        f"{op}, zero point of {which} of another type": (integer_product(op, *zeros), "but its integers are")
        for op in ("MatMulInteger", "ConvInteger")
        for which, zeros in (("x", ("int8", "int8")), ("the kernel", ("uint8", "uint8")))
    },
    "zero": (activations(0.0), _POSITIVE),
    "negative": (activations(-0.02), _POSITIVE),
    "not a number": (activations(np.nan), _POSITIVE),
    "infinite": (activations(np.inf), _POSITIVE),
    "denormal": (activations(1e-40), _POSITIVE),
    "zero point of another type": (activations(0.02, -3, "int8"), "is int8, but its integers are uint8"),
    "two scales for four channels": (activations([0.1, 0.2], [1, 2]), "2 scales for an axis of size 4"),
    "two zero points for one scale": (activations(0.1, [1, 2]), "zero points of shape [2]"),
    "scales on two axes": (
        activations([[0.1, 0.2], [0.3, 0.4]], [[1, 2], [3, 4]]),
        "shape [2, 2], but needs one scale",
    ),
    "blocks, one too many": (blocks(0.1 * np.ones((3, 6)), 5), "scales of shape [3, 6] for numbers of shape [10, 6]"),
    "blocks, another axis": (blocks(0.1 * np.ones((2, 5)), 5), "one for every 5 elements along axis 0"),
    "blocks, one rank less": (blocks(0.1 * np.ones(6), 5), "one for every 5 elements along axis 0"),
    "blocks, infinite": (blocks(np.full((2, 6), np.inf), 5), "is inf, but must be finite"),
    "operator, three biases for six filters": (
        by_operator(0, 0.02, bias=3),
        "its bias has shape [3], but needs one",
    ),
    "operator, one bias for six filters": (by_operator(0, 0.02, bias=1), "for each of 6 filters"),
    "integers that are quantized": (
        lambda g: g.quantize(g.op("Cast", g.input(IMAGE), to=TensorProto.INT32)),
        "unsupported dtype int32 (supported: float32)",
    ),
    "blocks, negative": (blocks(0.1 * np.ones((2, 6)), -5), "block_size is -5, but must be positive"),
    "kernel, zero": (kernel([0.1, 0.1, 0.0, 0.1, 0.1, 0.1]), _POSITIVE),
    "kernel, denormal": (kernel(1e-42), _POSITIVE),
    "kernel, five scales": (kernel([0.1] * 5), "5 scales for an axis of size 6"),
    "result, zero": (result(0.0), _POSITIVE),
    "result, not a number": (result(np.nan), _POSITIVE),
    **{f"operator, scale {i}": (by_operator(i, np.nan), _POSITIVE) for i in range(3)},
}


@pytest.mark.parametrize("name", REFUSED)
def test_parameters_are_refused(name: str) -> None:
    build, reason = REFUSED[name]
    made = Quantized()
    made.results = [build(made)]
    found, _ = match_layers(Source(Path("model.onnx"), made.model(), "onnx", lambda _: {}))
    causes = [unmatched for unmatched in found.unmatched if unmatched.blocked_by is None]
    assert len(causes) == 1
    assert reason in causes[0].sentence()


def large_bias(value: float) -> Callable[[Quantized], str]:
    def build(g: Quantized) -> str:
        bias = g.constant(np.full(6, value), "float32")
        return g.quantize(g.op("Conv", g.real(IMAGE), g.kernel(weights(6, 4, 3, 3)), bias))

    return build


def summed(op: str, x_scale: float, scale: float) -> Callable[[Quantized], str]:
    return lambda g: g.quantize(g.op(op, g.real(IMAGE, x_scale), g.real(IMAGE, x_scale, 7)), scale)


def empty_kernel(rows: int, columns: int) -> Callable[[Quantized], str]:
    return lambda g: g.quantize(g.op("MatMul", g.real(small(3, rows)), g.kernel(weights(rows, columns))))


def averaged(x_scale: float, scale: float) -> Callable[[Quantized], str]:
    return lambda g: g.quantize(g.op("AveragePool", g.real(IMAGE, x_scale), kernel_shape=[2, 2]), scale)


NOT_REQUANTIZED = {
    "the ratio of the scales overflows": (result(2e-38, x_scale=1e5), "the ratio of its scales"),
    "the ratio of the scales is denormal": (result(3e38), "the ratio of its scales"),
    "the ratio of the scales of a sum overflows": (summed("Add", 1e38, 1e-30), "the ratio of its scales"),
    "the product of the scales underflows": (summed("Mul", 1e-30, 1e-30), "the ratio of its scales"),
    "the ratio of the scales of an average overflows": (averaged(1e38, 1e-30), "the ratio of its scales"),
    "a kernel without columns": (empty_kernel(10, 0), "its kernel has no elements"),
    "a kernel without rows": (empty_kernel(0, 6), "its kernel has no elements"),
    "the bias is infinite": (large_bias(np.inf), "its bias is infinite or NaN"),
    "the bias exceeds 32 bits": (large_bias(1e9), "its sums can exceed 32 bits"),
}


@pytest.mark.parametrize("name", NOT_REQUANTIZED)
def test_results_that_integers_cannot_hold_are_float32(name: str) -> None:
    build, reason = NOT_REQUANTIZED[name]
    made = Quantized()
    made.results = [build(made)]
    found, _ = match_layers(Source(Path("model.onnx"), made.model(), "onnx", lambda _: {}))
    (row,) = found.departures
    assert row.reason.startswith(reason)
