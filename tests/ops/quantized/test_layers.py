"""Layers on 8-bit integers: what graphs with DequantizeLinear and QuantizeLinear become, and what they compute."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.contrib.merged import Merged
from tests.ops.nodes import check_node, floats, integers, named
from tests.ops.quantized import dynamic, trained
from tests.ops.quantized.qdq import Graph, Quantized, packed_int4, quantized, small, weights
from tf2rust.conversion import match_layers
from tf2rust.source import Source

IMAGE = small(3, 4, 7, 6)
SIGNED = small(3, 4, 7, 6, dtype="int8")
EACH = np.abs(floats(6)) / 50 + 0.002
ROWS = small(3, 5, 10)


def conv(
    array: np.ndarray = IMAGE,
    kernel: tuple[int, ...] = (6, 4, 3, 3),
    scale: Any = 0.01,
    zeros: tuple[int, int] = (100, 128),
    step: float = 0.6,
    after: Any = (),
    **attributes: Any,
) -> Any:
    """A convolution with a bias, and perhaps an operator with its constants after it."""

    def build(g: Quantized) -> str:
        x = g.real(array, zero=zeros[0])
        bias = [] if g.opset < 13 else [g.bias(kernel[0], np.float32(0.02) * scale)]
        made = g.op("Conv", x, g.kernel(weights(*kernel), scale), *bias, **attributes)
        if after:
            made = g.op(after[0], made, *(g.constant(c, "float32") for c in after[1:]))
        return g.quantize(made, step, zeros[1], array.dtype.name)

    return build


def dense(op: str = "MatMul", scale: Any = 0.01, *, step: float = 0.4, **attributes: Any) -> Any:
    def build(g: Quantized) -> str:
        turned = attributes.get("transB", 0)
        kernel = weights(10, 6).T if turned else weights(10, 6)
        bias = [g.bias(6, np.float32(0.02) * scale)] if op == "Gemm" else []
        x = g.real(ROWS[:, 0] if op == "Gemm" else ROWS)
        made = g.op(op, x, g.kernel(np.ascontiguousarray(kernel), scale, 0 if turned else 1), *bias, **attributes)
        return g.quantize(made, step, 120)

    return build


def binary(op: str, *, second: Any = IMAGE, scales: tuple[float, float, float] = (0.02, 0.0313, 0.0517)) -> Any:
    def build(g: Quantized) -> str:
        return g.quantize(g.op(op, g.real(IMAGE, scales[0]), g.real(second, scales[1], 77)), scales[2], 117)

    return build


def unary(op: str, dtype: str = "uint8", **attributes: Any) -> Any:
    def build(g: Quantized) -> str:
        return g.quantize(g.op(op, g.real(IMAGE, 0.05), **attributes), 0.0313, 90 if dtype == "uint8" else -9, dtype)

    return build


def moved(op: str, *parameters: Any, **attributes: Any) -> Any:
    """Data movement between DequantizeLinear and QuantizeLinear with one scale."""

    def build(g: Quantized) -> str:
        more = ["" if p is None else g.constant(*p) for p in parameters]
        return g.quantize(g.op(op, g.real(IMAGE), *more, **attributes), 0.02, 100)

    return build


def _shared(g: Quantized) -> list[str]:
    """One DequantizeLinear that two convolutions and a sum read, as residual blocks have it."""
    x = g.real(IMAGE)
    first = g.quantize(g.op("Conv", x, g.kernel(weights(4, 4, 1, 1))), 0.313, 128)
    second = g.quantize(g.op("Conv", x, g.kernel(weights(4, 4, 1, 1, seed=9))), 0.417, 100)
    total = g.op("Add", g.op("Add", x, g.dequantize(first, 0.313, 128)), g.dequantize(second, 0.417, 100))
    return [
        g.quantize(g.op("Add", x, g.dequantize(first, 0.313, 128)), 0.417, 99),
        first,
        second,
        g.quantize(total, 0.7),
    ]


def _concat(g: Quantized) -> str:
    parts = [g.real(IMAGE), g.real(small(3, 2, 7, 6, seed=8), 0.04, 9)]
    return g.quantize(g.op("Concat", *parts, axis=1), 0.02, 100)


def _branches(g: Quantized) -> str:
    """Two convolutions whose concatenation is quantized as a whole."""
    x = g.real(IMAGE)
    parts = [g.op("Conv", x, g.kernel(weights(f, 4, 1, 1, seed=f))) for f in (5, 3)]
    return g.quantize(g.op("Concat", *parts, axis=1), 0.3, 100)


def _int4(g: Quantized) -> str:
    kernel = g.tensor(packed_int4(weights(10, 6, most=7)))
    zeros = g.tensor(packed_int4(np.zeros(6, np.int8)))
    made = g.op("DequantizeLinear", kernel, g.constant(EACH * 9, "float32"), zeros, axis=1)
    return g.quantize(g.op("MatMul", g.real(ROWS), made), 0.2, 128)


def _one_block(g: Quantized) -> str:
    """A kernel with a block that is longer than its axis."""
    scales = g.constant(EACH.reshape(1, 6), "float32")
    kernel = g.op("DequantizeLinear", g.constant(weights(10, 6), "int8"), scales, axis=0, block_size=1 << 40)
    return g.quantize(g.op("MatMul", g.real(ROWS), kernel), 0.4, 120)


def _signed_blocks(g: Quantized) -> str:
    """A kernel whose blocks have scales of both signs, and one of zeros."""
    scales = floats(4, 6) / 50
    scales[0, 0] = 0
    constants = (g.constant(weights(10, 6), "int8"), g.constant(scales, "float32"))
    kernel = g.op("DequantizeLinear", *constants, block_size=3, axis=0)
    return g.op("MatMul", g.input(floats(3, 5, 10)), kernel)


def _unsigned_kernel(g: Quantized) -> str:
    kernel = g.kernel((weights(6, 4, 3, 3).astype(int) + 128).astype("uint8"), 0.01, zero=128)
    return g.quantize(g.op("Conv", g.real(IMAGE), kernel), 0.6, 128)


def _wide_conv(
    array: np.ndarray = IMAGE,
    kernel: tuple[int, ...] = (6, 4, 3, 3),
    scale: Any = 0.01,
    zero: Any = 90,
    **attributes: Any,
) -> Any:
    """A convolution with weights of uint8 that do not fit in int8."""

    def build(g: Quantized) -> str:
        bias = g.bias(kernel[0], np.float32(0.02) * scale)
        made = g.op("Conv", g.real(array), g.kernel(small(*kernel, seed=6), scale, zero=zero), bias, **attributes)
        return (
            g.quantize(made, 0.6, 128, array.dtype.name)
            if array.dtype == np.uint8
            else g.quantize(made, 0.6, 20, "int8")
        )

    return build


def _wide_dense(g: Quantized) -> list[str]:
    """Products with such weights: one whose result is quantized, and one whose result is not."""
    x = g.real(ROWS)
    parts = [g.op("MatMul", x, g.kernel(small(10, 6, seed=i), EACH, 1, [0, 255, 90, 128, 127, 129])) for i in (5, 6)]
    return [g.quantize(parts[0], 0.4, 120), parts[1]]


def _float_end(g: Quantized) -> list[str]:
    """The last layers of classifiers: results that are not quantized again."""
    made = g.op("MatMul", g.real(ROWS), g.kernel(weights(10, 6), EACH, 1))
    return [g.op("Relu", g.op("Add", made, g.constant(floats(6), "float32")))]


def _float_result(op: str, *constants: float) -> Any:
    """A dense layer and a convolution with an activation, whose results are not quantized."""

    def build(g: Quantized) -> list[str]:
        bounds = [g.constant(c, "float32") for c in constants]
        kernel, bias = g.kernel(weights(10, 6), EACH, 1), g.bias(6, np.float32(0.02) * EACH.astype(np.float32))
        made = (
            g.op("Gemm", g.real(ROWS[:, 0]), kernel, bias),
            g.op("Conv", g.real(IMAGE), g.kernel(weights(6, 4, 3, 3))),
        )
        return [g.op(op, one, *bounds) for one in made]

    return build


def _float_bias(g: Quantized) -> str:
    """A float bias with steps of the sums that are as large as those of the result."""
    made = g.op("MatMul", g.real(ROWS), g.kernel(weights(10, 6, most=3), 1.0))
    return g.quantize(g.op("Add", made, g.constant(floats(6), "float32")), 0.03, 120)


def _constant(op: str, array: np.ndarray, zero: int, step: float = 0.05) -> Any:
    """An image and a constant, whose integers minus the zero point can exceed those of int8."""
    return lambda g: g.quantize(g.op(op, g.real(IMAGE), g.kernel(array, 0.02, zero=zero)), step, 117)


def _global_average_pool(g: Quantized) -> str:
    """Channels are last behind a convolution."""
    made = g.quantize(g.op("Conv", g.real(IMAGE), g.kernel(weights(4, 4, 3, 3))), 0.6, 128)
    return g.quantize(g.op("GlobalAveragePool", g.dequantize(made, 0.6, 128)), 0.1, 99)


def _add_relu(g: Quantized) -> str:
    return g.quantize(g.op("Relu", g.op("Add", g.real(IMAGE), g.real(IMAGE, 0.03))))


def _softmax(g: Quantized) -> str:
    return g.quantize(g.op("Softmax", g.real(ROWS), axis=2), 1 / 256, 0)


def _twice(g: Quantized) -> list[str]:
    """A result that is also an output before it is quantized."""
    made = g.op("Conv", g.real(IMAGE), g.kernel(weights(4, 4, 1, 1)))
    return [g.op("Identity", made), g.quantize(made, 0.313, 128)]


def _again(g: Quantized) -> list[str]:
    """The same scale twice in a row, and another one."""
    first = g.quantize(g.op("Conv", g.real(IMAGE), g.kernel(weights(4, 4, 1, 1))), 0.313, 128)
    same = g.quantize(g.dequantize(first, 0.313, 128), 0.313, 128)
    return [
        g.quantize(g.dequantize(same, 0.313, 128), 0.3, -3, "int8"),
        g.quantize(g.dequantize(same, 0.313, 128), 0.5, 9),
    ]


def _embedding(*, reader: str = "") -> Any:
    """Rows of a table that a product of integers reads, and perhaps another operator too."""

    def build(g: Quantized) -> list[str]:
        table = floats(9, 10) * 3
        table[4, :3] = np.inf, -np.inf, 1e9
        rows = g.op("Gather", g.constant(table, "float32"), g.input(integers(3, 5, low=-9, high=9)))
        x = g.dequantize(g.quantize(rows, 0.02, 100), 0.02, 100)
        made = g.quantize(g.op("MatMul", x, g.kernel(weights(10, 6))), 0.4, 120)
        return [made, g.op(reader, rows)] if reader else [made]

    return build


CONV = "Transpose QuantizedConv2D Transpose"
DEPTHWISE = "Transpose QuantizedDepthwiseConv2D Transpose"
GRAPHS: dict[str, Graph] = {
    "conv": quantized(CONV, conv()),
    "conv_each_filter": quantized(CONV, conv(scale=EACH)),
    "conv_signed": quantized(CONV, conv(SIGNED, scale=EACH, zeros=(-7, 5))),
    "conv_lowest_zeros": quantized(CONV, conv(zeros=(0, 0), pads=[1, 1, 1, 1])),
    "conv_highest_zeros": quantized(CONV, conv(zeros=(255, 255), pads=[1, 1, 1, 1])),
    "conv_signed_ends": quantized(CONV, conv(SIGNED, zeros=(-128, 127), pads=[1, 0, 2, 1])),
    "conv_relu": quantized(CONV, conv(after=("Relu",))),
    "conv_relu6": quantized(CONV, conv(after=("Clip", 0.0, 6.0), step=0.1)),
    "conv_clip": quantized(CONV, conv(SIGNED, zeros=(3, -20), after=("Clip", -3.0, 7.0), step=0.1)),
    "conv_clip_to_one_number": quantized(CONV, conv(after=("Clip", 9.0, 6.0), step=0.1)),
    "conv_scales_far_apart": quantized(CONV, conv(scale=np.geomspace(1e-7, 1e-2, 6))),
    "conv_strides": quantized(CONV, conv(strides=[2, 1], dilations=[1, 2], pads=[1, 0, 2, 1])),
    "conv_same": quantized(CONV, conv(auto_pad="SAME_LOWER", strides=[2, 2])),
    "conv_groups": quantized(CONV, conv(kernel=(6, 2, 3, 3), group=2)),
    "conv_pointwise": quantized(CONV, conv(kernel=(6, 4, 1, 1))),
    "conv_line": quantized("Transpose QuantizedConv1D Transpose", conv(IMAGE[:, :, 0], kernel=(6, 4, 3))),
    "depthwise": quantized(DEPTHWISE, conv(kernel=(4, 1, 3, 3), group=4, pads=[1, 1, 1, 1], step=0.2)),
    "depthwise_multiplier": quantized(DEPTHWISE, conv(SIGNED, (8, 1, 3, 2), group=4, zeros=(9, -9), step=0.2)),
    "depthwise_line": quantized(
        "Transpose QuantizedDepthwiseConv1D Transpose", conv(IMAGE[:, :, 0], (4, 1, 3), group=4, step=0.2)
    ),
    "conv_unsigned_kernel": quantized(CONV, _unsigned_kernel),
    "conv_wide_kernel": quantized(CONV, _wide_conv()),
    "conv_wide_each_filter": quantized(CONV, _wide_conv(SIGNED, scale=EACH, zero=[0, 255, 90, 128, 127, 129])),
    "conv_wide_padded": quantized(CONV, _wide_conv(strides=[2, 1], dilations=[1, 2], pads=[1, 0, 2, 1])),
    "conv_wide_pointwise": quantized(CONV, _wide_conv(kernel=(6, 4, 1, 1))),
    "conv_wide_line": quantized("Transpose QuantizedConv1D Transpose", _wide_conv(IMAGE[:, :, 0], (6, 4, 3))),
    **{
        f"conv_wide_groups_{groups}": quantized(
            f"Transpose DequantizeLinear {kind} QuantizeLinear Transpose",
            _wide_conv(kernel=(8, 4 // groups, 3, 3), group=groups),
            **{kind: "its kernel minus"},
        )
        for groups, kind in ((2, "Conv2D"), (4, "DepthwiseConv2D"))
    },
    **{f"conv_opset_{n}": quantized(CONV, conv(), n) for n in (10, 11, 19, 21)},
    "dense": quantized("QuantizedDense", dense()),
    "dense_each_column": quantized("QuantizedDense", dense(scale=EACH)),
    "gemm": quantized("QuantizedDense", dense("Gemm")),
    "gemm_transposed": quantized("QuantizedDense", dense("Gemm", scale=EACH, transB=1)),
    "dense_int4": quantized("QuantizedDense", _int4, 21),
    "one_block": quantized("QuantizedDense", _one_block, 21),
    "dense_wide_kernel": quantized("QuantizedDense QuantizedDense", _wide_dense, QuantizedDense="its result is not"),
    "signed_blocks": quantized("Dense", _signed_blocks, 21),
    "dense_float_result": quantized("QuantizedDense", _float_end, QuantizedDense="its result is not"),
    **{
        f"float_{op.lower()}": quantized(
            f"Transpose QuantizedDense{own} QuantizedConv2D{own} Transpose",
            _float_result(op, *constants),
            QuantizedDense="its result is not",
            QuantizedConv2D="its result is not",
        )
        for op, constants, own in (("Relu", (), ""), ("Clip", (-0.5, 6.0), ""), ("Tanh", (), " Activation"))
    },
    "dense_saturated": quantized("QuantizedDense", dense(step=0.001)),
    "dense_bias_between_steps": quantized(
        "QuantizedDense QuantizeLinear", _float_bias, QuantizedDense="its bias is not a multiple"
    ),
    "embedding": quantized("Embedding QuantizedDense", _embedding()),
    "embedding_of_floats_too": quantized(
        "Embedding QuantizeLinear QuantizedDense Activation", _embedding(reader="Relu")
    ),
    "shared": quantized(
        "DequantizeLinear Transpose QuantizedConv2D QuantizedConv2D Transpose DequantizeLinear Add Transpose "
        "DequantizeLinear Add Transpose QuantizedAdd QuantizeLinear Transpose Transpose",
        _shared,
        Add=("its result is not", "one of its inputs is not"),
    ),
    "add": quantized("QuantizedAdd", binary("Add")),
    "add_halves": quantized("QuantizedAdd", binary("Add", scales=(0.25, 0.25, 0.5))),
    "add_relu": quantized(
        "QuantizedAdd", lambda g: g.quantize(g.op("Relu", g.op("Add", g.real(IMAGE), g.real(IMAGE))))
    ),
    "add_large_steps": quantized("QuantizedAdd", binary("Add", scales=(5.0, 0.02, 0.02))),
    "add_steps_beyond_the_range": quantized(
        "DequantizeLinear DequantizeLinear Add QuantizeLinear",
        binary("Add", scales=(0.02 * 2**20, 0.02, 0.02)),
        Add="a step of an operand is larger",
    ),
    "add_row": quantized("QuantizedAdd", binary("Add", second=small(3, 4, 1, 1))),
    "add_constant": quantized("QuantizedAdd", _constant("Add", weights(4, 1, 1), 0)),
    **{
        f"{op.lower()}_constant_{zero}": quantized(f"Quantized{kind}", _constant(op, small(4, 1, 6), zero))
        for op, kind in (("Add", "Add"), ("Mul", "Multiply"))
        for zero in (0, 40, 255)
    },
    "add_constant_signed": quantized("QuantizedAdd", _constant("Add", small(4, 1, 6, dtype="int8"), -128)),
    "sub": quantized("QuantizedAdd", binary("Sub")),
    "mul": quantized("QuantizedMultiply", binary("Mul")),
    "mul_gate": quantized("QuantizedMultiply", binary("Mul", second=small(3, 4, 1, 1))),
    "mul_large_steps": quantized("QuantizedMultiply", binary("Mul", scales=(5.0, 9.0, 0.02))),
    "mul_more_axes": quantized(
        "DequantizeLinear Multiply QuantizeLinear",
        lambda g: g.quantize(g.op("Mul", g.real(ROWS[:, 0]), g.constant([[[[0.7]]]], "float32"))),
        Multiply="its constant is not quantized",
    ),
    "max": quantized("DequantizeLinear DequantizeLinear Maximum QuantizeLinear", binary("Max"), Maximum="Maximum has"),
    "sigmoid": quantized("QuantizedActivation", unary("Sigmoid")),
    "leaky_relu": quantized("QuantizedActivation", unary("LeakyRelu", alpha=0.1)),
    "hard_swish": quantized("QuantizedActivation", unary("HardSwish"), 14),
    "to_signed": quantized("QuantizedActivation", unary("Tanh", "int8")),
    "rescaled": quantized("QuantizedRescaling", unary("Identity")),
    "same_scale_again": quantized(
        "Transpose QuantizedConv2D QuantizedRescaling QuantizedRescaling Transpose Transpose", _again
    ),
    "average_pool": quantized(
        "Transpose QuantizedAveragePooling2D Transpose",
        unary("AveragePool", kernel_shape=[3, 2], strides=[2, 1], pads=[1, 0, 1, 0]),
    ),
    "average_pool_with_padding": quantized(
        "Transpose QuantizedAveragePooling2D Transpose",
        unary("AveragePool", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
    ),
    "global_average_pool": quantized("Transpose QuantizedConv2D QuantizedGlobalAveragePooling2D", _global_average_pool),
    "max_pool": quantized(
        "Transpose MaxPooling2D Transpose", moved("MaxPool", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])
    ),
    "concat": quantized("QuantizedRescaling Concatenate", _concat),
    "concat_of_results": quantized("Transpose QuantizedConv2D QuantizedConv2D Concatenate Transpose", _branches),
    "reshape": quantized("", moved("Reshape", ([0, 2, -1], "int64"))),
    "transpose": quantized("Transpose", moved("Transpose", perm=[0, 2, 1, 3])),
    "pad": quantized("ZeroPadding", moved("Pad", ([0, 0, 1, 2, 0, 0, 0, 1], "int64"))),
    "slice": quantized("Slice", moved("Slice", ([1], "int64"), ([6], "int64"), ([2], "int64"), ([2], "int64"))),
    "depth_to_space": quantized("Transpose", moved("DepthToSpace", blocksize=2)),
    "resize": quantized("Resize", moved("Resize", None, ([1, 1, 2, 1.5], "float32"), mode="nearest")),
    "largest": quantized("Max", moved("ReduceMax", axes=[3], keepdims=0)),
    "softmax": quantized("DequantizeLinear Softmax QuantizeLinear", _softmax, Softmax="Softmax has no form"),
    "read_twice": quantized(
        "Transpose QuantizedConv2D QuantizeLinear Transpose Transpose",
        _twice,
        QuantizedConv2D="its result is also read",
    ),
    **dynamic.GRAPHS,
    **trained.GRAPHS,
}


TABLE_NAME = "quantized_layers"
OPSETS = sorted({item.opset for item in GRAPHS.values()})
NODES = {f"opset_{n}": Merged(table={k: g for k, g in GRAPHS.items() if g.opset == n}) for n in OPSETS}
"""All graphs of an operator set in one model each, so that few crates are compiled."""


def _layers(item: Graph) -> Any:
    return match_layers(Source(Path("model.onnx"), item.model(""), "onnx", lambda _: {}))


@pytest.mark.parametrize("key", GRAPHS)
def test_graph_becomes_layers_on_integers(key: str) -> None:
    item = GRAPHS[key]
    found, graph = _layers(item)
    assert not found.unmatched
    kinds = [layer.kind for layer in graph.layers if layer.kind not in ("Constant", "Reshape")]
    assert " ".join(kinds) == item.becomes
    assert {row.kind for row in found.departures} == set(item.leaves)
    for row in found.departures:
        assert row.reason.startswith(item.leaves[row.kind]), row


@pytest.mark.parametrize("key", GRAPHS)
def test_every_node_is_listed_once(key: str) -> None:
    item = GRAPHS[key]
    found, _ = _layers(item)
    assert sorted(found.nodes()) == sorted(node.name for node in item.model("").graph.node)


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_layers_compute_the_same_integers(key: str, results: Results) -> None:
    check_node(results[key])
