"""Embedding: every dtype of index, every rank, negative indices."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised, tf_keras
from tests.ops.conftest import Outcomes

layers, ops = keras.layers, keras.ops
ROWS = 9


def _indices(shape: tuple[int | None, ...], dtype: str, low: int = 0) -> In:
    return In(shape, dtype, lambda rng, size: rng.integers(low, ROWS, size))


def _shared(x: Any, y: Any) -> Any:
    embedding = layers.Embedding(ROWS, 4)
    return layers.Add()([embedding(x), embedding(y)])


TABLE: dict[str, Case] = {
    **{
        f"embedding_{dtype}": case(lambda x: layers.Embedding(ROWS, 4)(x), _indices((6,), dtype), becomes="Embedding")
        for dtype in ("int32", "int64", "uint8", "float32")
    },
    "embedding_fractions": case(
        lambda x: layers.Embedding(ROWS, 4)(x),
        In((6,), feed=lambda rng, size: rng.integers(0, ROWS, size) + 0.75),
        becomes="Embedding",
    ),
    "embedding_negative": case(
        lambda x: layers.Embedding(ROWS, 4)(x), _indices((6,), "int32", -ROWS), becomes="Embedding"
    ),
    "embedding_3d": case(lambda x: layers.Embedding(ROWS, 4)(x), _indices((3, 2), "int32"), becomes="Embedding"),
    "embedding_free_time": case(
        lambda x: layers.Embedding(ROWS, 4)(x), _indices((None,), "int32"), becomes="Embedding"
    ),
    "embedding_one_index": case(lambda x: layers.Embedding(ROWS, 4)(x), _indices((1,), "int32"), becomes="Embedding"),
    "embedding_mask_unread": case(
        lambda x: layers.Flatten()(layers.Embedding(ROWS, 4, mask_zero=True)(x)),
        _indices((6,), "int32"),
        becomes="Embedding",
    ),
    "embedding_shared": case(
        _shared,
        _indices((6,), "int32"),
        _indices((6,), "int32"),
        becomes="Embedding Embedding Add",
    ),
    "embedding_shifted_index": case(
        lambda x: layers.Embedding(ROWS, 4)(ops.minimum(x + 1, ROWS - 1)),
        _indices((6,), "int32"),
        becomes="Add Minimum Embedding",
    ),
    "embedding_scaled": case(
        lambda x: layers.Embedding(ROWS, 4)(x) * 2.0, _indices((6,), "int32"), becomes="Embedding"
    ),
    "embedding_position": case(
        lambda x: layers.Embedding(ROWS, 4)(x) + layers.Embedding(6, 4)(ops.arange(6)), _indices((6,), "int32")
    ),
}
K2: dict[str, Case] = {
    f"k2_embedding_{dtype}": case(
        lambda x: tf_keras.layers.Embedding(ROWS, 4)(x), _indices((6,), dtype), becomes="Embedding"
    )
    for dtype in ("int32", "int64", "float32")
}
TABLES = [Table("embedding", TABLE), Table("embedding2", K2, tf_keras, ".h5")]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_embedding(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
