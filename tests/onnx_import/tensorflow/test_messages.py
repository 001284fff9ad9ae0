"""Errors of TensorFlow and Keras are reduced to their one informative line."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow import load_tensorflow
from tf2rust.onnx_import.tensorflow.messages import layer_of, message_of
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.scopes import LayerScopes

SCOPES = LayerScopes({0: "model", 1: "up", 2: "head"}, frozenset({0}))

IN_USER_CODE = """in user code:

    File "/home/me/model.py", line 132, in None  *
        lambda *tensors: flat(list(tensors))
    File "/usr/keras/traceback_utils.py", line 122, in error_handler  **
        raise e.with_traceback(filtered_tb) from None

    OperatorNotAllowedInGraphError: Exception encountered when calling UpSampling2D.call().

    \x1b[1mUsing a symbolic `tf.Tensor` as a Python `bool` is not allowed.\x1b[0m

    Arguments received by UpSampling2D.call():
      • inputs=tf.Tensor(shape=(None, None, None, 3), dtype=float32)
"""
OF_KERAS_2 = """Exception encountered when calling layer 'layer_1.-' (type Block).

in user code:

    File "/home/me/model.py", line 3, in call  *
        raise ValueError("odd width")

    ValueError: odd width


Call arguments received by layer 'layer_1.-' (type Block):
  • x=tf.Tensor(shape=(None, 3), dtype=float32)
"""
OF_A_GRAPH = """Graph execution error:

Detected at node layer_0.-/layer_2.-_1/concat defined at (most recent call last):
<stack traces unavailable>
ConcatOp : Dimension 1 in both shapes must be equal: shape[0] = [2,8] vs. shape[1] = [2,9]
\t [[{{node layer_0.-/layer_2.-_1/concat}}]] [Op:__inference_f_482]"""
OF_A_FUNCTION = (
    "{{function_node __inference_f_482}} Incompatible shapes: [2] vs. [3]\n\t [[{{node add}}]] [Op:__inference_f_482]"
)
OF_A_CONFIG = """<class 'keras.src.models.functional.Functional'> could not be deserialized properly.

config={'name': 'functional', 'layers': []}.

Exception encountered: Error when deserializing class 'RandomShear' using config={'name': 'shear'}.

Exception encountered: The `factor` argument should be a number."""


@pytest.mark.parametrize(
    ("text", "message", "layer"),
    [
        (
            IN_USER_CODE,
            "Using a symbolic `tf.Tensor` as a Python `bool` is not allowed",
            "a layer of class UpSampling2D",
        ),
        (OF_KERAS_2, "odd width", "layer 'up'"),
        (
            OF_A_GRAPH,
            "ConcatOp : Dimension 1 in both shapes must be equal: shape[0] = [2,8] vs. shape[1] = [2,9]",
            "layer 'head'",
        ),
        (OF_A_FUNCTION, "Incompatible shapes: [2] vs. [3]", "node 'add'"),
        (OF_A_CONFIG, "The `factor` argument should be a number", None),
        ("plain", "plain", None),
        ("", "ValueError", None),
        ("in user code:\n", "ValueError", None),
        (f"First sentence. {'long ' * 100}", "First sentence", None),
        ("x" * 1000, "x" * 398 + " …", None),
    ],
)
def test_message_and_layer(text: str, message: str, layer: str | None) -> None:
    assert message_of(ValueError(text)) == message
    assert layer_of(ValueError(text), SCOPES) == layer


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (IndexError("list index out of range"), "(IndexError: list index out of range)"),
        (KeyError("shape"), "(KeyError: 'shape')"),
        (TypeError("'float' object has no attribute 'items'"), "(TypeError: 'float' object has no attribute 'items')"),
        (TypeError("unhashable type: 'dict'"), "(TypeError: unhashable type: 'dict')"),
        (ValueError("not enough values to unpack (expected 2, got 1)"), "(ValueError: not enough values to unpack"),
    ],
)
def test_what_python_says_is_told_apart(error: Exception, message: str) -> None:
    assert message_of(error).startswith(f"an unexplained error {message}")


@pytest.mark.parametrize(
    ("names", "layer"),
    [
        (["up"], "layer 'up' (UpSampling2D)"),
        (["a", "b"], "one of the layers 'a', 'b' (UpSampling2D)"),
        ([], "a layer of class UpSampling2D"),
    ],
)
def test_a_class_is_told_as_the_layers_that_it_is_of(names: list[str], layer: str) -> None:
    classes = {**dict.fromkeys(names, "UpSampling2D"), "other": "Dense"}
    assert layer_of(ValueError(IN_USER_CODE), SCOPES, classes) == layer


def test_a_layer_that_free_sizes_do_not_suit(tmp_path: Path) -> None:
    keras = library("keras")
    x = keras.Input((None, None, 3))
    with quiet():
        keras.Model(x, keras.layers.UpSampling2D(interpolation="bilinear", name="up")(x)).save(tmp_path / "m.keras")
    with pytest.raises(ConversionError, match=r"as a Python `bool`.*layer 'up'.*fixed sizes"):
        load_tensorflow(tmp_path / "m.keras")


def test_a_class_that_keras_cannot_make(tmp_path: Path) -> None:
    keras = library("keras")
    x = keras.Input((8, 8, 3))
    with quiet():  # Keras stores a range that it does not take itself
        keras.Model(x, keras.layers.RandomShear(0.3, name="shear")(x)).save(tmp_path / "m.keras")
    with pytest.raises(ConversionError, match=r"`factor` argument should be.*layer class RandomShear"):
        load_tensorflow(tmp_path / "m.keras")


def _unet(keras: Any) -> Any:
    """Halves and doubles its symbolic height and width, so that only even sizes match its skip connection."""
    x = keras.Input((None, None, 3), name="image")
    up = keras.layers.UpSampling2D(name="up")(keras.layers.MaxPooling2D(name="down")(x))
    return keras.Model(x, keras.layers.Add(name="skip")([up, x]))


@pytest.mark.parametrize(
    ("package", "suffix", "where"),
    [
        ("keras", ".keras", "layer 'skip'"),
        ("tf_keras", ".h5", "layer 'skip'"),
        ("keras", "", "skip"),
        ("tf_keras", ".tflite", "image"),
    ],
)
def test_sizes_that_do_not_fit(tmp_path: Path, package: str, suffix: str, where: str) -> None:
    model, path = _unet(library(package)), tmp_path / f"model{suffix}"
    with quiet():
        if suffix == "":
            model.export(path, verbose=False)
        elif suffix == ".tflite":
            path.write_bytes(library("tensorflow").lite.TFLiteConverter.from_keras_model(model).convert())
        else:
            model.save(path)
    loaded = load_tensorflow(path)
    (name,) = (value.name for value in loaded.proto.graph.input)
    with pytest.raises(ConversionError) as raised:
        loaded.run({name: np.ones((2, 9, 9, 3), np.float32)})
    (reason,) = raised.value.reasons
    for words in (f"`{name}` [2, 9, 9, 3]", where, "--dim", "--path_to_fv"):
        assert re.search(re.escape(words), reason), reason
    assert loaded.run({name: np.ones((2, 8, 6, 3), np.float32)})
