"""Ops that tf2onnx does not support: implemented in ONNX, or reported all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.export import export
from tf2rust.onnx_import.tensorflow.keras_model import trace_keras
from tf2rust.onnx_import.tensorflow.runtime import library, quiet

VALUES = np.array([[-2.5, -1.0, -0.0, 0.0, 0.3, 1.0, 1.7, 8.0]], np.float32)


@pytest.mark.parametrize(
    "function",
    [
        lambda keras, x: keras.activations.gelu(x),
        lambda keras, x: keras.activations.celu(x),
        lambda keras, x: keras.ops.log1p(x * x),
        lambda keras, x: keras.ops.expm1(x),
        lambda keras, x: keras.ops.cast(keras.ops.argmax(x, axis=-1), "float32"),
        lambda keras, x: keras.ops.cast(keras.ops.signbit(x), "float32"),
        lambda keras, x: keras.layers.Discretization([-1.0, 0.0, 1.0])(x),
        lambda keras, x: keras.ops.cast(keras.ops.logical_xor(x > 0.5, x < 1.5), "float32"),
    ],
    ids=["Erfc", "Expm1 in celu", "Log1p", "Expm1", "Bitcast in argmax", "Bitcast", "Bucketize", "LogicalXor"],
)
def test_handlers(function: Callable[[Any, Any], Any]) -> None:
    keras = library("keras")
    with quiet():
        x = keras.Input((8,), name="x")
        model, _ = trace_keras(keras.Model(x, function(keras, x)))
    proto = export(model)
    (result,) = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, {"x": VALUES})
    (expected,) = model.run({"x": VALUES}).values()
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_every_op_without_onnx_is_reported() -> None:
    keras = library("keras")
    tf = library("tensorflow")

    class Unknown(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            return tf.math.lgamma(x) + tf.math.digamma(x)

    x = keras.Input((8,), name="x")
    model, _ = trace_keras(keras.Model(x, Unknown(name="strange")(keras.layers.Dense(8)(x))))
    with pytest.raises(ConversionError) as caught:
        export(model)
    assert len(caught.value.reasons) == 2
    for op, reason in zip(("Lgamma", "Digamma"), caught.value.reasons, strict=True):
        assert f"TensorFlow op {op} " in reason
        assert "layer 'strange'" in reason


def test_a_model_that_was_never_built() -> None:
    keras = library("keras")
    with pytest.raises(ConversionError, match="before it was called"):
        trace_keras(keras.Sequential([keras.layers.Dense(2)], name="empty"))
