"""Attention, rotary position embeddings, and attention with a cache of keys and values.

Sizes are called as in ONNX Runtime's documentation: batch B, heads N, queries S, keys T, past keys P, head size H.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tf2rust.ops.contrib.call import Call, defines
from tf2rust.ops.contrib.quantized import integer_product
from tf2rust.ops.core.dims import format_shape
from tf2rust.ops.core.inference import InferenceError
from tf2rust.ops.quantized.quantize_linear import check_scales

_MASKED = -10000.0
"""The default of ``mask_filter_value``."""
_LOWEST = float(np.finfo(np.float32).min)


@dataclass
class Heads:
    """The operands of an attention, by head: q [B, N, S, H], k [B, N, T, H] and v [B, N, T, H_v]."""

    call: Call
    q: str
    k: str
    v: str
    scale: float
    terms: list[str] = field(default_factory=list)
    """What is added to the scores [B, N, S, T], in shapes that broadcast to theirs."""
    softcap: float = 0.0

    def attend(self) -> str:
        """softmax(scale · q·kᵀ + terms) · v as [B, S, N · H_v]."""
        body = self.call.body
        scores = body.op("MatMul", self.q, body.op("Transpose", self.k, perm=[0, 1, 3, 2]))
        scores = body.op("Mul", scores, body.constant(self.scale))
        if self.softcap:
            limit = body.constant(self.softcap)
            scores = body.op("Mul", body.op("Tanh", body.op("Div", scores, limit)), limit)
        if self.terms:
            bias = self.terms[0]
            for term in self.terms[1:]:
                bias = body.op("Add", bias, term)
            scores = body.op("Add", scores, bias)
        made = body.op("MatMul", body.op("Softmax", scores, axis=-1), self.v)
        return merged(self.call, made)

    def append_past(self, key: str, value: str) -> None:
        """Puts past keys and values [B, N, P, H] in front of the others."""
        self.k, self.v = (self.call.body.op("Concat", *pair, axis=2) for pair in ((key, self.k), (value, self.v)))


def by_head(call: Call, x: str, heads: int) -> str:
    """[B, S, N · H] → [B, N, S, H]"""
    body = call.body
    split = body.op("Reshape", x, body.constant([0, 0, heads, -1], "int64"))
    return body.op("Transpose", split, perm=[0, 2, 1, 3])


def merged(call: Call, x: str) -> str:
    """[B, N, S, H] → [B, S, N · H]"""
    body = call.body
    moved = body.op("Transpose", x, perm=[0, 2, 1, 3])
    return body.op("Reshape", moved, body.constant([0, 0, -1], "int64"))


@defines("Attention")
def attention(call: Call) -> Sequence[str | None]:
    """Attention of x [B, S, D] to itself; weights [D, …] and a bias project it to queries, keys and values."""
    body = call.body
    product = body.op("MatMul", call.arg(0), call.arg(1))
    bias = call.maybe(2)
    projected = product if bias is None else body.op("Add", product, bias)
    call.only("past_present_share_buffer", 0)
    call.only("do_rotary", 0)
    call.has("rotary_embedding_dim")
    return _self_attention(call, projected, call.size(1, 1), mask=3, past=4, bias=5)


@defines("QAttention")
def q_attention(call: Call) -> Sequence[str | None]:
    """Attention of x to itself, where x and the weights have 8 bits and their product is scaled to float32."""
    body = call.body
    for scales in (3, 4):
        check_scales(call.infos, call.operand(scales))
    product = integer_product(call, call.arg(0), call.arg(1), call.maybe(6), call.maybe(7))
    scale = body.op("Mul", call.arg(3), call.arg(4))
    projected = body.op("Add", body.op("Mul", body.floats(product), scale), call.arg(2))
    call.only("past_present_share_buffer", 0)
    call.only("do_rotary", 0)
    return _self_attention(call, projected, call.size(1, 1), mask=5, past=8, bias=None)


def _self_attention(
    call: Call, projected: str, width: int, *, mask: int, past: int, bias: int | None
) -> Sequence[str | None]:
    """The outputs of an attention of the projected input [B, S, ``width``]; the others are indices of inputs.

    Past and present keys and values are [2, B, N, P or T, H].
    """
    body, heads = call.body, call.required("num_heads")
    sizes = call.attr("qkv_hidden_sizes") or [width // 3] * 3
    if len(sizes) != 3 or sum(sizes) != width or any(size < 1 or size % heads for size in sizes):
        raise InferenceError(f"its hidden sizes {sizes} do not divide {width} columns among {heads} heads")
    parts = body.ops("Split", [projected, body.constant(sizes, "int64")], 3, axis=-1)
    q, k, v = (by_head(call, part, heads) for part in parts)
    attended = Heads(call, q, k, v, _scale(call, sizes[0] // heads))
    past_key = None
    if call.given(past):
        both = body.ops("Split", [call.arg(past)], 2, axis=0, num_outputs=2)
        past_key, past_value = (body.op("Squeeze", part, _zero(call)) for part in both)
        attended.append_past(past_key, past_value)
    attended.terms = _terms(call, attended, mask, bias, past_key)
    present = None
    if call.wants(1):
        present = body.op("Concat", *(body.op("Unsqueeze", x, _zero(call)) for x in (attended.k, attended.v)), axis=0)
    return [attended.attend(), present]


def _scale(call: Call, size: int) -> float:
    return float(call.attr("scale", 0.0) or 1 / math.sqrt(size))


def _terms(call: Call, heads: Heads, mask: int, bias: int | None, past: str | None) -> list[str]:
    """What the mask, the bias and the attribute ``unidirectional`` add to the scores."""
    terms = [] if bias is None or not call.given(bias) else [call.arg(bias)]
    low = call.attr("mask_filter_value", _MASKED)
    if call.given(mask):
        terms.append(_padding(call, mask, heads.k, low))
    if call.attr("unidirectional", 0):
        terms.append(_causal(call, heads.q, heads.k, past))
    return terms


def _padding(call: Call, mask: int, keys: str, low: float) -> str:
    """``low`` where the mask excludes a key, otherwise 0.

    The mask is [B, T] or [B, S, T] with 1 for the keys that count; or [B] with the number of keys that count; or [2·B]
    with the ends and then the starts of these keys.
    """
    body, x, shape = call.body, call.arg(mask), call.shape(mask)
    batch = call.shape(0)[0]
    if len(shape) in (2, 3):
        counts = body.op("Greater", x, body.constant(0, call.dtype(mask)))
        counts = body.op("Unsqueeze", counts, body.constant([1, 2] if len(shape) == 2 else [1], "int64"))
    elif len(shape) == 1 and (shape[0] in (batch, batch * 2) or not isinstance(shape[0], int)):
        positions, numbers = _positions(call, _length(call, keys, 2)), body.cast(x, "int64")
        if shape[0] == batch * 2:
            ends, starts = body.ops("Split", [numbers], 2, axis=0, num_outputs=2)
            counts = body.op("Less", positions, _beside_scores(call, ends))
            counts = body.op("And", counts, body.op("GreaterOrEqual", positions, _beside_scores(call, starts)))
        else:
            counts = body.op("Less", positions, _beside_scores(call, numbers))
    else:
        raise InferenceError(
            f"its mask (input {mask}) has the shape {format_shape(shape)} (supported: [batch, keys], [batch, queries, "
            "keys], [batch] and [2 · batch])"
        )
    return body.op("Where", counts, body.constant(0.0), body.constant(low))


def _length(call: Call, x: str, axis: int) -> str:
    """A size of ``x`` as a scalar."""
    return call.body.op("Squeeze", call.body.op("Shape", x, start=axis, end=axis + 1))


def _positions(call: Call, count: str) -> str:
    """0, 1, …, count − 1"""
    body = call.body
    return body.op("Range", body.constant(0, "int64"), count, body.constant(1, "int64"))


def _beside_scores(call: Call, x: str) -> str:
    """[B] → [B, 1, 1, 1]"""
    return call.body.op("Unsqueeze", x, call.body.constant([1, 2, 3], "int64"))


def _column(call: Call, x: str) -> str:
    """[n] → [n, 1]"""
    return call.body.op("Unsqueeze", x, call.body.constant([1], "int64"))


def _causal(call: Call, queries: str, keys: str, past: str | None) -> str:
    """[S, T]: the lowest number where a key comes after the query, which comes after the past keys; otherwise 0."""
    body = call.body
    rows = _positions(call, _length(call, queries, 2))
    if past is not None:
        rows = body.op("Add", rows, _length(call, past, 2))
    later = body.op("Greater", _positions(call, _length(call, keys, 2)), _column(call, rows))
    return body.op("Where", later, body.constant(_LOWEST), body.constant(0.0))


@defines("MultiHeadAttention")
def multi_head_attention(call: Call) -> Sequence[str | None]:
    """Attention of queries [B, S, N · H] to keys and values [B, T, N · H] or, by head, [B, N, T, H].

    Input 3 is a bias of the three, and inputs 6 and 7 are past keys and values [B, N, P, H]. Outputs 1 and 2 are all
    keys and values by head.
    """
    heads = call.required("num_heads")
    if call.rank(0) != 3 or not call.given(1) or not call.given(2) or call.rank(1) not in (3, 4):
        raise InferenceError("its queries, keys and values are packed into one input, which is not supported")
    operands = [call.arg(i) for i in range(3)]
    separate = [i for i in range(3) if call.rank(i) == 3]
    if call.given(3):
        width = call.size(0, 2)
        sizes = [width, width, call.size(3, 0) - 2 * width]
        biases = call.body.ops("Split", [call.arg(3), call.body.constant(sizes, "int64")], 3, axis=0)
        for i in separate:
            operands[i] = call.body.op("Add", operands[i], biases[i])
    for i in separate:
        operands[i] = by_head(call, operands[i], heads)
    q, k, v = operands
    attended = Heads(call, q, k, v, _scale(call, call.size(0, 2) // heads))
    past = call.maybe(6)
    if past is not None:
        attended.append_past(past, call.arg(7))
    attended.terms = _terms(call, attended, 4, 5, past)
    return [attended.attend(), attended.k, attended.v]


@defines("RotaryEmbedding")
def rotary_embedding(call: Call) -> Sequence[str]:
    """Rotates x [B, S, N · H] or [B, N, S, H] by the angles of its positions [B, S], or of [1] and the following ones.

    The caches [M, R / 2] hold the cosines and sines of the angles of M positions.
    """
    body = call.body
    call.only("is_packed_batching", 0)
    call.only("scale", 1.0)
    heads, rotated = call.attr("num_heads", 0), call.attr("rotary_embedding_dim", 0)
    flat = call.rank(0) == 3
    size = 2 * call.size(2, 1)
    if not flat:
        size = call.size(0, 3)
    elif rotated:
        if not heads:
            raise InferenceError("it lacks the attribute `num_heads`, which a partial rotation requires")
        size = call.size(0, 2) // heads
    x = by_head(call, call.arg(0), call.size(0, 2) // size) if flat else call.arg(0)
    positions = call.arg(1)
    if call.rank(1) < 2:
        positions = body.op("Unsqueeze", body.op("Add", positions, _positions(call, _length(call, x, 2))), _zero(call))
    made = _Rotation(call, 2, 3, positions, bool(call.attr("interleaved", 0))).rotated(x, size)
    return [merged(call, made) if flat else made]


def _zero(call: Call) -> str:
    return call.body.constant([0], "int64")


class _Rotation:
    """The rotation of positions [B, S] by the angles whose cosines and sines are at these inputs.

    It rotates pairs of channels: 2i and 2i + 1 if ``interleaved``, otherwise i and i + R / 2.
    """

    def __init__(self, call: Call, cosines: int, sines: int, positions: str, interleaved: bool) -> None:
        self.call, self.half, self.interleaved = call, call.size(cosines, 1), interleaved
        body, head = call.body, call.body.constant([1], "int64")
        self.cosine, self.sine = (
            body.op("Unsqueeze", body.op("Gather", call.arg(i), positions), head) for i in (cosines, sines)
        )

    def rotated(self, x: str, size: int) -> str:
        """x [B, N, S, ``size``], of which the first R channels are rotated."""
        body, width = self.call.body, 2 * self.half
        rest = []
        if width < size:
            x, *rest = body.ops("Split", [x, body.constant([width, size - width], "int64")], 2, axis=-1)
        if self.interleaved:
            pairs = body.op("Reshape", x, body.constant([0, 0, 0, self.half, 2], "int64"))
            last = body.constant([-1], "int64")
            a, b = (body.op("Squeeze", part, last) for part in body.ops("Split", [pairs], 2, axis=-1, num_outputs=2))
            turned = [body.op("Unsqueeze", part, last) for part in self._turned(a, b)]
            made = body.op("Reshape", body.op("Concat", *turned, axis=-1), body.constant([0, 0, 0, width], "int64"))
        else:
            made = body.op("Concat", *self._turned(*body.ops("Split", [x], 2, axis=-1, num_outputs=2)), axis=-1)
        return body.op("Concat", made, *rest, axis=-1) if rest else made

    def _turned(self, a: str, b: str) -> tuple[str, str]:
        body = self.call.body
        real = body.op("Sub", body.op("Mul", a, self.cosine), body.op("Mul", b, self.sine))
        return real, body.op("Add", body.op("Mul", a, self.sine), body.op("Mul", b, self.cosine))


_UNUSED = {"smooth_softmax": -1, "qk_output": 0, "sliding_window_cache": 0, "causal": 1, "kv_cache_bit_width": 0}
"""Attributes of GroupQueryAttention with the only supported value."""


@defines("GroupQueryAttention")
def group_query_attention(call: Call) -> Sequence[str | None]:
    """Causal attention in which groups of query heads share a key and a value head.

    Queries are [B, S, N · H], new keys and values [B, S, N_kv · H], or all are packed into input 0. Input 5
    (``seqlens_k``) is the number of keys of each sample, with the new ones, minus 1. Past keys and values are
    [B, N_kv, P, H]; only as many of them count as a sample has.

    If P is a number, the cache has a fixed size, and new keys are written into it. Otherwise it grows to P + S.
    """
    body, heads, groups = call.body, call.required("num_heads"), call.required("kv_num_heads")
    for name, value in _UNUSED.items():
        call.only(name, value, 0) if name == "smooth_softmax" else call.only(name, value)
    call.only("k_quant_type", "NONE")
    call.only("v_quant_type", "NONE")
    call.given(6)  # the largest number of keys, which follows from those of the samples
    if call.given(1):
        size, parts = call.size(0, 2) // heads, [call.arg(i) for i in range(3)]
    else:
        size = call.size(0, 2) // (heads + 2 * groups)
        sizes = body.constant([heads * size, groups * size, groups * size], "int64")
        parts = body.ops("Split", [call.arg(0), sizes], 3, axis=-1)
    q, k, v = (by_head(call, part, count) for part, count in zip(parts, (heads, groups, groups), strict=True))
    count = _length(call, q, 2)
    before = body.op("Sub", body.op("Add", body.cast(call.arg(5), "int64"), body.constant(1, "int64")), count)
    before = body.op("Max", body.op("Reshape", before, body.constant([-1], "int64")), body.constant(0, "int64"))
    if call.attr("do_rotary", 0):
        q, k = _rotated_operands(call, (q, k), size, before, count)
    attended = Heads(call, q, k, v, _scale(call, size), softcap=call.attr("softcap", 0.0))
    present: list[str | None] = [k, v]
    past = call.given(3)
    if past:
        present = [_appended(call, i, new, before) for i, new in ((3, k), (4, v))]
        attended.append_past(call.arg(3), call.arg(4))
    attended.terms = [_of_samples(call, before, count, past)]
    if call.given(10):
        if past:
            raise InferenceError("it has past keys and a bias (input 10), which is not supported")
        attended.terms.append(call.arg(10))
    shared = body.constant(np.repeat(np.arange(groups), heads // groups), "int64")
    attended.k, attended.v = (body.op("Gather", x, shared, axis=1) for x in (attended.k, attended.v))
    return [attended.attend(), *present]


def _rotated_operands(call: Call, operands: tuple[str, str], size: int, before: str, count: str) -> tuple[str, str]:
    """Queries and new keys, rotated by the angles of their positions, which follow the past keys of each sample."""
    positions = call.maybe(9) or call.body.op("Add", _column(call, before), _positions(call, count))
    rotation = _Rotation(call, 7, 8, positions, bool(call.attr("rotary_interleaved", 0)))
    q, k = (rotation.rotated(x, size) for x in operands)
    return q, k


def _appended(call: Call, index: int, new: str, before: str) -> str:
    """The cache at ``index`` with new rows behind the past rows of each sample, and zeros behind these."""
    body, cache = call.body, call.arg(index)
    if not isinstance(call.shape(index)[2], int):
        cache = body.op("Concat", cache, new, axis=2)
    cache = body.op("TensorScatter", cache, new, before, axis=2)
    rows = _column(call, _positions(call, _length(call, cache, 2)))
    used = body.op("Add", _beside_scores(call, before), _length(call, new, 2))
    return body.op("Where", body.op("Less", rows, used), cache, body.constant(0.0))


def _of_samples(call: Call, before: str, count: str, past: bool) -> str:
    """[B, 1, S, T]: the lowest number for keys that a query of a sample does not attend to, otherwise 0.

    T are P past keys, of which each sample has ``before``, and S new keys. A key counts if it is not later than the
    query and, with ``local_window_size``, not much earlier.
    """
    body, window = call.body, call.attr("local_window_size", -1)
    rows = _column(call, _positions(call, count))
    own = _beside_scores(call, before)

    def counts(keys: str, limit: str, distance: str) -> str:
        """Keys below ``limit`` whose ``distance`` to the query is below the size of the window."""
        found = body.op("Less", keys, limit)
        if window > 0:
            near = body.op("Less", distance, body.constant(window, "int64"))
            found = body.op("And", found, near)
        return found

    new = _positions(call, count)
    one = body.constant(1, "int64")
    found = counts(new, body.op("Add", rows, one), body.op("Sub", rows, new))
    if past:
        old = _positions(call, _length(call, call.arg(3), 2))
        at = body.op("Add", own, rows)
        first = body.op("Expand", counts(old, own, body.op("Sub", at, old)), _shape_of(call, at, old))
        second = body.op("Expand", found, _shape_of(call, at, new))
        found = body.op("Concat", first, second, axis=3)
    return body.op("Where", found, body.constant(0.0), body.constant(_LOWEST))


def _shape_of(call: Call, a: str, b: str) -> str:
    """The shape to which two tensors broadcast."""
    return call.body.op("Shape", call.body.op("Add", a, b))
