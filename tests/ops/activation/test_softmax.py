"""Softmax and LogSoftmax over every axis, right and finite for numbers of any size."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised, tf_keras
from tests.ops.conftest import Outcomes

layers, ops = keras.layers, keras.ops


def _far(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.choice([-1e4, 1e4, 0.0, 3.0, -2.0, 9999.0], shape)


def _softmax(x: np.ndarray) -> np.ndarray:
    """Over all axes but the first. Keras takes the logarithm of the sum, which is coarse where x is 10,000."""
    powers = np.exp(x - x.max(axis=(1, 2), keepdims=True))
    return np.asarray(powers / powers.sum(axis=(1, 2), keepdims=True))


TABLE: dict[str, Case] = {
    "softmax": case(lambda x: layers.Softmax()(x), (5,), becomes="Softmax"),
    "softmax_far": case(lambda x: layers.Softmax()(x), In((40,), feed=_far), becomes="Softmax"),
    "softmax_activation": case(lambda x: layers.Activation("softmax")(x), (4, 5), becomes="Softmax"),
    **{
        f"softmax_axis_{axis}".replace("-", "m"): case(
            lambda x, a=axis: layers.Softmax(axis=a)(x), (3, 4, 5), becomes="Softmax"
        )
        for axis in (1, 2, 3, -1, -2)
    },
    "softmax_axes": case(lambda x: layers.Softmax(axis=(1, 2))(x), (3, 4, 5), becomes="Softmax"),
    "softmax_last_axes": case(lambda x: layers.Softmax(axis=(-2, -1))(x), (3, 4, 5), becomes="Softmax"),
    "softmax_axes_apart": case(
        lambda x: layers.Softmax(axis=(1, 3))(x), (3, 4, 5), becomes="Transpose Softmax Transpose"
    ),
    "softmax_axes_far": case(
        lambda x: layers.Softmax(axis=(1, 2))(x), In((3, 40), feed=_far), becomes="Softmax", exact=_softmax
    ),
    "log_softmax": case(lambda x: layers.Activation("log_softmax")(x), (5,), becomes="LogSoftmax"),
    "log_softmax_far": case(lambda x: layers.Activation("log_softmax")(x), In((40,), feed=_far), becomes="LogSoftmax"),
    "log_softmax_axes": case(lambda x: x - ops.logsumexp(x, axis=(1, 2), keepdims=True), (4, 5), becomes="LogSoftmax"),
    "log_softmax_axis": case(lambda x: ops.log_softmax(x, axis=1), (4, 5), becomes="LogSoftmax"),
    "softmax_one_class": case(lambda x: layers.Softmax()(x), (1,), becomes="Softmax"),
}
K2: dict[str, Case] = {
    "k2_softmax": case(lambda x: tf_keras.layers.Softmax()(x), (4, 5), becomes="Softmax"),
    "k2_softmax_axis": case(lambda x: tf_keras.layers.Softmax(axis=1)(x), (4, 5), becomes="Softmax"),
    "k2_softmax_axes": case(lambda x: tf_keras.layers.Softmax(axis=(1, 2))(x), (4, 5), becomes="Softmax"),
    "k2_dense_softmax": case(
        lambda x: tf_keras.layers.Dense(3, activation="softmax")(x), (5,), becomes="Dense Softmax"
    ),
}
TABLES = [Table("softmax", TABLE), Table("softmax2", K2, tf_keras, ".h5")]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_softmax(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
