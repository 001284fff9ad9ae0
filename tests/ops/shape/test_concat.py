"""Concatenate along every axis, of any number of tensors and constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers, ops = keras.layers, keras.ops
WORDS = In((4,), "int32")

TABLE: dict[str, Case] = {
    **{
        f"concatenate_axis_{axis}".replace("-", "m"): case(
            lambda *xs, a=axis: layers.Concatenate(axis=a)(list(xs)), (3, 4, 5), (3, 4, 5), becomes="Concatenate"
        )
        for axis in (1, 2, 3, -1, -2)
    },
    "concatenate_batch": case(lambda x, y: ops.concatenate([x, y], axis=0), (4,), (4,), becomes="Concatenate"),
    "concatenate_sizes": case(lambda *xs: layers.Concatenate()(list(xs)), (1,), (4,), (7,), becomes="Concatenate"),
    "concatenate_5": case(lambda *xs: layers.Concatenate()(list(xs)), *[(2, 3)] * 5, becomes="Concatenate"),
    "concatenate_with_itself": case(lambda x: layers.Concatenate()([x, x]), (4,), becomes="Concatenate"),
    "concatenate_int32": case(lambda x, y: layers.Concatenate()([x, y]), WORDS, WORDS, becomes="Concatenate"),
    "concatenate_convs": case(
        lambda x: layers.Concatenate()([layers.Conv1D(3, 2)(x), layers.Conv1D(4, 2, activation="relu")(x)]),
        (6, 2),
        becomes="Conv1D Conv1D Concatenate",
    ),
    "concatenate_free_time": case(
        lambda x, y: layers.Concatenate(axis=1)([x, y]), (None, 4), (3, 4), becomes="Concatenate"
    ),
    "stack": case(lambda x, y: ops.stack([x, y], axis=1), (4,), (4,), becomes="Concatenate"),
}


def _inception(x: Any) -> Any:
    """Convolutions of every kind, and a pooling that is copied between them."""
    pooled = layers.MaxPooling2D(3, 1, padding="same")(x)
    return layers.Concatenate()(
        [
            layers.Conv2D(5, 1, activation="relu")(x),
            layers.Conv2D(32, 3, padding="same", activation="relu")(x),
            pooled,
            layers.Conv2D(33, 3, padding="same", activation="tanh")(x),
            layers.Conv2D(6, 3, padding="same", groups=2)(x),
        ]
    )


def _dense_block(x: Any) -> Any:
    for _ in range(3):
        x = layers.Concatenate()([x, layers.Conv1D(4, 3, padding="same", activation="relu")(x)])
    return x


def _shared(x: Any) -> list[Any]:
    """Parts that others read too, or that are there twice."""
    once, twice, output = (layers.Dense(3, activation="relu")(x) for _ in range(3))
    return [layers.Concatenate()([once, twice, output, twice]), layers.Softmax()(twice), output]


COLUMNS: dict[str, Case] = {
    "inception": case(_inception, (12, 12, 16)),
    "dense_block": case(_dense_block, (9, 5), becomes="Conv1D Concatenate Conv1D Concatenate Conv1D Concatenate"),
    "branches": case(
        lambda x: layers.Dense(2)(layers.Concatenate()([layers.Dense(n, "relu")(x) for n in (1, 16, 5)])),
        (7,),
        becomes="Dense Dense Dense Concatenate Dense",
    ),
    "then_in_place": case(
        lambda x, y: ops.sin(layers.Concatenate()([layers.Dense(3)(x), y, layers.Dense(4)(x)])), (5, 7), (5, 2)
    ),
    "nested": case(
        lambda x: layers.Concatenate()(
            [layers.Dense(2)(x), layers.Concatenate()([layers.Dense(3)(x), layers.Dense(4)(x)])]
        ),
        (7,),
    ),
    "free_time": case(
        lambda x: layers.Concatenate()([layers.Conv1D(3, 1)(x), layers.Conv1D(2, 3, padding="same")(x)]), (None, 4)
    ),
    "other_axis": case(lambda x: layers.Concatenate(axis=1)([layers.Dense(3)(x), layers.Dense(3)(x)]), (4, 7)),
    "residual": case(
        lambda x, y: layers.Concatenate()([layers.Add()([layers.Dense(3)(x), y]), layers.Dense(3)(x)]), (7,), (3,)
    ),
    "shared": case(_shared, (7,)),
}
CONSTANTS: dict[str, Case] = {
    "constant_rows": case(
        lambda x: ops.concatenate([x, np.arange(8, dtype=np.float32).reshape(2, 4)], axis=0),
        (4,),
        becomes="Concatenate",
    ),
    "constant_column": case(lambda x: ops.concatenate([ops.ones_like(x[:, :1]), x], axis=-1), (4,)),
}
TABLES = [Table("concat", TABLE), Table("concat_columns", COLUMNS), Table("concat_constants", CONSTANTS, suffix="")]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_concat(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
