"""TensorFlow's complex tensors become pairs of real ones: the exported graph computes what TensorFlow computes."""

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
from tf2rust.onnx_import.tensorflow.traced import TracedModel

ROWS = np.random.default_rng(3).normal(size=(2, 48)).astype(np.float32)


def _traced(function: Callable[[Any, Any], Any]) -> TracedModel:
    keras, tf = library("keras"), library("tensorflow")

    class Step(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def call(self, x: Any) -> Any:
            return function(tf, x)

    with quiet():
        x = keras.Input((48,), name="x")
        return trace_keras(keras.Model(x, Step()(x)))[0]


def _log_mel(tf: Any, x: Any) -> Any:
    weights = tf.signal.linear_to_mel_weight_matrix(6, 9, 800, 20, 300)
    return tf.math.log(tf.tensordot(tf.abs(tf.signal.stft(x, 16, 8)), weights, 1) + 1e-3)


CASES: dict[str, Callable[[Any, Any], Any]] = {
    "magnitudes": lambda tf, x: tf.abs(tf.signal.stft(x, 16, 4)),
    "parts": lambda tf, x: tf.math.real(tf.signal.stft(x, 16, 8)) + tf.math.imag(tf.signal.stft(x, 16, 8)),
    "real part by a cast": lambda tf, x: tf.cast(tf.signal.rfft(x), tf.float32),
    "power": lambda tf, x: tf.math.real(tf.signal.rfft(x) * tf.math.conj(tf.signal.rfft(x))),
    "phase": lambda tf, x: tf.math.angle(tf.signal.rfft(x)),
    "longer": lambda tf, x: tf.abs(tf.signal.rfft(x, [64])),
    "image": lambda tf, x: tf.abs(tf.signal.rfft2d(tf.reshape(x, (-1, 6, 8)))),
    "filtered": lambda tf, x: tf.signal.irfft(tf.signal.rfft(x)[:, :9], [48]),
    "shifted": lambda tf, x: tf.math.imag(tf.signal.ifft(tf.signal.fft(tf.complex(x, 2 * x)) - 1j)),
    "mfcc": lambda tf, x: tf.signal.mfccs_from_log_mel_spectrograms(_log_mel(tf, x)),
    "rebuilt": lambda tf, x: tf.signal.inverse_stft(tf.signal.stft(x, 16, 4), 16, 4),
    "frames": lambda tf, x: tf.signal.frame(x, 10, 4, pad_end=True),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_tensorflow(name: str) -> None:
    model = _traced(CASES[name])
    (found,) = onnxruntime.InferenceSession(export(model).SerializeToString()).run(None, {"x": ROWS})
    (expected,) = model.run({"x": ROWS}).values()
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def test_an_op_on_complex_numbers_without_implementation_is_named() -> None:
    with pytest.raises(ConversionError, match=r"TensorFlow op Exp .* is not supported for complex numbers"):
        export(_traced(lambda tf, x: tf.abs(tf.exp(tf.signal.rfft(x)))))
