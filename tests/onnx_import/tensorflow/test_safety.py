"""Code inside saved models is found in what is stored, before any Keras sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow import load_tensorflow
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.safety import code_reasons


def _layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, **config}}


LAMBDA = _layer("Lambda", "twice", function=["4wEAAAA=", None, None], function_type="lambda")


def _function(name: str, module: str) -> dict[str, Any]:
    return {"class_name": "function", "config": name, "module": module, "registered_name": name}


def _model(*layers: dict[str, Any]) -> dict[str, Any]:
    return _layer("Functional", "model", layers=list(layers))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (_model(_layer("Dense", "dense"), LAMBDA), ["'twice' is a Lambda"]),
        (_model(_layer("Sequential", "inner", layers=[LAMBDA])), ["'twice' is a Lambda"]),
        (_model(_layer("TimeDistributed", "each", layer=LAMBDA)), ["'twice' is a Lambda"]),
        (_model(_layer("Custom>Lambda", "twice")), ["'twice' is a Lambda"]),
        (
            _model(_layer("Dense", "dense", activation={"class_name": "__lambda__", "config": {"value": "4wE="}})),
            ["'dense' is a Lambda"],
        ),
        (
            _model(_layer("Dense", "dense", activation=_function("system", "os"))),
            ["'system' of the Python module 'os'"],
        ),
        (_model(_layer("Dense", "dense", activation=_function("eval", "builtins"))), ["'eval'"]),
        (_model(_layer("Dense", "dense", activation=_function("get_file", "keras.utils"))), ["'get_file'"]),
        (_model(_layer("os.system", "dense") | {"module": "keras.src.utils.file_utils"}), ["'os.system'"]),
        (_model(_layer("Scale", "scale") | {"module": "users_code"}), ["layer class 'Scale'"]),
        (_model(_layer("TFOpLambda", "tf", function="io.write_file")), ["'io.write_file'"]),
        (_model(_layer("TFOpLambda", "tf", function="keras.utils.get_file")), ["'keras.utils.get_file'"]),
        (_model(_layer("TFOpLambda", "tf", function="py_function")), ["'py_function'"]),
        (_model(LAMBDA, _layer("Scale", "scale") | {"module": "users_code"}), ["'twice'", "'scale'"]),
    ],
)
def test_code_is_found(config: dict[str, Any], words: list[str]) -> None:
    reasons = code_reasons(config)
    assert len(reasons) == len(words)
    assert all(word in reason for word, reason in zip(words, reasons, strict=True))


@pytest.mark.parametrize(
    "config",
    [
        _model(_layer("Dense", "dense") | {"module": "keras.layers", "registered_name": None}),
        _model(_layer("Dense", "dense", activation=_function("relu", "builtins"))),
        _model(_layer("Known", "known") | {"module": "users_code", "registered_name": "known_package>Known"}),
        _model(_layer("Dense", "dense", activation=_function("known_function", "users_code"))),
        _model(_layer("TFOpLambda", "tf", function="__operators__.add")),
        _model(_layer("TFOpLambda", "tf", function="math.reduce_mean")),
        _model(_layer("TFOpLambda", "tf", function="compat.v1.nn.conv2d")),
        _model(_layer("TFOpLambda", "tf", function="concat")),
        _model(_layer("TFOpLambda", "tf", function="keras.backend.sum")),
    ],
)
def test_what_is_no_code(config: dict[str, Any]) -> None:
    assert code_reasons(config, {"known_package>Known", "known_function"}) == []


@pytest.mark.parametrize(
    ("package", "suffix"), [("keras", ".keras"), ("keras", ".h5"), ("tf_keras", ".keras"), ("tf_keras", ".h5")]
)
def test_a_lambda_is_refused_before_it_can_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, package: str, suffix: str
) -> None:
    keras = library(package)
    path = tmp_path / f"model{suffix}"
    with quiet():
        x = keras.Input((4,), name="x")
        keras.Model(x, keras.layers.Lambda(lambda value: value * 2, name="twice")(x)).save(path)
    with monkeypatch.context() as patch:
        patch.setattr(keras.models, "load_model", lambda *_, **__: pytest.fail("the model was deserialised"))
        with pytest.raises(ConversionError, match="'twice' is a Lambda"):
            load_tensorflow(path)
    model = load_tensorflow(path, trust_code=True)
    assert model.layers == {"twice": "Lambda"}
    assert [node.op_type for node in model.proto.graph.node] == ["Mul"]


def test_the_refusal_needs_no_keras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "model.h5"
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.2.4"
        file.attrs["model_config"] = json.dumps(_layer("Sequential", "model", layers=[LAMBDA]))
    monkeypatch.setattr(
        "tf2rust.onnx_import.tensorflow.keras_model.library", lambda name: pytest.fail(f"{name} was imported")
    )
    with pytest.raises(ConversionError, match="'twice'"):
        load_tensorflow(path)
