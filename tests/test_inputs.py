"""``from-tf`` on other files than plain Keras: frozen graphs, TFLite, signatures, custom layers and metrics."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from tests.conftest import Save
from tests.crates import TF_LAYERS, Crates
from tf2rust.cli import app
from tf2rust.onnx_import.tensorflow.runtime import library, quiet

CUSTOM = """
import keras

class Doubled(keras.layers.Layer):
    def call(self, x):
        return 2.0 * x

def shifted(x):
    return x + 1.0

class registry:
    Doubled = Doubled
"""


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def files(save: Save, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The models, by the names of the cases."""
    folder = tmp_path_factory.mktemp("inputs")
    keras = library("keras")
    found = {
        "frozen": _frozen(folder / "graph.pb"),
        "signatures": _signatures(folder / "signatures"),
        "custom": _custom(folder),
        "metrics": folder / "metrics.keras",
    }
    with quiet():
        for name, kind in TFLITE.items():
            found[name] = folder / f"{name}.tflite"
            model, _ = save("keras3", "siamese" if kind is None else "mlp", ".keras")
            found[name].write_bytes(_tflite(model, kind))
        x = keras.Input((6,))
        gelu = keras.layers.Dense(3, activation=lambda y: keras.activations.gelu(y, approximate=False))(x)
        found["tflite-gelu"] = folder / "gelu.tflite"
        found["tflite-gelu"].write_bytes(_tflite(keras.Model(x, gelu)))
        found["tflite-text"] = folder / "text.tflite"
        found["tflite-text"].write_bytes(_tflite(save("keras3", "text_cnn", ".keras")[0]))
        hidden = keras.layers.Dense(4, activation="relu")
        model = keras.Sequential([keras.Input((3,)), hidden, keras.layers.Dense(1, activation="sigmoid")])
        model.compile(loss=_loss, metrics=[_Metric()])
        model.fit(np.ones((4, 3)), np.ones((4, 1)), verbose=0)
        model.save(found["metrics"])
    return found


def _loss(truth: Any, prediction: Any) -> Any:
    return (truth - prediction) ** 2


class _Metric(library("keras").metrics.Mean):  # type: ignore[misc]
    def update_state(self, truth: Any, prediction: Any, sample_weight: Any = None) -> Any:
        return super().update_state(truth - prediction)


def _frozen(path: Path) -> Path:
    v1 = library("tensorflow").compat.v1
    with v1.Graph().as_default() as graph:
        x = v1.placeholder("float32", [None, 3], name="x")
        weights = v1.constant(np.arange(6, dtype=np.float32).reshape(3, 2) - 2.5)
        v1.nn.softmax(v1.nn.relu(x @ weights + [0.5, -0.5]), name="scores")
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def _signatures(path: Path) -> Path:
    tf = library("tensorflow")

    class Scaler(tf.Module):  # type: ignore[misc, name-defined]
        @tf.function(input_signature=[tf.TensorSpec([None, 3])])
        def double(self, values: Any) -> Any:
            return {"doubled": 2.0 * values}

        @tf.function(input_signature=[tf.TensorSpec([None, 3])])
        def halve(self, values: Any) -> Any:
            return {"halved": 0.5 * values}

    scaler = Scaler()
    with quiet():
        tf.saved_model.save(scaler, str(path), signatures={"double": scaler.double, "halve": scaler.halve})
    return path


def _custom(folder: Path) -> Path:
    """A model with a custom layer from a module that is not imported."""
    (folder / "our_layers.py").write_text(CUSTOM)
    namespace: dict[str, Any] = {"__name__": "our_layers"}
    keras = library("keras")
    with quiet():
        exec(CUSTOM, namespace)
        x = keras.Input((3,), name="x")
        doubled = namespace["Doubled"](name="twice")(x)
        keras.Model(x, keras.layers.Dense(2, name="out")(doubled)).save(folder / "ours.keras")
    return folder / "ours.keras"


TFLITE = {
    "tflite": None,
    "tflite-f16": "float16",
    "tflite-dynamic": "dynamic",
    "tflite-int8": "int8",
    "tflite-uint8-inputs": "uint8",
    "tflite-int16": "int16",
}
"""The files by how their weights and activations are stored. ``uint8`` is the type of inputs and outputs alone."""


