"""Large variables are kept apart from the graph, which is otherwise the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tf2rust.conversion import match_layers
from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.onnx_import.tensorflow import TensorFlowModel, apart, load_tensorflow
from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.onnx_import.weights import split_weights
from tf2rust.source import Source

Build = Callable[..., Any]


def _twice(keras: Any, x: Any) -> Any:
    dense = keras.layers.Dense(8, use_bias=False, name="dense")
    return dense(dense(x))


CASES: dict[str, tuple[Build, int]] = {
    "dense": (lambda keras, x: keras.layers.Dense(8, use_bias=False)(x), 1),
    "dense that runs twice": (_twice, 1),
    "equal weights": (
        lambda keras, x: keras.layers.Dense(8, use_bias=False, kernel_initializer="ones")(
            keras.layers.Dense(8, use_bias=False, kernel_initializer="ones")(x)
        ),
        2,
    ),
    "attention": (lambda keras, x: keras.layers.MultiHeadAttention(2, 4, use_bias=False)(x, x), 4),
    "convolution, whose kernel the export transposes": (
        lambda keras, x: keras.layers.Conv1D(4, 3, use_bias=False)(x),
        0,
    ),
    "LSTM, which the export recognises by its weights": (lambda keras, x: keras.layers.LSTM(4, use_bias=False)(x), 0),
    "weights in a loop": (lambda keras, x: keras.layers.SimpleRNN(4, use_bias=False)(x), 0),
}


@pytest.mark.parametrize(("build", "count"), CASES.values(), ids=CASES)
@pytest.mark.parametrize("kind", [".keras", "SavedModel"])
def test_variables_apart(build: Build, count: int, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = library("keras")
    keras.utils.set_random_seed(1)
    x = keras.Input((6, 8), name="x")
    model = keras.Model(x, build(keras, x))
    path = tmp_path / ("model.keras" if kind == ".keras" else "model")
    model.save(path) if kind == ".keras" else model.export(path, verbose=False)
    _compare(path, count, {"x": np.random.default_rng(1).random((2, 6, 8), np.float32)}, monkeypatch)


def test_embeddings_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keras = library("keras")
    ids = keras.Input((5,), dtype="int32", name="ids")
    keras.Model(ids, keras.layers.Embedding(20, 16)(ids)).save(tmp_path / "model.keras")
    _compare(tmp_path / "model.keras", 1, {"ids": np.arange(10, dtype=np.int32).reshape(2, 5)}, monkeypatch)


def _by_attribute(tf: Any, x: Any, table: Any) -> Any:
    return tf.matmul(tf.reshape(x, (-1, 16)), table, transpose_b=True)


def _by_operator(tf: Any, x: Any, table: Any) -> Any:
    return tf.matmul(tf.reshape(x, (-1, 16)), tf.transpose(table))


@pytest.mark.parametrize("product", [_by_attribute, _by_operator])
def test_transposed_embeddings_apart(product: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Language models multiply their results by the transposed embeddings."""
    tf = library("tensorflow")
    table = tf.Variable(np.random.default_rng(1).random((20, 16), np.float32))

    @tf.function(input_signature=[tf.TensorSpec((None, 5), tf.int32, "ids")])  # type: ignore[untyped-decorator]
    def scores(ids: Any) -> dict[str, Any]:
        return {"scores": product(tf, tf.gather(table, ids), table)}

    module = tf.Module()
    module.table = table
    tf.saved_model.save(module, tmp_path / "model", signatures=scores)
    inputs = {"ids": np.arange(10, dtype=np.int32).reshape(2, 5)}
    _compare(tmp_path / "model", 1, inputs, monkeypatch)


def test_a_model_without_its_augmentation_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorFlow runs the frozen graph of such a model, so its weights are constants."""
    keras = library("keras")
    x = keras.Input((8, 8, 3), name="x")
    y = keras.layers.Dense(8, use_bias=False)(keras.layers.Flatten()(keras.layers.RandomFlip()(x)))
    keras.Model(x, y).export(tmp_path / "model", verbose=False)
    _compare(tmp_path / "model", 0, {"x": np.random.default_rng(1).random((2, 8, 8, 3), np.float32)}, monkeypatch)


def _compare(path: Path, count: int, inputs: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    """Loads the model with and without variables apart; both have the same layers, weights and outputs."""
    together = load_tensorflow(path)
    monkeypatch.setattr(apart, "LARGE", 100)
    parted = load_tensorflow(path)
    assert not together.weights
    assert len(parted.weights) == count
    whole, light = _source(path, together), _source(path, parted)
    assert [v.name for v in light.proto.graph.input] == [v.name for v in whole.proto.graph.input]
    assert _layers(light) == _layers(whole)
    expected, results = together.run(inputs), OnnxRuntime(light.proto, light.weights)(inputs)
    for name, array in OnnxRuntime(whole.proto, whole.weights)(inputs).items():
        np.testing.assert_array_equal(results[name], array)
        np.testing.assert_allclose(results[name], expected[name], atol=1e-5)
    assert _run_twice(parted, inputs)


def _source(path: Path, model: TensorFlowModel) -> Source:
    proto, weights = split_weights(model.proto, model.weights)
    return Source(path, proto, model.framework, model.run, model.node_layers, weights=weights)


def _layers(source: Source) -> list[tuple[str, list[bytes]]]:
    """The kinds of the layers, and the contents of their weights."""
    listing, graph = match_layers(source)
    assert not listing.unmatched
    return [(layer.kind, [np.asarray(w.array).tobytes() for w in layer.weights()]) for layer in graph.walk()]


def _run_twice(model: TensorFlowModel, inputs: dict[str, np.ndarray]) -> bool:
    """Whether TensorFlow's outputs stay the same: the arrays share its memory, and nothing may write to them."""
    first, second = model.run(inputs), model.run(inputs)
    return all(np.array_equal(first[name], second[name]) for name in first)
