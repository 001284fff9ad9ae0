"""The models of the bench: two published ones, and others with random weights.

A quantized model is a float model of the bench, quantized for each of the two file formats by its own tools.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from bench import vision
from bench.quantize import convert_to_tflite, quantize_onnx
from demo.models import dgaintel, magika
from tests.models.weights import randomise
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.weights import whole_model
from tf2rust.source import open_tensorflow

Make = Callable[[Any], Any]
"""Takes the module ``keras`` and returns a model."""


@dataclass(frozen=True)
class Model:
    """A model of the bench, its origin and the batch sizes at which it is timed."""

    name: str
    about: str
    batches: tuple[int, ...]
    fetch: Callable[[], Path] | None = None
    make: Make | None = None
    quantized: str = ""
    """The quantization of a model with integer weights: ``static`` or ``dynamic``."""

    @property
    def float_name(self) -> str:
        """The name of the float model."""
        return self.name.removesuffix("_int8")

    @property
    def precision(self) -> str:
        return "int8" if self.quantized else "f32"

    def onnx(self, folder: Path) -> Path:
        """The model as ONNX. The first call makes or fetches it."""
        source = self._source(folder)
        if source.suffix == ".onnx" and not self.quantized:
            return source
        path = folder / f"{self.name}.onnx"
        if not path.exists():
            if self.quantized:
                quantize_onnx(replace(self, name=self.float_name, quantized="").onnx(folder), path, self.quantized)
            else:
                onnx.save(_export(source), path)
        return path

    def tflite(self, folder: Path) -> Path | None:
        """The model as TFLite, which the first call makes. None if it cannot be converted."""
        source, path = self._source(folder), folder / f"{self.name}.tflite"
        if source.suffix == ".onnx":
            return None
        if not path.exists():
            try:
                path.write_bytes(convert_to_tflite(source, self.quantized))
            except Exception:  # TensorFlow's converter raises many kinds of errors
                return None
        return path

    def _source(self, folder: Path) -> Path:
        """The file of the float model."""
        if self.fetch is not None:
            return self.fetch()
        source = folder / f"{self.float_name}.keras"
        if not source.exists():
            assert self.make is not None
            folder.mkdir(parents=True, exist_ok=True)
            keras = library("keras")
            keras.backend.clear_session()
            keras.utils.set_random_seed(1)
            with quiet():
                randomise(self.make(keras)).save(source)
        return source


def _export(path: Path) -> onnx.ModelProto:
    """What tf2onnx writes with all of its optimizers, as engines that take ONNX expect it.

    The conversion of a TensorFlow model leaves one out that removes transposes, which other engines might trip over.
    """
    source = open_tensorflow(path)
    proto = whole_model(source.proto, source.weights)
    with quiet():
        optimised = library("tf2onnx.graph").GraphUtil.optimize_model_proto(proto, catch_errors=False)
    assert isinstance(optimised, onnx.ModelProto)
    return optimised


def _tiny_mlp(keras: Any) -> Any:
    x = keras.Input((6,), name="features")
    y = keras.ops.divide(x, np.array([2, 3, 5, 7, 11, 13], np.float32))
    for units in (64, 8):
        y = keras.layers.Dense(units, activation="relu")(y)
    return keras.Model(x, keras.layers.Dense(4, name="out")(y))


def _text_cnn(keras: Any) -> Any:
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


def _mnist_cnn(keras: Any) -> Any:
    layers = keras.layers
    pixels = keras.Input((28, 28, 1), name="pixels")
    x = layers.Conv2D(32, 3, activation="relu")(pixels)
    x = layers.Conv2D(64, 3, activation="relu")(x)
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    x = layers.Dense(128, activation="relu")(x)
    return keras.Model(pixels, layers.Dense(10, activation="softmax", name="digits")(x))


def _lstm(keras: Any) -> Any:
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


def _encoder(keras: Any) -> Any:
    layers = keras.layers
    tokens = keras.Input((128,), dtype="int32", name="tokens")
    x = layers.Embedding(5000, 256)(tokens)
    for _ in range(4):
        x = _block(keras, x, 4)
    return keras.Model(tokens, layers.Dense(2, name="logits")(layers.GlobalAveragePooling1D()(x)))


def _speech_block(keras: Any) -> Any:
    frames = keras.Input((500, 384), name="frames")
    return keras.Model(frames, keras.layers.Dense(32, name="features")(_block(keras, frames, 6)))


def _unet(keras: Any) -> Any:
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


def _dense_512(keras: Any) -> Any:
    x = keras.Input((512,), name="x")
    return keras.Model(x, keras.layers.Dense(512, activation="relu", name="y")(x))


def _application(name: str) -> Make:
    """A network of ``keras.applications`` with random weights.

    It returns logits: after a softmax, all classes of such a network are equally likely, which says nothing about a
    quantized one.
    """

    def make(keras: Any) -> Any:
        image = keras.Input((224, 224, 3), name="image")
        return getattr(keras.applications, name)(input_tensor=image, weights=None, classifier_activation=None)

    return make


MODELS = (
    Model("tiny_mlp", "six features divided by constants, Dense 64, 8, 4", (1, 64, 4096), make=_tiny_mlp),
    Model("dgaintel", "domain classifier: Embedding, Conv1D, LSTM", (1, 64), fetch=dgaintel),
    Model("magika", "file-type detector: Dense, Conv1D, LayerNorm", (1, 64), fetch=magika),
    Model("text_cnn", "three int inputs: Embedding, Conv1D 3, 4, 5, Dense", (1, 64), make=_text_cnn),
    Model("mnist_cnn", "Conv2D 32, 64, Dense 128, 10 on 28×28", (1, 64), make=_mnist_cnn),
    Model("lstm", "LSTM 128, 128 over 100 steps of 32", (1, 64), make=_lstm),
    Model("mobilenet_v2", "MobileNetV2 at 224", (1,), make=_application("MobileNetV2")),
    Model("resnet50", "ResNet50 at 224", (1,), make=_application("ResNet50")),
    Model("emotion_cnn", "separable convolutions with residuals on 64×64×1", (1,), make=vision.emotion_cnn),
    Model(
        "proposal_net", "3×3 convolutions of 10, 16 and 32 channels, PReLU, on 256×256", (1,), make=vision.proposal_net
    ),
    Model(
        "face_detector", "depthwise 5×5, residuals with padded channels, on 128×128", (1,), make=vision.face_detector
    ),
    Model("face_mesh", "depthwise 3×3, residuals, PReLU, on 192×192", (1,), make=vision.face_mesh),
    Model("encoder", "transformer: 4 blocks 256 wide, 128 tokens", (1,), make=_encoder),
    Model("speech_block", "transformer block 384 wide, 500 frames", (1,), make=_speech_block),
    Model("unet", "U-Net of 16 to 128 channels at 128", (1,), make=_unet),
    Model("mnist_cnn_int8", "mnist_cnn, quantized", (1, 64), make=_mnist_cnn, quantized="static"),
    Model("lstm_int8", "lstm with quantized weights", (1,), make=_lstm, quantized="dynamic"),
    Model("encoder_int8", "encoder with quantized weights", (1,), make=_encoder, quantized="dynamic"),
    Model("mobilenet_v2_int8", "mobilenet_v2, quantized", (1,), make=_application("MobileNetV2"), quantized="static"),
    Model("resnet50_int8", "resnet50, quantized", (1,), make=_application("ResNet50"), quantized="static"),
    Model("dense_512", "one matrix product, which shows what instructions an engine uses", (512,), make=_dense_512),
)
