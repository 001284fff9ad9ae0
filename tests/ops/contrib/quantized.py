"""Quantized operators of ONNX Runtime's domain."""

from __future__ import annotations

import numpy as np

from tests.ops.nodes import Arg, Node, const, floats, integers, node, symbolic


def small(*shape: int, seed: int = 1, dtype: str = "uint8") -> np.ndarray:
    """Integers of 8 bits, of their whole range."""
    low, high = (0, 256) if dtype == "uint8" else (-128, 128)
    return integers(*shape, low=low, high=high, seed=seed, dtype=dtype)


def scale(value: float) -> Arg:
    return const(value, "float32")


def zero(value: int, dtype: str = "uint8") -> Arg:
    return const(value, dtype)


X = (symbolic(small(3, 4, 6), 0), scale(0.037), zero(119))
OTHER = (symbolic(small(3, 4, 6, seed=2), 0), scale(0.053), zero(140))
ROW = (const(small(6, seed=3), "uint8"), scale(0.021), zero(101))
SIGNED = (symbolic(small(3, 4, 6, dtype="int8"), 0), scale(0.037), zero(-9, "int8"))
Y = (scale(0.071), zero(128))
PROBABILITY = (scale(1 / 256), zero(0))
IMAGES = (symbolic(small(2, 3, 8, 9), 0), scale(0.037), zero(119))
LAST = (symbolic(small(2, 8, 9, 3), 0), scale(0.037), zero(119))
A, B = symbolic(small(4, 5), 0), const(small(5, 6, seed=2, dtype="int8"), "int8")
SCALES = const(np.linspace(0.01, 0.06, 6), "float32")
BIAS = const(floats(6), "float32")
C = const(integers(6, low=-900, high=900, dtype="int32"), "int32")
ROWS = symbolic(floats(3, 4, 5), 0)


def softmax(axis: int, opset: int, steps: Arg = PROBABILITY[0]) -> Node:
    """QLinearSoftmax, whose attribute `opset` is not the model's operator set."""
    attributes = {"axis": axis, "opset": opset}
    return Node("QLinearSoftmax", (*X, steps, zero(0)), domain="com.microsoft", attributes=attributes)


# Scales whose ratio is a power of two, and an odd zero point: many results are halfway between two integers.
HALVES = (scale(0.084), zero(121))

