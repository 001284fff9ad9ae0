"""Small deterministic Keras 3 models, one for each feature of the conversion.

``MODELS`` holds the builders by name; ``build(name)`` returns the model.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras import layers

from tests.models.weights import VOCABULARY, randomise

Builder = Callable[[], Any]
MODELS: dict[str, Builder] = {}


def build(name: str) -> Any:
    """The model called ``name``, with the same weights every time and no constant bias."""
    keras.backend.clear_session()
    keras.utils.set_random_seed(5)
    return randomise(MODELS[name]())


def _model(builder: Builder) -> Builder:
    MODELS[builder.__name__] = builder
    return builder


@_model
def mlp() -> Any:
    return keras.Sequential(
        [
            keras.Input((12,), name="features"),
            layers.Dense(16, activation="relu"),
            layers.Dense(8, activation="tanh"),
            layers.Dense(8),
            layers.Dense(4, activation="softmax"),
        ]
    )


@_model
def text_cnn() -> Any:
    characters = keras.Input((64,), dtype="int32", name="characters")
    words = keras.Input((16,), dtype="int32", name="words")
    extra = keras.Input((8,), dtype="int32", name="extra")
    x = layers.Embedding(VOCABULARY, 8, name="character_embedding")(characters)
    same = layers.Conv1D(8, 3, padding="same", activation="relu", name="conv_same")(x)
    same = layers.MaxPooling1D(2, name="max_pooling")(same)
    same = layers.Conv1D(8, 3, strides=2, activation="tanh", name="conv_strided")(same)
    valid = layers.Conv1D(6, 5, activation="elu", name="conv_valid")(x)
    valid = layers.AveragePooling1D(3, padding="same", name="average_pooling")(valid)
    causal = layers.Conv1D(6, 2, padding="causal", dilation_rate=2, activation="selu", name="conv_causal")(x)
    y = layers.Embedding(VOCABULARY, 6, name="word_embedding")(words)
    y = layers.Conv1D(8, 3, padding="same", activation="sigmoid", name="conv_words")(y)
    z = layers.Embedding(VOCABULARY, 4, name="extra_embedding")(extra)
    merged = layers.Concatenate(name="merged")(
        [
            layers.GlobalMaxPooling1D(name="max_same")(same),
            layers.GlobalAveragePooling1D(name="mean_valid")(valid),
            layers.GlobalMaxPooling1D(name="max_causal")(causal),
            layers.GlobalMaxPooling1D(name="max_words")(y),
            layers.Flatten(name="flat_extra")(z),
        ]
    )
    hidden = layers.Dense(16, activation="relu", name="hidden")(merged)
    hidden = layers.Dropout(0.5, name="dropout")(hidden)
    return keras.Model([characters, words, extra], layers.Dense(1, activation="sigmoid", name="verdict")(hidden))


@_model
def two_class_softmax() -> Any:
    features = keras.Input((10,), name="features")
    x = layers.Dense(12, activation="gelu", name="hidden")(features)
    x = layers.BatchNormalization(name="norm")(x)
    return keras.Model(features, layers.Dense(2, activation="softmax", name="classes")(x))


@_model
def regression_two_outputs() -> Any:
    features = keras.Input((9,), name="Features")
    x = layers.Dense(10, activation="softplus", name="hidden")(features)
    return keras.Model(features, [layers.Dense(1, name="price")(x), layers.Dense(3, name="risk")(x)])


@_model
def dict_outputs() -> Any:
    features = keras.Input((9,), name="features")
    x = layers.Dense(10, activation="relu", name="hidden")(features)
    return keras.Model(
        {"features": features}, {"price": layers.Dense(1, name="first")(x), "class": layers.Dense(3, name="second")(x)}
    )


@_model
def siamese() -> Any:
    left = keras.Input((20,), dtype="int32", name="left")
    right = keras.Input((20,), dtype="int32", name="right")
    embedding = layers.Embedding(VOCABULARY, 6, name="shared_embedding")
    convolution = layers.Conv1D(8, 3, padding="same", activation="relu", name="shared_conv")
    pooling = layers.GlobalMaxPooling1D(name="shared_pool")
    a, b = (pooling(convolution(embedding(side))) for side in (left, right))
    difference = layers.Subtract(name="difference")([a, b])
    merged = layers.Concatenate(name="merged")([difference, layers.Multiply(name="product")([a, b])])
    return keras.Model([left, right], layers.Dense(1, activation="sigmoid", name="same")(merged))


@_model
def odd_names() -> Any:
    x = keras.Input((7,), name="input: 1")
    y = layers.Dense(6, activation="relu", name="type")(x)
    y = layers.Dense(6, activation="relu", name='café 1 "x"')(y)
    y = layers.Dense(6, activation="relu", name="match")(y)
    y = layers.Dense(6, activation="relu", name="match_1")(y)
    return keras.Model(x, layers.Dense(2, name="layer_3.-")(y))


@_model
def lstm_text() -> Any:
    text = keras.Input((None,), dtype="int32", name="text")
    x = layers.Embedding(VOCABULARY, 8, name="embedding")(text)
    x = layers.Conv1D(8, 3, padding="same", activation="relu", name="conv")(x)
    x = layers.MaxPooling1D(2, name="pooling")(x)
    x = layers.LSTM(6, name="lstm")(x)
    return keras.Model(text, layers.Dense(1, activation="sigmoid", name="verdict")(x))


@_model
def bidirectional_text() -> Any:
    text = keras.Input((12,), dtype="int32", name="text")
    x = layers.Embedding(VOCABULARY, 8, name="embedding")(text)
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True), name="both_ways")(x)
    x = layers.GRU(4, name="gru")(x)
    return keras.Model(text, layers.Dense(3, activation="softmax", name="classes")(x))


@_model
def video() -> Any:
    frames = keras.Input((4, 6, 6, 2), name="frames")
    x = layers.ConvLSTM2D(3, 3, padding="same", return_sequences=True, name="moving")(frames)
    x = layers.ConvLSTM2D(2, 3, strides=2, dropout=0.2, name="last")(x)
    x = layers.Flatten(name="flat")(x)
    return keras.Model(frames, layers.Dense(2, activation="softmax", name="verdict")(x))


@_model
def nested() -> Any:
    pixels = keras.Input((8, 8, 3), name="pixels")
    inner = keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            layers.Conv2D(4, 3, padding="same", use_bias=False, name="conv"),
            layers.BatchNormalization(name="norm"),
            layers.ReLU(name="relu"),
            layers.Conv2D(4, 3, groups=2, name="grouped"),
        ],
        name="features",
    )
    x = layers.GlobalAveragePooling2D(name="pool")(inner(pixels))
    x = layers.Dense(4, name="conv")(x)
    x = keras.ops.mean(x * 2.0, axis=-1, keepdims=True)
    return keras.Model(pixels, layers.Dense(2, name="out")(x))


@_model
def attention() -> Any:
    tokens = keras.Input((10,), dtype="int32", name="tokens")
    x = layers.Embedding(VOCABULARY, 8, name="embedding")(tokens)
    y = layers.MultiHeadAttention(2, 4, name="attention")(x, x)
    x = layers.LayerNormalization(name="norm")(layers.Add(name="residual")([x, y]))
    x = layers.TimeDistributed(layers.Dense(4, activation="silu"), name="per_token")(x)
    return keras.Model(tokens, layers.Dense(2, name="out")(layers.Flatten(name="flat")(x)))
