"""TFLite models: the tables of their flatbuffer, as TensorFlow's own object interface gives them."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from tests.fuzz.front import Enter, Front
from tests.fuzz.fronts.keras_files import KerasFiles
from tests.fuzz.raw import mutate_bytes
from tests.fuzz.stages import after_opening
from tests.fuzz.values import floating, integer, text

_I32 = (-(1 << 31), (1 << 31) - 1)
_HEADER = b"TFL3"


class TFLite(Front):
    """Everything from a ``.tflite`` file to the text of the crate."""

    name, suffix = "tflite", ".tflite"
    seconds, memory, share = KerasFiles.seconds, KerasFiles.memory, 300

    def prepare(self) -> None:
        KerasFiles.prepare(self)  # type: ignore[arg-type]
        from tensorflow.lite.python import schema_py_generated  # noqa: F401

    def seeds(self) -> Iterator[bytes]:
        from tf2rust.onnx_import.tensorflow.runtime import library, quiet

        lite = library("tensorflow").lite
        with quiet():
            from tests.models import keras3

            for name in ("mlp", "two_class_softmax", "regression_two_outputs", "nested"):
                with contextlib.redirect_stdout(io.StringIO()):  # where it describes each model
                    yield lite.TFLiteConverter.from_keras_model(keras3.build(name)).convert()
            for integers in (True, False):
                with contextlib.redirect_stdout(io.StringIO()):
                    yield _quantized(integers)

    def mutate(self, rng: Random, data: bytes, donor: bytes) -> bytes:
        if rng.random() < 0.1:
            return mutate_bytes(rng, data)
        import flatbuffers
        from tensorflow.lite.python import schema_py_generated as schema

        try:
            model = schema.ModelT.InitFromPackedBuf(data, 0)
            _mutate(rng, model)
            builder = flatbuffers.Builder(len(data))
            builder.Finish(model.Pack(builder), _HEADER)
            return bytes(builder.Output())
        except Exception:  # what is damaged already cannot be packed
            return mutate_bytes(rng, data)

    def convert(self, path: Path, enter: Enter, rng: Random) -> None:
        from tf2rust.source import open_tensorflow

        enter("open")
        after_opening(open_tensorflow(path), path, enter, rng)


def _quantized(integers: bool) -> bytes:
    """A small network of images in ``integers``, or with int8 weights that are dequantized when it runs."""
    from tf2rust.onnx_import.tensorflow.runtime import library

    tf, keras = library("tensorflow"), library("keras")
    keras.utils.set_random_seed(5)
    layers = [keras.layers.Conv2D(32, 3, activation="relu"), keras.layers.DepthwiseConv2D(2), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input((5, 5, 4)), *layers, keras.layers.Dense(3, activation="softmax")])
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if integers:
        images = np.random.default_rng(5).standard_normal((8, 1, 5, 5, 4), np.float32)
        converter.representative_dataset = lambda: ([image] for image in images)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = converter.inference_output_type = tf.uint8
    content: bytes = converter.convert()
    return content


def _tables(value: Any) -> Iterator[Any]:
    """All tables of a model."""
    if isinstance(value, list):
        for item in value:
            yield from _tables(item)
    elif hasattr(value, "Pack"):
        yield value
        for item in vars(value).values():
            yield from _tables(item)


def _mutate(rng: Random, model: Any) -> None:
    """Changes one field of one table."""
    tables = list(_tables(model))
    kinds = sorted({type(t).__name__ for t in tables})
    kind = rng.choice(kinds)
    table = rng.choice([t for t in tables if type(t).__name__ == kind])
    field = rng.choice(sorted(vars(table)))
    setattr(table, field, _changed(rng, getattr(table, field), tables))


def _changed(rng: Random, value: Any, tables: list[Any]) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, np.integer)):
        return integer(rng, *_I32, int(value)) if rng.random() < 0.4 else max(0, int(value) + rng.choice((-1, 1, 2, 7)))
    if isinstance(value, float):
        return floating(rng, value)
    if isinstance(value, (bytes, str)):
        known = [t.name for t in tables if isinstance(getattr(t, "name", None), bytes)]
        return text(rng, [k.decode("utf-8", "replace") for k in known])
    if isinstance(value, np.ndarray):
        return _array(rng, value)
    if isinstance(value, list) and value:
        at = rng.randrange(len(value))
        choice = rng.randrange(4)
        if choice == 0:
            return [*value[:at], *value[at + 1 :]]
        if choice == 1:
            return [*value, value[at]]
        return [*value[:at], _changed(rng, value[at], tables), *value[at + 1 :]]
    same = [t for t in tables if type(t) is type(value)]
    return rng.choice([None, *same])


def _array(rng: Random, value: Any) -> Any:
    if not value.size or rng.random() < 0.3:
        return value[: rng.randrange(value.size + 1)]
    changed = value.copy()
    at = rng.randrange(value.size)
    if value.dtype.kind == "f":
        changed[at] = floating(rng, float(value[at]))
    else:
        limits = np.iinfo(value.dtype)
        changed[at] = integer(rng, int(limits.min), int(limits.max), int(value[at]))
    return changed
