"""Keras-2 models as trainers leave them: compiled, fitted for a step, with the optimizer's slot variables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.crates import Crates
from tests.models.weights import VOCABULARY, randomise
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.source import open_tensorflow

Builder = Callable[[Any, Any], Any]


def _thresholded(keras: Any, layers: Any) -> Any:
    features = keras.Input((8,), name="features")
    x = layers.ThresholdedReLU(0.3, name="threshold")(layers.Dense(12, name="hidden")(features))
    return keras.Model(features, layers.Dense(1, activation="sigmoid", name="verdict")(x))


def _mean_and_add(keras: Any, layers: Any) -> Any:
    """``tf.reduce_mean`` and ``tf.add`` on Keras tensors become TFOpLambda layers."""
    tf = library("tensorflow")
    text = keras.Input((10,), dtype="int32", name="text")
    x = layers.Embedding(VOCABULARY, 6, name="embedding")(text)
    x = tf.add(tf.reduce_mean(x, axis=1), 0.5)
    return keras.Model(text, layers.Dense(1, activation="sigmoid", name="verdict")(x))


def _text_cnn(keras: Any, layers: Any) -> Any:
    text = keras.Input((24,), dtype="int32", name="text")
    x = layers.Embedding(VOCABULARY, 8, name="embedding")(text)
    x = layers.Conv1D(8, 3, padding="same", activation="relu", name="conv")(x)
    x = layers.BatchNormalization(name="norm")(x)
    x = layers.SpatialDropout1D(0.2, name="dropout")(layers.MaxPooling1D(2, name="pool")(x))
    x = layers.Dense(6, activation="selu", name="hidden")(layers.Flatten(name="flat")(x))
    return keras.Model(text, layers.Dense(2, activation="softmax", name="classes")(x))


MODELS: dict[str, Builder] = {"thresholded": _thresholded, "mean_and_add": _mean_and_add, "text_cnn": _text_cnn}
CASES = [(name, suffix) for name in MODELS for suffix in (".h5", "")]


def _save(name: str, path: Path) -> None:
    keras = library("tf_keras")
    keras.backend.clear_session()
    keras.utils.set_random_seed(5)
    rng = np.random.default_rng(1)
    with quiet():
        model = randomise(MODELS[name](keras, keras.layers))
        model.compile(keras.optimizers.Adam(1e-3), "mse", metrics=["accuracy", keras.metrics.AUC(name="auc")])
        shape = model.input_shape[1:]
        samples = rng.integers(0, VOCABULARY, (8, *shape)) if name != "thresholded" else rng.normal(size=(8, *shape))
        model.fit(samples, rng.random((8, *model.output_shape[1:])), epochs=1, verbose=0)
        slots = sum("/m/" in variable.name or "/v/" in variable.name for variable in model.optimizer.variables)
        model.save(path)
    assert slots, "the optimizer has no slot variables"


def _crate(name: str, suffix: str) -> str:
    return f"legacy-{name}-{suffix.strip('.') or 'saved'}".replace("_", "-")


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("legacy"))
    for name, suffix in CASES:
        path = made.folder / f"{name}{suffix}" / "model" if not suffix else made.folder / f"{name}{suffix}"
        _save(name, path)
        made.add(_crate(name, suffix), open_tensorflow(path))
    made.build()
    return made


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_crate_computes_what_tensorflow_computes(crates: Crates, name: str, suffix: str) -> None:
    assert "0 failed" in crates.test(_crate(name, suffix))


@pytest.mark.parametrize(("name", "suffix"), CASES)
def test_no_trace_of_the_training_is_left(crates: Crates, name: str, suffix: str) -> None:
    with np.load(crates.converted[_crate(name, suffix)].crate / "model" / "model_weights.npz") as weights:
        assert not [key for key in weights.files if "Adam" in key or "auc" in key.lower()]
    assert "Dropout" not in {layer.kind for layer in crates.converted[_crate(name, suffix)].listing.layers}
