"""Inputs of models: any number, any dtype, with symbolic and fixed dimensions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ops.cases import BATCH, Case, In, Table, case, check, keras, parametrised, tf_keras
from tests.ops.conftest import Outcomes

layers, ops = keras.layers, keras.ops


def _as_float(dtype: str) -> Case:
    return case(lambda x: layers.Dense(2)(ops.cast(x, "float32")), In((4,), dtype), becomes="Cast Dense")


def _twice(x: Any) -> list[Any]:
    inner = layers.Dense(2)(x)
    return [inner, layers.ReLU()(inner)]


TABLE: dict[str, Case] = {
    **{f"input_{dtype}": _as_float(dtype) for dtype in ("int32", "int64", "bool", "uint8", "int8")},
    "input_float32": case(lambda x: layers.Dense(2)(x), (4,), becomes="Dense"),
    "input_is_output": case(lambda x: layers.Identity()(x), In((4,), "int64"), becomes=""),
    "inputs_3": case(
        lambda x, y, z: layers.Dense(2)(layers.Concatenate()([x, ops.cast(y, "float32"), ops.cast(z, "float32")])),
        (4,),
        In((3,), "int32"),
        In((2,), "bool"),
        becomes="Cast Cast Concatenate Dense",
    ),
    "input_fixed_batch": case(lambda x: layers.Dense(2)(layers.Flatten()(x)), In((4, 2), batch=BATCH), becomes="Dense"),
    "input_fixed_batch_embedding": case(
        lambda x: layers.GlobalAveragePooling1D()(layers.Embedding(5, 3)(x)),
        In((4,), "int32", batch=BATCH),
        becomes="Embedding GlobalAveragePooling1D",
    ),
    "input_free_time": case(lambda x: layers.Dense(2)(x), (None, 4), becomes="Dense"),
    "input_free_image": case(lambda x: layers.Conv2D(2, 3)(x), (None, None, 2), becomes="Conv2D"),
    "input_scalar": case(lambda x: x + 1.0, (), becomes="Add"),
    "outputs_2": case(lambda x: (layers.Dense(2)(x), layers.Dense(3)(x)), (4,), becomes="Dense Dense"),
    "outputs_1_twice": case(_twice, (4,), becomes="Dense Activation"),
}
K2: dict[str, Case] = {
    "k2_input_fixed_batch": case(lambda x: tf_keras.layers.Dense(2)(x), In((4,), batch=BATCH), becomes="Dense"),
    **{
        f"k2_input_{dtype}": case(
            lambda x: tf_keras.layers.Flatten()(tf_keras.layers.Embedding(5, 2)(x)),
            In((4,), dtype, lambda rng, shape: rng.integers(0, 5, shape)),
            becomes="Embedding",
        )
        for dtype in ("int32", "int64", "float32", "uint8")
    },
}
TABLES = [Table("inputs", TABLE), Table("inputs2", K2, tf_keras, ".h5")]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_inputs(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
