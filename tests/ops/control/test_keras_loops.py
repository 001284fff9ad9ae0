"""Loops and branches from Keras: ConvLSTM, custom cells, and ``keras.ops``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, merge, parametrised, tf_keras
from tests.ops.conftest import Outcomes
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.runtime import library

tf = library("tensorflow")
layers, ops = keras.layers, keras.ops
LINE, IMAGE = In((5, 8, 2)), In((4, 7, 6, 2))


def _conv(rank: int, kernel: Any = 3, **options: Any) -> Callable[[Any], Any]:
    return lambda x: getattr(layers, f"ConvLSTM{rank}D")(3, kernel, **options)(x)


def _with_states(x: Any) -> Any:
    return layers.ConvLSTM1D(3, 3, return_state=True, return_sequences=True)(x)


def _two(x: Any) -> Any:
    return layers.ConvLSTM2D(2, 3)(layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True)(x))


def _old(rank: int, **options: Any) -> Callable[[Any], Any]:
    return lambda x: getattr(tf_keras.layers, f"ConvLSTM{rank}D")(3, 3, **options)(x)


class Cell(keras.layers.Layer):
    """A custom cell with two states, one of which is a counter."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.units, self.state_size = units, (units, 1)

    def build(self, shape: Any) -> None:
        self.kernel = self.add_weight(shape=(shape[-1], self.units), name="kernel")
        self.recurrent = self.add_weight(shape=(self.units, self.units), name="recurrent")

    def call(self, x: Any, states: Any, training: bool = False) -> Any:
        state, count = states
        new = ops.softplus(ops.matmul(x, self.kernel) - ops.matmul(state, self.recurrent)) / (1 + count)
        return ops.concatenate([new, count], axis=-1), [new, count + 1]


def _cell(**options: Any) -> Callable[[Any], Any]:
    return lambda x: layers.RNN(Cell(4), **options)(x)


def _masked(x: Any) -> Any:
    return layers.RNN(Cell(4), return_sequences=True, return_state=True)(layers.Masking()(x))


def _gaps(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Sequences with masked steps in the middle and at the end, and one that is fully masked."""
    x = rng.normal(0, 1, shape)
    x[0, 2], x[1, 4:], x[2] = 0, 0, 0
    return x


class Applied(keras.layers.Layer):
    """A function of tensors as a layer."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def call(self, *inputs: Any) -> Any:
        return self.function(*inputs)


def _applied(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *inputs: Applied(function)(*inputs)


def _until_large(x: Any) -> Any:
    """Doubles until the largest element is above 100."""
    return ops.while_loop(lambda y: ops.max(y) < 100, lambda y: (y * 2,), (ops.abs(x) + 0.1,))[0]


def _counted(x: Any) -> Any:
    """Adds the number of the step, with a limit that is a condition."""
    i, y = ops.while_loop(
        lambda i, y: i < 6, lambda i, y: (i + 1, y + ops.cast(i, "float32")), (ops.zeros((), "int32"), x)
    )
    return y * ops.cast(i, "float32")


def _fori(x: Any) -> Any:
    return ops.fori_loop(0, 4, lambda i, y: ops.tanh(y) + x * ops.cast(i, "float32"), x)


def _sum(x: Any) -> Any:
    """Running sums over the second axis."""
    last, all_ = ops.scan(lambda s, x: (s + x, s * x), ops.zeros_like(x[:, 0]), ops.transpose(x, (1, 0, 2)))
    return [last, all_]


def _either(x: Any) -> Any:
    return ops.cond(ops.sum(x) > 0, lambda: ops.relu(x) + 1, lambda: ops.exp(x))


def _loop_in_branch(x: Any) -> Any:
    return ops.cond(ops.sum(x) > 0, lambda: _until_large(x), lambda: x)


def _loops(x: Any) -> Any:
    start = (ops.zeros((), "int32"), x)
    return ops.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, _until_large(y) / 100), start)[1]


