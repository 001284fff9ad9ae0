"""Keras' TimeDistributed: its layer runs once, whatever the number of steps."""

from __future__ import annotations

import pytest

from tests.ops.cases import Case, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers = keras.layers


def _cnn(x: object) -> object:
    for layer in (layers.Conv2D(4, 3), layers.BatchNormalization(), layers.MaxPooling2D(), layers.Flatten()):
        x = layers.TimeDistributed(layer)(x)
    return layers.LSTM(4)(x)


TABLE: dict[str, Case] = {
    "dense": case(lambda x: layers.TimeDistributed(layers.Dense(3, activation="relu"))(x), (7, 4), becomes="Dense"),
    "conv2d": case(
        lambda x: layers.TimeDistributed(layers.Conv2D(4, 3, activation="relu"))(x), (5, 8, 8, 3), becomes="Conv2D"
    ),
    "softmax": case(lambda x: layers.TimeDistributed(layers.Softmax())(x), (3, 4), becomes="Softmax"),
    "cnn_lstm": case(_cnn, (5, 8, 8, 3), becomes="Conv2D MaxPooling2D LSTM"),
}
TABLES = [Table("time_distributed", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_time_distributed(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
