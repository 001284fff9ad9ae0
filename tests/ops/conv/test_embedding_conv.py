"""Convolutions over embedded indices: sums of table rows if the table is small, otherwise two layers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers = keras.layers
ROWS = 9


def _indices(steps: int | None = 7, dtype: str = "int32", low: int = 0) -> In:
    return In((steps,), dtype, lambda rng, size: rng.integers(low, ROWS, size))


def _embedded(*args: Any, **options: Any) -> Any:
    """An Embedding and a Conv1D behind it."""
    return lambda x: layers.Conv1D(*args, **options)(layers.Embedding(ROWS, 6)(x))


def _three(x: Any) -> Any:
    """Widths side by side over one Embedding, as in a text CNN."""
    x = layers.Embedding(ROWS, 6)(x)
    return layers.Concatenate()(
        [layers.GlobalMaxPooling1D()(layers.Conv1D(8, width, activation="relu")(x)) for width in (2, 3, 4)]
    )


def _also_read(x: Any) -> Any:
    x = layers.Embedding(ROWS, 6)(x)
    return layers.Concatenate()([x, layers.Conv1D(4, 3, padding="same")(x)])


def _normalized(x: Any) -> Any:
    x = layers.Conv1D(20, 3)(layers.Embedding(ROWS, 6)(x))
    return layers.Activation("gelu")(layers.BatchNormalization()(x))


TABLE: dict[str, Case] = {
    **{
        f"{padding}_{width}": case(_embedded(20, width, padding=padding), _indices(), becomes="EmbeddingConv1D")
        for padding in ("valid", "same", "causal")
        for width in (1, 3, 4)
    },
    **{
        dtype: case(_embedded(5, 3), _indices(dtype=dtype), becomes="EmbeddingConv1D")
        for dtype in ("int64", "uint8", "float32")
    },
    "negative": case(_embedded(5, 3), _indices(low=-ROWS), becomes="EmbeddingConv1D"),
    "strided": case(_embedded(5, 3, strides=2, padding="same"), _indices(), becomes="EmbeddingConv1D"),
    "dilated": case(_embedded(5, 3, dilation_rate=2), _indices(), becomes="EmbeddingConv1D"),
    "relu": case(_embedded(70, 3, activation="relu"), _indices(), becomes="EmbeddingConv1D"),
    "without_bias": case(_embedded(5, 3, use_bias=False), _indices(), becomes="EmbeddingConv1D"),
    "normalized": case(_normalized, _indices(), becomes="EmbeddingConv1D"),
    "three_widths": case(
        _three,
        _indices(),
        becomes="EmbeddingConv1D GlobalMaxPooling1D " * 3 + "Concatenate",
    ),
    "free_steps": case(_embedded(5, 3, padding="same"), _indices(None), becomes="EmbeddingConv1D"),
    "free_steps_strided": case(_embedded(5, 3, strides=2, padding="same"), _indices(None), becomes="EmbeddingConv1D"),
    "also_read": case(_also_read, _indices(), becomes="Embedding EmbeddingConv1D Concatenate"),
    "large_table": case(
        lambda x: layers.Conv1D(64, 3)(layers.Embedding(1000, 8)(x)), _indices(), becomes="Embedding Conv1D"
    ),
    "many_taps": case(_embedded(2, 17), _indices(20), becomes="Embedding Conv1D"),
    "groups": case(_embedded(4, 3, groups=2), _indices(), becomes="Embedding Conv1D"),
    "residual": case(
        lambda x, y: layers.Add()([layers.Conv1D(5, 3, padding="same")(layers.Embedding(ROWS, 6)(x)), y]),
        _indices(),
        (7, 5),
        becomes="Embedding Conv1D",
    ),
}
TABLES = [Table("embedding_conv", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_embedding_conv(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
