"""SavedModels that are not plain Keras: several signatures, other sources, objects that cannot be loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest

from tests.conftest import Save
from tests.models.weights import sample_inputs
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow import TensorFlowModel, load_tensorflow
from tf2rust.onnx_import.tensorflow.runtime import library, quiet


@pytest.fixture(scope="session")
def scaler() -> Any:
    """A tf.Module with two functions of arguments that are neither lower case nor in alphabetical order."""
    tf = library("tensorflow")

    class Scaler(tf.Module):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.factor = tf.Variable([1.0, 2.0, 3.0])

        @tf.function(input_signature=[tf.TensorSpec([None, 3]), tf.TensorSpec([None, 3])])
        def call(self, Value: Any, Bias: Any) -> dict[str, Any]:  # noqa: N803
            return {"Scaled": Value * self.factor + Bias, "Bias": Bias - 1.0}

        @tf.function(input_signature=[tf.TensorSpec([None, 3])])
        def double(self, Value: Any) -> Any:  # noqa: N803
            return 2.0 * Value

    return Scaler()


def _agrees(model: TensorFlowModel, inputs: dict[str, np.ndarray]) -> None:
    results = onnxruntime.InferenceSession(model.proto.SerializeToString()).run(None, inputs)
    for result, expected in zip(results, model.run(inputs).values(), strict=True):
        np.testing.assert_allclose(result, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("signatures", "wanted", "opened"),
    [
        (("call",), None, "call"),
        (("call", "serve"), None, "serve"),
        (("serve", "serving_default"), None, "serving_default"),
        (("serving_default", "call"), "call", "call"),
    ],
)
def test_which_signature(
    scaler: Any, tmp_path: Path, signatures: tuple[str, ...], wanted: str | None, opened: str
) -> None:
    inputs = ["Value", "Bias"] if opened == "call" else ["Value"]
    functions = {name: scaler.call if name == "call" else scaler.double for name in signatures}
    library("tensorflow").saved_model.save(scaler, tmp_path, signatures=functions)
    model = load_tensorflow(tmp_path, signature=wanted)
    assert model.opened_with.startswith(f"SavedModel, signature {opened},")
    assert [value.name for value in model.proto.graph.input] == inputs
    _agrees(model, {name: np.arange(6, dtype=np.float32).reshape(2, 3) + index for index, name in enumerate(inputs)})


@pytest.mark.parametrize(
    ("signatures", "wanted", "reason"),
    [
        (("a", "b"), None, "choose one with --signature: a, b"),
        (("a", "b"), "c", "has no signature 'c'; its signatures are: a, b"),
        ((), None, "none at all"),
    ],
)
def test_no_such_signature(
    scaler: Any, tmp_path: Path, signatures: tuple[str, ...], wanted: str | None, reason: str
) -> None:
    library("tensorflow").saved_model.save(scaler, tmp_path, signatures=dict.fromkeys(signatures, scaler.double))
    with pytest.raises(ConversionError, match=reason):
        load_tensorflow(tmp_path, signature=wanted)


def test_a_file_has_no_signatures(save: Save) -> None:
    with pytest.raises(ConversionError, match="only SavedModel folders"):
        load_tensorflow(save("keras3", "mlp", ".keras")[1], signature="serve")


@pytest.mark.parametrize(
    ("generation", "name"), [("keras2", "domain_text"), ("keras2", "thresholded_relu"), ("keras3", "text_cnn")]
)
def test_objects_that_do_not_load(save: Save, monkeypatch: pytest.MonkeyPatch, generation: str, name: str) -> None:
    keras_model, path = save(generation, name, "")
    inputs = sample_inputs(keras_model)
    expected = load_tensorflow(path).run(inputs)

    def fail(*_: object, **__: object) -> None:
        raise AttributeError("'_UserObject' object has no attribute 'add_slot'")

    monkeypatch.setattr(library("tensorflow").saved_model, "load", fail)
    model = load_tensorflow(path)
    assert {value.name for value in model.proto.graph.input} == set(inputs)
    _agrees(model, inputs)
    for output, values in model.run(inputs).items():
        np.testing.assert_allclose(values, expected[output], atol=1e-6)


@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_subclassed_models(tmp_path: Path, package: str) -> None:
    keras = library(package)

    class Block(keras.layers.Layer):  # type: ignore[misc, name-defined]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.inner = keras.layers.Dense(5, activation="tanh", name="inner")

        def call(self, x: Any) -> Any:
            return self.inner(x) + x

    class Model(keras.Model):  # type: ignore[misc, name-defined]
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.first, self.second = Block(name="first"), Block(name="second")
            self.out = keras.layers.Dense(2, name="out")

        def call(self, x: Any) -> Any:
            return self.out(self.second(self.first(x)) * 0.5)

    original = Model(name="model")
    x = np.linspace(-1, 1, 15, dtype=np.float32).reshape(3, 5)
    expected = np.asarray(original(x))
    with quiet():
        original.save(tmp_path / "model.keras")
    model = load_tensorflow(tmp_path / "model.keras", custom_objects={"Model": Model, "Block": Block})
    (name,) = (value.name for value in model.proto.graph.input)
    _agrees(model, {name: x})
    (result,) = model.run({name: x}).values()
    np.testing.assert_allclose(result, expected, atol=1e-6)
    assert model.layers["second/inner"] == "Dense"
    assert [layer for node, layer in model.node_layers.items() if "MatMul" in node] == [
        "first/inner",
        "second/inner",
        "out",
    ]


def test_what_training_leaves_behind(tmp_path: Path) -> None:
    """Gradients of loops and adaptation steps of layers: functions that no signature calls and that only compute."""
    keras = library("tf_keras")
    x = keras.Input((5, 3), name="x")
    with quiet():
        normalization = keras.layers.Normalization()
        normalization.adapt(np.arange(30, dtype=np.float32).reshape(2, 5, 3))
        masked = keras.layers.Masking()(normalization(x))
        model = keras.Model(x, keras.layers.Bidirectional(keras.layers.LSTM(2))(masked))
        model.compile("adam", "mse")
        model.fit(np.ones((2, 5, 3)), np.ones((2, 4)), verbose=0)
        model.save(tmp_path)
    _agrees(load_tensorflow(tmp_path), {"x": np.linspace(-1, 1, 30, dtype=np.float32).reshape(2, 5, 3)})
