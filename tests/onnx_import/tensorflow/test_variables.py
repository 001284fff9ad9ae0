"""Variables that a model reads and writes become inputs and outputs: the exported graph, step by step, is the model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.onnx_import.tensorflow import load_tensorflow
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.proof.reference.steps import in_sequence

keras, tf_keras, tf = library("keras"), library("tf_keras"), library("tensorflow")
STEPS = 4


@dataclass(frozen=True)
class Case:
    """A model, the suffix of its file, the shape of its input, and the inputs that its variables become."""

    build: Callable[[], Any]
    suffix: str
    shape: tuple[int, ...]
    states: tuple[str, ...]


def recurrent(package: Any, kind: str, *, bidirectional: bool = False) -> Any:
    """A stateful layer of ``kind``, and an LSTM behind it."""
    layers = package.layers
    x = package.Input(batch_shape=(2, 4, 3), name="x")
    layer = getattr(layers, kind)(5, stateful=True, return_sequences=True, name="memory")
    y = (layers.Bidirectional(layer, name="both") if bidirectional else layer)(x)
    y = layers.LSTM(2, stateful=True, name="second")(y)
    return package.Model(x, layers.Dense(1, name="y")(y))


def nested() -> Any:
    x = keras.Input(batch_shape=(2, 4, 3), name="x")
    inner = recurrent(keras, "GRU")
    return keras.Model(x, keras.layers.Dense(3, name="y")(inner(x)))


class Counter(tf.Module):  # type: ignore[misc, name-defined]
    """Counts its calls from 3 on."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = tf.Variable(3.0, name="calls")

    @tf.function(input_signature=[tf.TensorSpec([2], name="x")])  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        return x * self.calls.assign_add(1.0) - self.calls.assign_sub(0.5)


class Delay(tf.Module):  # type: ignore[misc, name-defined]
    """Returns a difference to what it read two calls before, from a buffer that a function of its own shifts."""

    def __init__(self) -> None:
        super().__init__()
        self.buffer = tf.Variable([[1.0, 2.0], [3.0, 4.0]], name="buffer")
        self.weight = tf.Variable([0.5, 2.0], name="weight")

    @tf.function  # type: ignore[untyped-decorator]
    def shift(self, x: Any) -> Any:
        first = self.buffer[0]
        self.buffer.assign(tf.concat([self.buffer[1:], x[None]], axis=0))
        return first

    @tf.function(input_signature=[tf.TensorSpec([2], name="x")])  # type: ignore[untyped-decorator]
    def __call__(self, x: Any) -> Any:
        return x * self.weight - self.shift(x) + tf.reduce_sum(self.buffer)


CASES = {
    "lstm": Case(lambda: recurrent(keras, "LSTM"), ".keras", (2, 4, 3), ("memory", "memory", "second", "second")),
    "bidirectional": Case(
        lambda: recurrent(keras, "GRU", bidirectional=True),
        ".h5",
        (2, 4, 3),
        ("forward", "backward", "second", "second"),
    ),
    "nested": Case(nested, ".keras", (2, 4, 3), ("memory", "second", "second")),
    "keras 2": Case(lambda: recurrent(tf_keras, "SimpleRNN"), ".h5", (2, 4, 3), ("memory", "second", "second")),
    "keras 2 folder": Case(
        lambda: recurrent(tf_keras, "LSTM"), "", (2, 4, 3), ("memory", "memory", "second", "second")
    ),
    "counter": Case(Counter, "", (2,), ("calls",)),
    "delay": Case(Delay, "", (2,), ("buffer",)),
}


@pytest.mark.parametrize("name", CASES)
def test_steps_of_the_graph_are_those_of_the_model(tmp_path: Path, name: str) -> None:
    case = CASES[name]
    path = tmp_path / f"model{case.suffix}"
    with quiet():
        model = case.build()
        if isinstance(model, tf.Module) and not hasattr(model, "save"):
            tf.saved_model.save(model, str(path))
        else:
            model.save(path)
    loaded = load_tensorflow(path)
    assert len(loaded.states) == len(case.states)
    assert all(part in state.input for part, state in zip(case.states, loaded.states, strict=True))
    x = np.random.default_rng(1).standard_normal((STEPS, *case.shape)).astype(np.float32)
    shapes = {value.name: [d.dim_value for d in value.type.tensor_type.shape.dim] for value in loaded.proto.graph.input}
    initial = {
        state.input: np.zeros(shapes[state.input], np.float32) if state.initial is None else state.initial
        for state in loaded.states
    }
    with quiet():
        expected = np.stack([np.asarray(model(tf.constant(step))) for step in x])
    (given,) = shapes.keys() - initial.keys()
    for run in (OnnxRuntime(loaded.proto), loaded.run):
        found = in_sequence(run, loaded.states)({given: x, **initial})
        np.testing.assert_allclose(found[loaded.proto.graph.output[0].name], expected, atol=1e-5)