CASES: dict[str, Node] = {
    "add_halves": node(
        "com.microsoft:QLinearAdd", *(X[0], scale(0.042), zero(120)), *(OTHER[0], scale(0.042), zero(119)), *HALVES
    ),
    "mul_halves": node(
        "com.microsoft:QLinearMul",
        *(X[0], scale(0.5), zero(120)),
        *(OTHER[0], scale(0.5), zero(119)),
        scale(32),
        zero(1),
    ),
    "leaky_relu_halves": node("com.microsoft:QLinearLeakyRelu", *(X[0], scale(0.042), zero(120)), *HALVES, alpha=0.25),
    "concat_halves": node("com.microsoft:QLinearConcat", *HALVES, *(X[0], scale(0.042), zero(120)), axis=1),
    "global_average_pool_halves": node(
        "com.microsoft:QLinearGlobalAveragePool", symbolic(small(9, 3, 2, 2), 0), *HALVES, *HALVES
    ),
    "quantize": node("com.microsoft:QuantizeLinear", symbolic(floats(3, 4), 0), scale(0.02), zero(100)),
    "quantize_16": node("com.microsoft:QuantizeLinear", floats(3, 4), scale(0.0002), zero(-7, "int16")),
    "dequantize_axis": node(
        "com.microsoft:DequantizeLinear",
        symbolic(small(4, 6), 0),
        SCALES,
        const(small(6, seed=5), "uint8"),
        axis=1,
    ),
    "add": node("com.microsoft:QLinearAdd", *X, *OTHER, *Y),
    "add_row": node("com.microsoft:QLinearAdd", *X, *ROW, *Y),
    "add_signed": node("com.microsoft:QLinearAdd", *SIGNED, *SIGNED, scale(0.071), zero(5, "int8")),
    "add_without_zero": node("com.microsoft:QLinearAdd", *SIGNED, *SIGNED, scale(0.071)),
    "mul": node("com.microsoft:QLinearMul", *X, *OTHER, scale(0.113), zero(128)),
    "mul_row": node("com.microsoft:QLinearMul", *X, *ROW, scale(0.113), zero(128)),
    "sigmoid": node("com.microsoft:QLinearSigmoid", *X, *PROBABILITY),
    "leaky_relu": node("com.microsoft:QLinearLeakyRelu", *X, *Y, alpha=0.2),
    "softmax": softmax(-1, 13),
    "softmax_of_old_operator_sets": softmax(1, 12),
    "softmax_of_a_coarse_scale": softmax(-1, 13, scale(1 / 127.9)),
    "where": node(
        "com.microsoft:QLinearWhere", symbolic(integers(3, 4, 6, low=0, high=2).astype(bool), 0), *X, *OTHER, *Y
    ),
    "concat": node("com.microsoft:QLinearConcat", *Y, *X, *OTHER, axis=2),
    "concat_of_equal_scales": node("com.microsoft:QLinearConcat", *X[1:], *X, *OTHER, axis=1),
    "average_pool": node(
        "com.microsoft:QLinearAveragePool", *IMAGES, scale(0.031), zero(113), kernel_shape=[3, 3], pads=[1, 1, 1, 1]
    ),
    "average_pool_with_padding": node(
        "com.microsoft:QLinearAveragePool",
        *(*IMAGES, scale(0.0317), zero(113)),
        kernel_shape=[3, 2],
        strides=[2, 2],
        pads=[1, 0, 1, 0],
        count_include_pad=1,
    ),
    "average_pool_channels_last": node(
        "com.microsoft:QLinearAveragePool", *LAST, scale(0.031), zero(113), kernel_shape=[3, 3], channels_last=1
    ),
    "global_average_pool": node("com.microsoft:QLinearGlobalAveragePool", *IMAGES, scale(0.0071), zero(113)),
    "global_average_pool_channels_last": node(
        "com.microsoft:QLinearGlobalAveragePool", *LAST, scale(0.0071), zero(113), channels_last=1
    ),
    "conv_channels_last": node(
        "com.microsoft:QLinearConv",
        *(*LAST, const(small(4, 3, 3, 3, dtype="int8"), "int8"), scale(0.013), zero(0, "int8"), scale(0.61), zero(118)),
        channels_last=1,
        pads=[1, 1, 1, 1],
    ),
    "max_pool_channels_last": node("com.microsoft:NhwcMaxPool", LAST[0], kernel_shape=[2, 2], strides=[2, 2]),
    "matmul_to_float": node("com.microsoft:MatMulIntegerToFloat", A, B, scale(0.03), scale(0.02), zero(77)),
    "matmul_to_float_by_column": node(
        "com.microsoft:MatMulIntegerToFloat",
        *(A, B, scale(0.03), SCALES, zero(77), const(np.zeros(6), "int8"), BIAS),
    ),
    "dynamic_matmul": node("com.microsoft:DynamicQuantizeMatMul", ROWS, B, scale(0.02), zero(3, "int8")),
    "dynamic_matmul_by_column": node("com.microsoft:DynamicQuantizeMatMul", ROWS, B, SCALES, None, BIAS),
    "dynamic_matmul_of_zeros": node(
        "com.microsoft:DynamicQuantizeMatMul", symbolic(np.zeros((3, 5), np.float32), 0), B, SCALES, None, BIAS
    ),
    "gemm": node(
        "com.microsoft:QGemm", A, scale(0.03), zero(77), B, scale(0.02), zero(0, "int8"), C, scale(0.37), zero(120)
    ),
    "gemm_to_float": node(
        "com.microsoft:QGemm",
        *(symbolic(small(5, 4)), scale(0.03), zero(77), const(small(6, 5, dtype="int8"), "int8"), SCALES),
        const(np.zeros(6), "int8"),
        transA=1,
        transB=1,
        alpha=0.5,
    ),
}
