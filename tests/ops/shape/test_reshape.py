"""Layers that leave the numbers as they are: Reshape, Flatten, and all that does nothing at inference."""

from __future__ import annotations

import pytest

from tests.ops.cases import Case, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers, ops = keras.layers, keras.ops

TABLE: dict[str, Case] = {
    "flatten_2d": case(lambda x: layers.Flatten()(x), (6,), becomes=""),
    "flatten_3d": case(lambda x: layers.Flatten()(x), (3, 4), becomes=""),
    "flatten_4d": case(lambda x: layers.Flatten()(x), (3, 4, 2), becomes=""),
    "flatten_channels_first": case(
        lambda x: layers.Flatten(data_format="channels_first")(x), (3, 4, 2), becomes="Transpose"
    ),
    "reshape": case(lambda x: layers.Reshape((4, 3))(x), (12,), becomes=""),
    "reshape_open": case(lambda x: layers.Reshape((-1, 6))(x), (3, 4), becomes=""),
    "reshape_open_last": case(lambda x: layers.Reshape((2, -1))(x), (3, 4), becomes=""),
    "reshape_4d": case(lambda x: layers.Reshape((2, 3, 4))(x), (4, 6), becomes=""),
    "reshape_free_time": case(lambda x: layers.Reshape((-1, 2))(x), (None, 4), becomes=""),
    "reshape_into_batch": case(lambda x: ops.reshape(x, (-1, 4)), (3, 4), becomes=""),
    "reshape_between": case(
        lambda x: layers.Dense(3)(layers.Reshape((2, 5))(layers.Dense(10, activation="relu")(x))),
        (4,),
        becomes="Dense Dense",
    ),
    "flatten_after_conv": case(lambda x: layers.Flatten()(layers.Conv1D(3, 2)(x)), (5, 4), becomes="Conv1D"),
    "expand_dims": case(lambda x: ops.expand_dims(x, axis=1), (4,), becomes=""),
    "squeeze": case(lambda x: ops.squeeze(x, axis=1), (1, 4), becomes=""),
    "permute": case(lambda x: layers.Permute((2, 1))(x), (3, 4), becomes="Transpose"),
    "repeat_vector": case(lambda x: layers.RepeatVector(3)(x), (4,)),
    **{
        f"nothing_{name}": case(lambda x, m=make: layers.Dense(3)(m()(x)), (4, 5), becomes="Dense")
        for name, make in {
            "dropout": lambda: layers.Dropout(0.5),
            "alpha_dropout": lambda: layers.AlphaDropout(0.5),
            "spatial_dropout": lambda: layers.SpatialDropout1D(0.5),
            "gaussian_dropout": lambda: layers.GaussianDropout(0.5),
            "gaussian_noise": lambda: layers.GaussianNoise(0.5),
            "activity_regularization": lambda: layers.ActivityRegularization(0.1),
            "identity": lambda: layers.Identity(),
        }.items()
    },
    "nothing_at_the_end": case(
        lambda x: layers.Dropout(0.5)(layers.Dense(3, activation="relu")(x)), (4,), becomes="Dense"
    ),
    "nothing_at_all": case(lambda x: layers.Dropout(0.5)(x), (4,), becomes=""),
}
TABLES = [Table("reshape", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_reshape(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
