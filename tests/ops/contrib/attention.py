"""Attention, rotary embeddings and caches of keys and values of ONNX Runtime's domain."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.nodes import Arg, Node, const, floats, integers, node, symbolic

B, S, N, H, P, D = 2, 5, 3, 4, 3, 7
W = N * H
X = symbolic(floats(B, S, D), 0, 1)
WEIGHTS, BIAS = const(floats(D, 3 * W, seed=2, scale=0.5), "float32"), const(floats(3 * W, seed=3), "float32")
PAST = symbolic(floats(2, B, N, P, H, seed=4), 1, 3)
Q, K, V = (symbolic(floats(B, S, W, seed=seed), 0, 1) for seed in (5, 6, 7))
OTHER_K, OTHER_V = (symbolic(floats(B, 6, W, seed=seed), 0, 1) for seed in (6, 7))
PAST_K, PAST_V = (symbolic(floats(B, N, P, H, seed=seed), 0, 2) for seed in (8, 9))
CACHE = 16
ANGLES = np.arange(CACHE)[:, None] / 10 ** (np.arange(8) / 4)
COSINES, SINES = const(np.cos(ANGLES), "float32"), const(np.sin(ANGLES), "float32")
TWO_COSINES, TWO_SINES = const(np.cos(ANGLES[:, :2]), "float32"), const(np.sin(ANGLES[:, :2]), "float32")
ONE_COSINE, ONE_SINE = const(np.cos(ANGLES[:, :1]), "float32"), const(np.sin(ANGLES[:, :1]), "float32")


def mask(*shape: int, seed: int = 1) -> Arg:
    """Ones and zeros; the first key always counts."""
    found = integers(*shape, low=0, high=2, seed=seed, dtype="int32")
    found[..., 0] = 1
    return symbolic(found, *range(len(shape)))


def lengths(*values: int) -> Arg:
    return symbolic(np.asarray(values, np.int32), 0)


def attention(*inputs: Any, outputs: int = 1, **attributes: Any) -> Node:
    return node("com.microsoft:Attention", *inputs, outputs=outputs, num_heads=N, **attributes)


def multi_head(*inputs: Any, outputs: int = 1, **attributes: Any) -> Node:
    return node("com.microsoft:MultiHeadAttention", *inputs, outputs=outputs, num_heads=N, **attributes)


def grouped(*inputs: Any, outputs: int = 3, heads: int = 4, **attributes: Any) -> Node:
    """An attention with two heads of keys and values."""
    return node(
        "com.microsoft:GroupQueryAttention", *inputs, outputs=outputs, num_heads=heads, kv_num_heads=2, **attributes
    )


def rotary(*inputs: Any, **attributes: Any) -> Node:
    return node("com.microsoft:RotaryEmbedding", *inputs, **attributes)


WIDE = 16
PROMPT = tuple(symbolic(floats(B, S, n * WIDE, seed=10 + i), 0, 1) for i, n in enumerate((4, 2, 2)))
STEP = tuple(symbolic(a.array[:, :1].copy(), 0, 1) for a in PROMPT)
GROWING = tuple(symbolic(floats(B, 2, 6, WIDE, seed=seed), 0, 2) for seed in (14, 15))
FIXED = tuple(symbolic(floats(B, 2, CACHE, WIDE, seed=seed), 0) for seed in (14, 15))
TOTAL = (lengths(S - 1, S - 1), const(S, "int32"))
AFTER_SIX = (lengths(6, 6), const(7, "int32"))
POSITIONS = symbolic(np.tile(np.arange(2, 2 + S), (B, 1)), 0, 1)

CASES: dict[str, Node] = {
    "attention": attention(X, WEIGHTS, BIAS),
    "attention_without_bias": attention(X, WEIGHTS, scale=0.3),
    "attention_masked": attention(X, WEIGHTS, BIAS, mask(B, S)),
    "attention_masked_by_query": attention(X, WEIGHTS, BIAS, mask(B, S, S), mask_filter_value=-50.0),
    "attention_of_lengths": attention(X, WEIGHTS, BIAS, lengths(3, 5)),
    "attention_of_ends_and_starts": attention(X.array, WEIGHTS, BIAS, np.asarray([5, 4, 1, 2], np.int32)),
    "attention_causal": attention(X, WEIGHTS, BIAS, unidirectional=1),
    "attention_causal_masked": attention(X, WEIGHTS, BIAS, mask(B, S), unidirectional=1),
    "attention_biased": attention(X, WEIGHTS, BIAS, None, None, symbolic(floats(1, N, S, S, seed=9))),
    "attention_with_past": attention(
        *(X.array, WEIGHTS, BIAS, mask(B, P + S).array, PAST.array), outputs=2, unidirectional=1
    ),
    "attention_present": attention(X, WEIGHTS, BIAS, outputs=2),
    "attention_of_sizes": attention(
        X,
        const(floats(D, 2 * W + N * 2, seed=2), "float32"),
        const(floats(2 * W + N * 2, seed=3), "float32"),
        qkv_hidden_sizes=[W, W, N * 2],
    ),
    "quantized": node(
        "com.microsoft:QAttention",
        symbolic(integers(B, S, D, low=0, high=256, dtype="uint8"), 0, 1),
        const(integers(D, 3 * W, low=-128, high=128, dtype="int8"), "int8"),
        BIAS,
        const(0.02, "float32"),
        const(0.007, "float32"),
        mask(B, S),
        const(120, "uint8"),
        const(0, "int8"),
        num_heads=N,
    ),
    "heads": multi_head(Q, K, V),
    "heads_biased": multi_head(Q, K, V, BIAS, scale=0.4),
    "heads_causal": multi_head(Q, K, V, unidirectional=1),
    "heads_masked": multi_head(Q, K, V, None, mask(B, S)),
    "heads_of_lengths": multi_head(Q, K, V, None, lengths(3, 4)),
    "heads_of_others": multi_head(Q, OTHER_K, OTHER_V, BIAS, mask(B, 6)),
    "heads_with_scores_bias": multi_head(Q, K, V, None, None, symbolic(floats(B, 1, S, S, seed=9), 0)),
    "heads_with_past": multi_head(Q, K, V, None, None, None, PAST_K, PAST_V, outputs=3, unidirectional=1),
    "heads_split": multi_head(Q, PAST_K, PAST_V),
    "rotary": rotary(Q, POSITIONS, TWO_COSINES, TWO_SINES),
    "rotary_interleaved": rotary(Q, POSITIONS, TWO_COSINES, TWO_SINES, interleaved=1),
    "rotary_from": rotary(Q, const([2]), TWO_COSINES, TWO_SINES),
    "rotary_by_head": rotary(symbolic(floats(B, N, S, H), 0, 2), POSITIONS, TWO_COSINES, TWO_SINES),
    "rotary_of_a_part": rotary(Q, POSITIONS, ONE_COSINE, ONE_SINE, num_heads=N, rotary_embedding_dim=2),
    "grouped_prompt": grouped(*PROMPT, None, None, *TOTAL),
    "grouped_rotary": grouped(*PROMPT, None, None, *TOTAL, COSINES, SINES, do_rotary=1),
    "grouped_rotary_interleaved": grouped(
        *PROMPT, None, None, *TOTAL, COSINES, SINES, do_rotary=1, rotary_interleaved=1
    ),
    "grouped_window": grouped(*PROMPT, None, None, *TOTAL, local_window_size=2),
    "grouped_softcap": grouped(*PROMPT, None, None, *TOTAL, softcap=1.5, scale=0.7),
    "grouped_packed": grouped(
        symbolic(floats(B, S, 8 * WIDE), 0, 1), None, None, None, None, *TOTAL, COSINES, SINES, do_rotary=1
    ),
    "grouped_step": grouped(*STEP, *GROWING, *AFTER_SIX, COSINES, SINES, do_rotary=1),
    "grouped_step_window": grouped(*STEP, *GROWING, *AFTER_SIX, local_window_size=3),
    "grouped_step_of_lengths": grouped(*STEP, *GROWING, lengths(6, 4), const(7, "int32"), COSINES, SINES, do_rotary=1),
    "grouped_step_in_a_fixed_cache": grouped(*STEP, *FIXED, *AFTER_SIX, COSINES, SINES, do_rotary=1),
}
