"""Dense on tensors of every rank, with every option."""

from __future__ import annotations

import pytest

from tests.ops.cases import Case, Table, case, check, keras, parametrised, tf_keras
from tests.ops.conftest import Outcomes

layers = keras.layers
RANKS = {"2d": (5,), "3d": (4, 5), "4d": (2, 3, 5), "free_time": (None, 5)}

TABLE: dict[str, Case] = {
    **{
        f"dense_{rank}_{name}": case(lambda x, o=options: layers.Dense(6, **o)(x), shape, becomes="Dense")
        for rank, shape in RANKS.items()
        for name, options in {
            "plain": {},
            "no_bias": {"use_bias": False},
            "relu": {"activation": "relu"},
            "gelu": {"activation": "gelu"},
        }.items()
    },
    "dense_softmax": case(lambda x: layers.Dense(4, activation="softmax")(x), (5,), becomes="Dense Softmax"),
    "dense_3d_softmax": case(lambda x: layers.Dense(4, activation="softmax")(x), (3, 5), becomes="Dense Softmax"),
    "dense_one_unit": case(lambda x: layers.Dense(1, activation="sigmoid")(x), (5,), becomes="Dense"),
    "dense_one_feature": case(lambda x: layers.Dense(4)(x), (1,), becomes="Dense"),
    "dense_3d_one_step": case(lambda x: layers.Dense(4, activation="tanh")(x), (1, 5), becomes="Dense"),
    "dense_wide": case(lambda x: layers.Dense(70, activation="relu")(x), (130,), becomes="Dense"),
    "dense_stack": case(lambda x: layers.Dense(2)(layers.Dense(3, activation="relu")(x)), (5,), becomes="Dense Dense"),
    "einsum_dense": case(
        lambda x: layers.EinsumDense("abc,cd->abd", (None, 6), bias_axes="d")(x), (4, 5), becomes="Dense"
    ),
}
K2: dict[str, Case] = {
    f"k2_dense_{rank}": case(lambda x: tf_keras.layers.Dense(6, activation="relu")(x), shape, becomes="Dense")
    for rank, shape in RANKS.items()
}
TABLES = [Table("dense", TABLE), Table("dense2", K2, tf_keras, ".h5")]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_dense(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
