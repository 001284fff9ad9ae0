"""Layer normalizations that are fused with sums and embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from onnx import numpy_helper

from tf2rust.ops.contrib.activation import biased
from tf2rust.ops.contrib.call import Call, defines
from tf2rust.ops.core.inference import InferenceError

_EPSILON = 1e-12
"""The default of the fused normalizations. It differs from that of LayerNormalization."""


@defines("SkipLayerNormalization")
def skip_layer_normalization(call: Call) -> Sequence[str | None]:
    """The layer normalization of x + skip + bias; output 3 is the sum."""
    total = biased(call, call.body.op("Add", call.arg(0), call.arg(1)), 4)
    beta = call.maybe(3)
    operands = [call.arg(2), *([] if beta is None else [beta])]
    made = call.body.op("LayerNormalization", total, *operands, epsilon=call.attr("epsilon", _EPSILON))
    return [made, None, None, total]


@defines("SkipSimplifiedLayerNormalization")
def skip_simplified_layer_normalization(call: Call) -> Sequence[str | None]:
    """The RMS normalization of x + skip + bias; output 3 is the sum."""
    total = biased(call, call.body.op("Add", call.arg(0), call.arg(1)), 3)
    made = call.body.op("RMSNormalization", total, call.arg(2), epsilon=call.attr("epsilon", _EPSILON))
    return [made, None, None, total]


@defines("SimplifiedLayerNormalization")
def simplified_layer_normalization(call: Call) -> Sequence[str]:
    """RMSNormalization, under the name that it had in ONNX Runtime before ONNX got it."""
    given = {"axis": call.attr("axis", -1), "epsilon": call.attr("epsilon", 1e-5)}
    call.only("stash_type", 1)
    return [call.body.op("RMSNormalization", call.arg(0), call.arg(1), **given)]


@defines("EmbedLayerNormalization")
def embed_layer_normalization(call: Call) -> Sequence[str]:
    """The layer normalization of the sum of word, position and segment embeddings.

    Output 1 counts the ones in each row of the mask, and output 2 is the sum.
    """
    call.has("mask_index_type")
    names = [call.arg(2), call.arg(3), call.maybe(4), call.arg(5), call.arg(6)]
    return embedded(call, names, mask=7, positions=8)


@defines("QEmbedLayerNormalization")
def q_embed_layer_normalization(call: Call) -> Sequence[str]:
    """EmbedLayerNormalization with quantized tables, scale and shift; each has a scale and a zero point."""

    def table(x: int) -> str | None:
        index = x - 2
        scale, zero = call.maybe(8 + index), call.maybe(13 + index)
        if not call.given(x):
            return None
        if scale is None or zero is None:
            raise InferenceError(f"its input {x} has no scale or no zero point")
        return call.body.op("DequantizeLinear", call.arg(x), scale, zero)

    return embedded(call, [table(x) for x in range(2, 7)], mask=7, positions=None)


def embedded(call: Call, tables: Sequence[str | None], mask: int, positions: int | None) -> Sequence[str]:
    """The outputs of an EmbedLayerNormalization for the tables of words, positions and segments, the scale and the
    shift.
    """
    body, (words, places, segments, gamma, beta) = call.body, tables
    ids, given = call.arg(0), None if positions is None else call.maybe(positions)
    if words is None or places is None or gamma is None or beta is None:
        raise InferenceError("one of its embeddings is absent")
    length = body.op("Shape", ids, start=1, end=2)
    if given is None:
        count = body.op("Squeeze", length)
        given = body.op("Range", body.constant(0, "int64"), count, body.constant(1, "int64"))
    total = body.op("Add", body.op("Gather", words, ids), body.op("Gather", places, given))
    if call.given(1) != (segments is not None):
        raise InferenceError("it has segments without an embedding of segments, or the other way round")
    if segments is not None:
        total = body.op("Add", total, body.op("Gather", segments, call.arg(1)))
    made = body.op("LayerNormalization", total, gamma, beta, epsilon=call.attr("epsilon", _EPSILON))
    return [made, _count(call, mask), total]


def _count(call: Call, mask: int) -> str:
    """The number of ones in each row of the mask, or 0 without a mask, as int32."""
    body, given = call.body, call.maybe(mask)
    if given is None:
        return body.op(
            "ConstantOfShape",
            body.op("Shape", call.arg(0), end=1),
            value=numpy_helper.from_array(np.zeros(1, np.int32)),
        )
    ones = body.cast(body.op("Equal", given, body.constant(1, call.dtype(mask))), "int32")
    return body.op("ReduceSum", ones, body.constant([1], "int64"), keepdims=0)