def _window(x: Any) -> Any:
    """The largest of the sums of three neighbours."""

    def step(i: Any, top: Any) -> Any:
        return i + 1, ops.maximum(top, ops.sum(tf.slice(x, (0, i), (-1, 3)), axis=1))

    return ops.while_loop(lambda i, top: i < 6, step, (ops.zeros((), "int32"), ops.min(x, axis=1)))[1]


def _positive(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return np.abs(rng.normal(0, 1, shape))


def _negative(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return -_positive(rng, shape)


MORE, LESS = In((3,), feed=_positive), In((3,), feed=_negative)

RECURRENT: dict[str, Case] = {
    "line": case(_conv(1), LINE),
    "line_sequences": case(_conv(1, return_sequences=True), LINE),
    "line_strides": case(_conv(1, strides=2, padding="same"), LINE),
    "line_dilated": case(_conv(1, dilation_rate=2, use_bias=False), LINE),
    "line_states": case(_with_states, LINE),
    "image": case(_conv(2), IMAGE),
    "image_backwards": case(_conv(2, go_backwards=True, return_sequences=True, padding="same"), IMAGE),
    "image_strides": case(_conv(2, (3, 2), strides=(2, 1), dropout=0.3, recurrent_dropout=0.2), IMAGE),
    "image_activations": case(_conv(2, activation="relu", recurrent_activation="hard_sigmoid"), IMAGE),
    "image_unrolled": case(_conv(2, unroll=True), IMAGE),
    "volume": case(_conv(3, 2, return_sequences=True), In((3, 4, 5, 3, 1))),
    "two": case(_two, IMAGE),
    "free_steps": case(_conv(1, return_sequences=True), In((None, 8, 2))),
}
CELLS: dict[str, Case] = {
    "last": case(_cell(), (6, 3)),
    "sequences": case(_cell(return_sequences=True), (6, 3)),
    "backwards": case(_cell(go_backwards=True, return_sequences=True), (6, 3)),
    "states": case(_cell(return_state=True), (6, 3)),
    "free_steps": case(_cell(return_sequences=True), (None, 3)),
    "masked": case(_masked, In((6, 3), feed=_gaps)),
    "gru_of_gelu": case(lambda x: layers.GRU(4, activation="gelu", return_sequences=True)(x), (6, 3)),
}
KERAS2: dict[str, Case] = {
    "line": case(_old(1, return_sequences=True), LINE),
    "image": case(_old(2, strides=2, padding="same", go_backwards=True), IMAGE),
}
OPS: dict[str, Case] = {
    "while": case(_applied(_until_large), (4,)),
    "counted": case(_applied(_counted), (4,)),
    "fori": case(_applied(_fori), (4,)),
    "either": case(_applied(_either), MORE),
    "or": case(_applied(_either), LESS),
    "loop_in_branch": case(_applied(_loop_in_branch), MORE),
    "loop_in_loop": case(_applied(_loops), (4,)),
    "window": case(_applied(_window), (8,)),
    "each": case(_applied(lambda x: ops.map(lambda row: ops.tanh(row) * ops.sum(row), x)), (3,)),
    "fold": case(_applied(lambda x: tf.foldl(lambda a, row: a / 2 + row, tf.transpose(x, (1, 0, 2)))), (5, 3)),
}

TABLES = [
    Table("conv_lstm", RECURRENT),
    Table("cells", CELLS, suffix=""),
    Table("control", OPS, suffix=""),
    Table("conv_lstm2", KERAS2, tf_keras, ".h5"),
]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_control(table: str, name: str, item: Case, outcomes: Outcomes) -> None:
    check(outcomes[table, name], item)


def test_what_tf2onnx_stumbles_over_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match="tf2onnx cannot export the model"):
        merge(Table("scan", {"scan": case(_applied(_sum), (5, 3))}, suffix=""), tmp_path)