def _tflite(model: Any, kind: str | None = None) -> bytes:
    lite = library("tensorflow").lite
    converter = lite.TFLiteConverter.from_keras_model(model)
    if kind is not None:
        converter.optimizations = [lite.Optimize.DEFAULT]
    if kind == "float16":
        converter.target_spec.supported_types = [np.float16]
    if kind in ("int8", "uint8", "int16"):
        rng = np.random.default_rng(1)
        converter.representative_dataset = lambda: ([rng.normal(size=(1, 12)).astype(np.float32)] for _ in range(9))
        eight, sixteen = "TFLITE_BUILTINS_INT8", "EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8"
        converter.target_spec.supported_ops = [getattr(lite.OpsSet, sixteen if kind == "int16" else eight)]
    if kind == "uint8":
        converter.inference_input_type = converter.inference_output_type = library("tensorflow").uint8
    content: bytes = converter.convert()
    return content


CASES: dict[str, tuple[str, ...]] = {
    "frozen": ("--inputs", "x", "--outputs", "scores:0"),
    **dict.fromkeys(TFLITE, ()),
    "tflite-gelu": (),
    "tflite-text": (),
    "signatures": ("--signature", "halve"),
    "custom": ("--custom_objects", "our_layers:Doubled"),
    "metrics": (),
}


@pytest.fixture(scope="module")
def crates(files: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("opened"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(files["custom"].parent)
        for name, options in CASES.items():
            result = _run(
                *("from-tf", files[name], "--path_to_save", made.folder / name, "--model-name", name),
                *("--tf_layers", TF_LAYERS, *options),
            )
            assert result.exit_code == 0, result.output
            made.include(name, made.folder / name / "rust_generated_code")
    made.build()
    return made


@pytest.mark.parametrize("name", CASES)
def test_crate_computes_what_tensorflow_computes(crates: Crates, name: str) -> None:
    assert "0 failed" in crates.test(name)


@pytest.mark.parametrize(
    ("name", "options", "code", "reason"),
    [
        ("frozen", (), 1, "give the SavedModel's folder, or --inputs and --outputs for a frozen graph"),
        ("frozen", ("--inputs", "x"), 2, "--inputs and --outputs must be given together"),
        ("frozen", ("--inputs", "x,", "--outputs", "scores"), 2, "--inputs x,: expected names, separated by commas"),
        ("frozen", ("--inputs", "z", "--outputs", "scores"), 1, "has no tensor 'z'"),
        ("signatures", (), 1, "choose one with --signature: double, halve"),
        ("signatures", ("--signature", "thirds"), 1, "has no signature 'thirds'; its signatures are: double, halve"),
        ("custom", (), 1, "uses the layer class 'Doubled' of the Python module 'our_layers'"),
        ("custom", ("--custom_objects", "Doubled"), 2, "expected module:NAME or NAME=module:attribute"),
        ("custom", ("--custom_objects", "=our_layers:Doubled"), 2, "expected module:NAME or NAME=module:attribute"),
        ("custom", ("--custom_objects", "no_such_module:Doubled"), 1, "cannot import the module 'no_such_module'"),
        ("custom", ("--custom_objects", "our_layers:Tripled"), 1, "'our_layers' has no attribute 'Tripled'"),
    ],
)
def test_what_cannot_be_opened_is_refused(
    files: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    options: tuple[str, ...],
    code: int,
    reason: str,
) -> None:
    monkeypatch.chdir(files["custom"].parent)
    result = _run("from-tf", files[name], "--path_to_save", tmp_path / "out", "--model_name", name, *options)
    assert (result.exit_code, reason in " ".join(result.stderr.split())) == (code, True), result.output
    assert not (tmp_path / "out").exists()


def test_objects_go_by_the_name_they_are_given(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from tf2rust.custom_objects import load_custom_objects

    monkeypatch.chdir(files["custom"].parent)
    found = load_custom_objects(["our_layers:registry.Doubled", "shift=our_layers:shifted"])
    assert set(found) == {"Doubled", "shift"}
