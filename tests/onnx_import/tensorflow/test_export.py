"""Ops that tf2onnx does not support: implemented in ONNX, or reported all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
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


def test_biases_of_zeros_stay() -> None:
    keras = library("keras")
    with quiet():
        x = keras.Input((6, 6, 3), name="x")
        y = keras.layers.Conv2D(4, 3)(x)
        y = keras.layers.Dense(5)(keras.layers.Flatten()(y))
        model, _ = trace_keras(keras.Model(x, y))
    initializers = [onnx.numpy_helper.to_array(tensor) for tensor in export(model).graph.initializer]
    assert sorted(a.size for a in initializers if a.dtype == np.float32 and not a.any()) == [4, 5]


@pytest.mark.parametrize(
    ("rank", "layer"),
    [
        (1, lambda keras: keras.layers.Conv1D(3, 5, dilation_rate=4, padding="same")),
        (1, lambda keras: keras.layers.Conv1D(3, 2, dilation_rate=3, padding="causal")),
        (2, lambda keras: keras.layers.Conv2D(3, (2, 5), dilation_rate=(3, 2), padding="same")),
        (2, lambda keras: keras.layers.DepthwiseConv2D(3, dilation_rate=2, padding="same")),
    ],
    ids=["line", "causal", "image", "depthwise"],
)
@pytest.mark.parametrize("keras", ["keras", "tf_keras"])
def test_dilated_convolutions_over_free_sizes_stay_convolutions(
    keras: str, rank: int, layer: Callable[[Any], Any]
) -> None:
    """TensorFlow pads the input to a multiple of the dilation and rearranges it, where its size is not known."""
    module = library(keras)
    with quiet():
        x = module.Input((None,) * rank + (2,), name="x")
        model, _ = trace_keras(module.Model(x, layer(module)(x)))
    proto = export(model)
    assert [node.op_type for node in proto.graph.node].count("Conv") == 1
    assert {node.op_type for node in proto.graph.node} <= {
        "Add",
        "Conv",
        "Pad",
        "Reshape",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
    given = np.random.default_rng(0).standard_normal((2, *(9,) * rank, 2)).astype(np.float32)
    (result,) = onnxruntime.InferenceSession(proto.SerializeToString()).run(None, {"x": given})
    (expected,) = model.run({"x": given}).values()
    np.testing.assert_allclose(result, expected, atol=1e-6)
