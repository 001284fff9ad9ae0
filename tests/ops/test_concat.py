"""Concatenate along every axis, of any number of tensors and constants."""

from __future__ import annotations

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
CONSTANTS: dict[str, Case] = {
    "constant_rows": case(
        lambda x: ops.concatenate([x, np.arange(8, dtype=np.float32).reshape(2, 4)], axis=0),
        (4,),
        becomes="Concatenate",
    ),
    "constant_column": case(lambda x: ops.concatenate([ops.ones_like(x[:, :1]), x], axis=-1), (4,)),
}
TABLES = [Table("concat", TABLE), Table("concat_constants", CONSTANTS, suffix="")]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_concat(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
