"""MultiHeadAttention and similar layers: the products of queries, keys and values are one layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers, ops = keras.layers, keras.ops
X, Y = In((6, 8)), In((5, 8))
WORDS = In((7,), "int32", lambda rng, shape: rng.integers(0, 5, shape) * (np.arange(7) < [[3], [7], [5]]))
CAUSAL, SCORES = ("use_causal_mask", True), ("return_attention_scores", True)
HEADS = "Dense Dense Dense Attention Dense"


def _some_kept(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Drops at random, but never the first key."""
    return (rng.random(shape) < 0.5) & (np.arange(shape[-1]) > 0)


def _causal(_: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.tril(np.ones(shape))


def _heads(*shared: Any, **options: Any) -> Any:
    def build(x: Any, y: Any = None) -> Any:
        return layers.MultiHeadAttention(2, 3, **options)(x, x if y is None else y, **dict(shared))

    return build


def _words(build: Any) -> Any:
    return lambda x: build(layers.Embedding(5, 8, mask_zero=True)(x))


def _pair(**options: Any) -> Any:
    return lambda x, y: layers.Attention()([x, y], **options)


def _masked_pair(x: Any, y: Any, x_mask: Any, y_mask: Any) -> Any:
    return layers.Attention()([x, y], mask=[x_mask, y_mask], return_attention_scores=True)


def _filled(drop: Any, scale: float = 0.25) -> Any:
    """``masked_fill`` of PyTorch: scores that are dropped become −∞."""

    def build(x: Any, y: Any, *mask: Any) -> Any:
        scores = ops.matmul(x, ops.swapaxes(y, -1, -2)) * scale
        return ops.matmul(ops.softmax(ops.where(drop(*mask), float("-inf"), scores)), y)

    return build


def _flattened(x: Any, y: Any, values: Any) -> Any:
    """Batch and heads are one axis in the products, as tf2onnx writes an Einsum, but not in the softmax."""
    q, k = ops.reshape(x, (-1, 6, 8)), ops.reshape(y, (-1, 5, 8))
    scores = ops.reshape(ops.matmul(q, ops.transpose(k, (0, 2, 1))), (-1, 2, 6, 1, 5))
    weights = ops.softmax(ops.squeeze(scores, 3) * 0.3)
    v = ops.transpose(ops.reshape(values, (-1, 3, 5)), (0, 2, 1))
    return ops.reshape(ops.matmul(ops.reshape(weights, (-1, 6, 5)), v), (-1, 2, 6, 3))


def _weights_twice(x: Any, y: Any) -> Any:
    weights = ops.softmax(ops.matmul(x, ops.transpose(y, (0, 2, 1))))
    return ops.matmul(weights, y), ops.matmul(weights, 2 * y)


def _weights_of_their_own_result(x: Any) -> Any:
    weights = ops.softmax(ops.matmul(x, ops.transpose(x, (0, 2, 1))))
    return ops.matmul(weights, ops.matmul(weights, x))


def _block(x: Any) -> Any:
    h = layers.LayerNormalization()(layers.Add()([x, _heads()(x)]))
    return layers.LayerNormalization()(layers.Add()([h, layers.Dense(8)(layers.Dense(16, activation="gelu")(h))]))


TABLE: dict[str, Case] = {
    "heads": case(_heads(), X, becomes=HEADS),
    "heads_of_two": case(_heads(), X, Y, becomes=HEADS),
    "heads_value_dim": case(_heads(value_dim=5), X, Y, becomes=HEADS),
    "heads_no_bias": case(_heads(use_bias=False), X, becomes=HEADS),
    "heads_output_shape": case(_heads(output_shape=4), X, becomes=HEADS),
    "heads_one": case(lambda x: layers.MultiHeadAttention(1, 4)(x, x), X),
    "heads_long": case(_heads(), (210, 8), (199, 8), becomes=HEADS),
    "heads_wide": case(lambda x: layers.MultiHeadAttention(3, 20)(x, x), (19, 8), becomes=HEADS),
    "heads_free": case(_heads(), (None, 8), becomes=HEADS),
    "heads_causal": case(_heads(CAUSAL), X, becomes=HEADS),
    "heads_masked": case(_words(_heads()), WORDS),
    "heads_masked_causal": case(_words(_heads(CAUSAL)), WORDS),
    "scores": case(_heads(SCORES), X, becomes=HEADS),
    "scores_of_two": case(_heads(SCORES, value_dim=5), X, Y, becomes=HEADS),
    "scores_long": case(_heads(SCORES), (210, 8), (199, 8), becomes=HEADS),
    "scores_free": case(_heads(SCORES), (None, 8), becomes=HEADS),
    "scores_causal": case(_heads(SCORES, CAUSAL), X, becomes=HEADS),
    "scores_causal_free": case(_heads(SCORES, CAUSAL), (None, 8)),
    "scores_masked": case(_words(_heads(SCORES)), WORDS, becomes=f"Compare Logic Embedding {HEADS}"),
    "scores_masked_causal": case(_words(_heads(SCORES, CAUSAL)), WORDS),
    "transformer_block": case(
        _block,
        X,
        becomes=f"{HEADS} LayerNormalization Dense Dense LayerNormalization",
    ),
    "attention": case(lambda x, y: layers.Attention()([x, y]), X, Y, becomes="Attention"),
    "attention_of_three": case(lambda x, y, z: layers.Attention()([x, z, y]), X, Y, Y, becomes="Attention"),
    "attention_scale": case(lambda x, y: layers.Attention(use_scale=True)([x, y]), X, Y, becomes="Attention"),
    "attention_free": case(lambda x, y: layers.Attention()([x, y]), (None, 8), (None, 8), becomes="Attention"),
    "attention_causal": case(_pair(use_causal_mask=True), X, X, becomes="Attention"),
    "attention_causal_free": case(_pair(use_causal_mask=True), (None, 8), (None, 8)),
    "attention_scores": case(_pair(return_attention_scores=True), X, Y, becomes="Attention"),
    "attention_scores_causal": case(
        _pair(return_attention_scores=True, use_causal_mask=True), X, X, becomes="Attention"
    ),
    "attention_scores_masked": case(
        _masked_pair, X, Y, In((6,), "bool"), In((5,), "bool"), becomes="Not Attention Where"
    ),
    "filled": case(_filled(lambda m: m[:, None, :]), X, Y, In((5,), "bool", _some_kept), becomes="Not Attention"),
    "filled_heads": case(
        _filled(lambda m: m[:, None, None, :]),
        *(In((2, 6, 8)), In((2, 5, 8)), In((5,), "bool", _some_kept)),
        becomes="Not Attention",
    ),
    "filled_causal": case(_filled(lambda: np.triu(np.ones((6, 6), bool), 1)), X, X, becomes="Attention"),
    "filled_causal_free": case(_filled(lambda m: m == 0), (None, 8), (None, 8), In((None, None), "int32", _causal)),
    "flattened": case(_flattened, In((2, 6, 8)), In((2, 5, 8)), In((2, 3, 5)), becomes="Attention"),
    "weights_read_twice": case(_weights_twice, X, Y, becomes="Multiply Attention MatMul"),
    "weights_of_their_own_result": case(_weights_of_their_own_result, X, becomes="Attention MatMul"),
    "einsum_dense": case(
        lambda x: layers.EinsumDense("abc,cd->abd", output_shape=(None, 5), bias_axes="d")(x), X, becomes="Dense"
    ),
    "einsum_heads": case(
        lambda x: layers.EinsumDense("abc,cde->abde", output_shape=(None, 2, 5), bias_axes="de")(x), X, becomes="Dense"
    ),
    "einsum_merge": case(
        lambda x: layers.EinsumDense("abcd,cde->abe", output_shape=(None, 5), bias_axes="e")(x),
        (6, 4, 3),
        becomes="Dense",
    ),
    "einsum_time": case(
        lambda x: layers.EinsumDense("abc,bd->adc", output_shape=(5, None))(x), X, becomes="Transpose Dense Transpose"
    ),
}
TABLES = [Table("attention", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_attention(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
