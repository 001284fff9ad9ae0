"""Small deterministic models of Keras 2, written by tf_keras, for the ways in which old files differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tf_keras
from tf_keras import layers

from tests.models.weights import VOCABULARY, randomise

Builder = Callable[[], Any]
MODELS: dict[str, Builder] = {}


def build(name: str) -> Any:
    """The model called ``name``, with the same weights every time and no constant bias."""
    tf_keras.backend.clear_session()
    tf_keras.utils.set_random_seed(5)
    return randomise(MODELS[name]())


def _model(builder: Builder) -> Builder:
    MODELS[builder.__name__] = builder
    return builder


@_model
def hard_sigmoid() -> Any:
    """Keras 3 opens it and computes another hard sigmoid."""
    features = tf_keras.Input((8,), name="features")
    x = layers.Dense(10, activation="hard_sigmoid", name="hidden")(features)
    return tf_keras.Model(features, layers.Dense(3, activation="softmax", name="classes")(x))


@_model
def domain_text() -> Any:
    """A classifier of domain names as they were written in 2019."""
    domain = tf_keras.Input((82,), dtype="int32", name="domain_input")
    x = layers.Embedding(VOCABULARY, 16, input_length=82, name="embedding")(domain)
    x = layers.Conv1D(16, 3, padding="same", activation="relu", name="conv1d")(x)
    x = layers.MaxPooling1D(2, padding="same", name="max_pooling1d")(x)
    x = layers.LSTM(8, name="lstm")(x)
    x = layers.Dropout(0.5, name="dropout")(x)
    return tf_keras.Model(domain, layers.Dense(1, activation="sigmoid", name="dense")(x))


@_model
def hard_sigmoid_lstm() -> Any:
    """The default recurrent activation before Keras 2.3."""
    series = tf_keras.Input((9, 5), name="series")
    x = layers.LSTM(6, recurrent_activation="hard_sigmoid", name="lstm")(series)
    return tf_keras.Model(series, layers.Dense(2, name="dense")(x))


@_model
def gru() -> Any:
    series = tf_keras.Input((9, 5), name="series")
    return tf_keras.Model(series, layers.Dense(2, name="dense")(layers.GRU(6, name="gru")(series)))


@_model
def thresholded_relu() -> Any:
    return tf_keras.Sequential(
        [
            tf_keras.Input((8,), name="Features"),
            layers.Dense(10, name="hidden"),
            layers.ThresholdedReLU(0.4, name="threshold"),
            layers.Dense(1, name="price"),
        ],
        name="thresholds",
    )


@_model
def tensorflow_functions() -> Any:
    """TFOpLambda layers: names of TensorFlow functions, no code."""
    features = tf_keras.Input((8,), name="features")
    x = layers.Dense(6, name="hidden")(features)
    return tf_keras.Model(features, layers.Dense(2, name="dense")(x * 2.0 + 1.0))
