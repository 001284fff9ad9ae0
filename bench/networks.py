"""The networks of the bench other than those of :mod:`bench.vision`, as Keras models."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Make = Callable[[Any], Any]
"""Takes the module ``keras`` and returns a model."""


def tiny_mlp(keras: Any) -> Any:
    """Divides six features by constants; dense layers of 64, 8 and 4 units."""
    x = keras.Input((6,), name="features")
    y = keras.ops.divide(x, np.array([2, 3, 5, 7, 11, 13], np.float32))
    for units in (64, 8):
        y = keras.layers.Dense(units, activation="relu")(y)
    return keras.Model(x, keras.layers.Dense(4, name="out")(y))


def text_cnn(keras: Any) -> Any:
    """A text classifier with three integer inputs."""
    layers = keras.layers
    characters = keras.Input((256,), dtype="int32", name="characters")
    words = keras.Input((64,), dtype="int32", name="words")
    extra = keras.Input((16,), dtype="int32", name="extra")
    x = layers.Embedding(128, 32)(characters)
    y = layers.Embedding(10_000, 32)(words)
    branches = [
        layers.GlobalMaxPooling1D()(layers.Conv1D(64, width, padding=padding, activation="relu")(x))
        for width, padding in ((3, "same"), (4, "valid"), (5, "causal"))
    ]
    branches.append(layers.GlobalMaxPooling1D()(layers.Conv1D(64, 3, padding="same", activation="relu")(y)))
    branches.append(layers.Flatten()(layers.Embedding(100, 8)(extra)))
    z = layers.Dense(64, activation="relu")(layers.Concatenate()(branches))
    return keras.Model([characters, words, extra], layers.Dense(1, activation="sigmoid", name="verdict")(z))


def mnist_cnn(keras: Any) -> Any:
    """Two convolutions and two dense layers on an image of 28×28."""
    layers = keras.layers
    pixels = keras.Input((28, 28, 1), name="pixels")
    x = layers.Conv2D(32, 3, activation="relu")(pixels)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    x = layers.Dense(128, activation="relu")(x)
    return keras.Model(pixels, layers.Dense(10, activation="softmax", name="digits")(x))


def lstm(keras: Any) -> Any:
    """Two LSTM layers of 128 units over 100 steps."""
    layers = keras.layers
    series = keras.Input((100, 32), name="series")
    x = layers.LSTM(128)(layers.LSTM(128, return_sequences=True)(series))
    return keras.Model(series, layers.Dense(1, name="forecast")(x))


def _block(keras: Any, x: Any, heads: int) -> Any:
    """A block of a transformer encoder that normalizes first."""
    layers, width = keras.layers, x.shape[-1]
    y = layers.LayerNormalization(epsilon=1e-5)(x)
    x = layers.Add()([x, layers.MultiHeadAttention(heads, width // heads)(y, y)])
    y = layers.Dense(4 * width, activation="gelu")(layers.LayerNormalization(epsilon=1e-5)(x))
    return layers.Add()([x, layers.Dense(width)(y)])


def encoder(keras: Any) -> Any:
    """A transformer encoder of four blocks, 256 wide, on 128 tokens."""
    layers = keras.layers
    tokens = keras.Input((128,), dtype="int32", name="tokens")
    x = layers.Embedding(5000, 256)(tokens)
    for _ in range(4):
        x = _block(keras, x, 4)
    return keras.Model(tokens, layers.Dense(2, name="logits")(layers.GlobalAveragePooling1D()(x)))


def speech_block(keras: Any) -> Any:
    """A block of the width of Whisper tiny on 500 frames."""
    frames = keras.Input((500, 384), name="frames")
    return keras.Model(frames, keras.layers.Dense(32, name="features")(_block(keras, frames, 6)))


def unet(keras: Any) -> Any:
    """A U-Net of 16 to 128 channels on an image of 128×128."""
    layers = keras.layers
    image = keras.Input((128, 128, 3), name="image")

    def convs(x: Any, filters: int) -> Any:
        for _ in range(2):
            x = layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
        return x

    x, skips = image, []
    for filters in (16, 32, 64):
        x = convs(x, filters)
        skips.append(x)
        x = layers.MaxPooling2D(2)(x)
    x = convs(x, 128)
    for filters in (64, 32, 16):
        x = layers.Conv2DTranspose(filters, 2, strides=2)(x)
        x = convs(layers.Concatenate()([x, skips.pop()]), filters)
    return keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid", name="mask")(x))


def dense_512(keras: Any) -> Any:
    """A dense layer."""
    x = keras.Input((512,), name="x")
    return keras.Model(x, keras.layers.Dense(512, activation="relu", name="y")(x))


def application(name: str) -> Make:
    """A network of ``keras.applications`` with random weights.

    It returns logits: after a softmax, all classes of such a network are equally likely, which says nothing about a
    quantized one.
    """

    def make(keras: Any) -> Any:
        image = keras.Input((224, 224, 3), name="image")
        return getattr(keras.applications, name)(input_tensor=image, weights=None, classifier_activation=None)

    return make
