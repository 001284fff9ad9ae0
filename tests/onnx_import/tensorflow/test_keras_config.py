"""What a stored architecture would do beyond computing is found before Keras reads it."""

from __future__ import annotations

import json
from collections.abc import Container
from pathlib import Path
from typing import Any

import pytest

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow import load_tensorflow
from tf2rust.onnx_import.tensorflow.gate.keras_config import config_refusals
from tf2rust.onnx_import.tensorflow.runtime import library, quiet


def _layer(class_name: str, name: str, **config: Any) -> dict[str, Any]:
    return {"class_name": class_name, "config": {"name": name, **config}}


LAMBDA = _layer("Lambda", "twice", function=["4wEAAAA=", None, None], function_type="lambda")


def _function(name: str, module: str) -> dict[str, Any]:
    return {"class_name": "function", "config": name, "module": module, "registered_name": name}


def _model(*layers: dict[str, Any]) -> dict[str, Any]:
    return _layer("Functional", "model", layers=list(layers))


def _refused(config: dict[str, Any], known: Container[str] = ()) -> list[str]:
    return [refusal.clause for refusal in config_refusals(config, known)]


def _dense(**config: Any) -> dict[str, Any]:
    return _model(_layer("Dense", "dense", **config))


def _calls(function: object, class_name: str = "TFOpLambda") -> dict[str, Any]:
    return _model(_layer(class_name, "tf", function=function))


@pytest.mark.parametrize(
    ("config", "words"),
    [
        (_model(_layer("Dense", "dense"), LAMBDA), ["'twice' is a Lambda"]),
        (_model(_layer("Sequential", "inner", layers=[LAMBDA])), ["'twice' is a Lambda"]),
        (_model(_layer("TimeDistributed", "each", layer=LAMBDA)), ["'twice' is a Lambda"]),
        (_model(_layer("Custom>Lambda", "twice")), ["'twice' is a Lambda"]),
        (_dense(activation={"class_name": "__lambda__", "config": {"value": "4wE="}}), ["'dense' is a Lambda"]),
        # Functions and classes of other modules, and of Keras what does not compute.
        (_dense(activation=_function("system", "os")), ["'system' of the Python module 'os'"]),
        (_dense(activation=_function("eval", "builtins")), ["'eval'"]),
        (_dense(activation=_function("get_file", "keras.utils")), ["'get_file'"]),
        (_dense(activation=_function("map", "keras.ops")), ["'map'"]),
        (_dense(activation=_function("relu", "keras_of_mine.activations")), ["'keras_of_mine.activations'"]),
        (_dense(activation=_function("relu", "builtins") | {"registered_name": "eval"}), ["'relu'"]),
        (_dense(activation="exec"), ["names the activation 'exec'"]),
        (_dense(kernel_initializer="deserialize"), ["names the initializer 'deserialize'"]),
        (_dense(bias_regularizer="get"), ["names the regularizer 'get'"]),
        (_dense(kernel_constraint="os.system"), ["names the constraint 'os.system'"]),
        (_dense(dtype={"class_name": "Policy", "config": {"name": "x"}, "module": "os"}), ["'dense' uses", "'os'"]),
        (_model(_layer("os.system", "dense") | {"module": "keras.src.utils.file_utils"}), ["'os.system'"]),
        (_model(_layer("Dense", "dense") | {"module": "keras.utils"}), ["'keras.utils'"]),
        (
            _model(_layer("Dense", "dense") | {"module": "keras.layers", "registered_name": "get"}),
            ["registered as 'get'"],
        ),
        (_model(_layer("Scale", "scale") | {"module": "users_code"}), ["layer class 'Scale'"]),
        (_model(_layer("TFSMLayer", "other", filepath="/tmp/other")), ["layer class 'TFSMLayer'"]),
        (_model(_layer("TorchModuleWrapper", "torch", module="gASV")), ["'TorchModuleWrapper'"]),
        (
            _model(_layer("RNN", "rnn", cell=_layer("ResidualWrapper", "cell", residual_fn="4wE="))),
            ["'ResidualWrapper'"],
        ),
        (_model({"class_name": ["Dense"], "config": {"name": "dense"}}), ["has ['Dense'] as a class name"]),
        (
            _model(_layer("InputLayer", "x", spec={"class_name": "__typespec__", "spec_name": "S", "module": "os"})),
            ["'S'"],
        ),
        # Layers that stand for calls.
        (_calls("io.write_file"), ["'io.write_file'"]),
        (_calls("compat.v1.write_file"), ["'compat.v1.write_file'"]),
        (_calls("print"), ["'print'"]),
        (_calls("debugging.experimental.enable_dump_debug_info"), ["'debugging.experimental.enable_dump_debug_info'"]),
        (_calls("nn.fixed_unigram_candidate_sampler"), ["'nn.fixed_unigram_candidate_sampler'"]),
        (_calls("raw_ops.WriteFile"), ["'raw_ops.WriteFile'"]),
        (_calls("keras.utils.get_file"), ["'keras.utils.get_file'"]),
        (_calls("py_function"), ["'py_function'"]),
        (_calls("math"), ["'math'"]),
        (_calls(None), ["None"]),
        (_calls("io.write_file", "SlicingOpLambda"), ["'io.write_file'"]),
        (_model(_layer("TensorFlowOpLayer", "tf", node_def={"op": "WriteFile"})), ["op 'WriteFile'"]),
        (_model(_layer("TensorFlowOpLayer", "tf", node_def="bytes")), ["op None"]),
        (_model(_layer("ClassMethod", "tf", cls_symbol="io.write_file", method_name="__call__")), ["'io.write_file'"]),
        (_model(_layer("ClassMethod", "tf", cls_symbol="RaggedTensor", method_name="__init__")), ["'__init__'"]),
        (_model(_layer("InstanceProperty", "tf", attr_name="__class__")), ["'__class__'"]),
        (_model(_layer("InstanceMethod", "tf", attr_name="eval")), ["'eval'"]),
        # What a call is given is looked at too.
        (
            _model(_layer("TFOpLambda", "tf", function="math.add") | {"inbound_nodes": [[["x", 0, 0, {"y": LAMBDA}]]]}),
            ["'twice' is a Lambda"],
        ),
        (_model(_layer("StringLookup", "words", vocabulary="/etc/passwd")), ["'words' reads", "'/etc/passwd'"]),
        (_model(LAMBDA, _layer("Scale", "scale") | {"module": "users_code"}), ["'twice'", "'scale'"]),
    ],
)
def test_what_may_do_more_than_compute(config: dict[str, Any], words: list[str]) -> None:
    clauses = _refused(config)
    assert clauses
    assert all(word in "\n".join(clauses) for word in words)


@pytest.mark.parametrize(
    "config",
    [
        _model(_layer("Dense", "dense") | {"module": "keras.layers", "registered_name": None}),
        _model(
            _layer("Functional", "inner") | {"module": "keras.src.engine.functional", "registered_name": "Functional"}
        ),
        _model(_layer("Add", "add") | {"module": "keras.src.ops.numpy", "registered_name": "Add"}),
        _dense(activation=_function("relu", "builtins")),
        _dense(activation=_function("silu", "keras.ops")),
        _dense(activation="swish", kernel_initializer="glorot_uniform", bias_regularizer=None),
        _dense(dtype={"class_name": "DTypePolicy", "config": {"name": "float32"}, "module": "keras"}),
        _model(_layer("Known", "known") | {"module": "users_code", "registered_name": "known_package>Known"}),
        _model(_layer("known_function", "known", activation="of its own")),
        _dense(activation=_function("known_function", "users_code")),
        _dense(activation="known_function"),
        _calls("__operators__.add"),
        _calls("math.reduce_mean"),
        _calls("compat.v1.nn.conv2d"),
        _calls("concat"),
        _calls("keras.backend.sum"),
        _calls("raw_ops.MatMul"),
        _calls("__operators__.getitem", "SlicingOpLambda"),
        _model(_layer("TensorFlowOpLayer", "tf", node_def={"op": "Mul"})),
        _model(_layer("ClassMethod", "tf", cls_symbol="RaggedTensor", method_name="from_row_splits")),
        _model(_layer("InstanceProperty", "tf", attr_name="row_splits")),
        _model(_layer("StringLookup", "words", vocabulary=["a", "b"])),
        _model(_layer("InputLayer", "x", spec={"class_name": "TypeSpec", "type_spec": "tf.RaggedTensorSpec"})),
    ],
)
def test_what_only_computes(config: dict[str, Any]) -> None:
    assert _refused(config, {"known_package>Known", "known_function"}) == []


def test_deep_nesting_is_no_matter() -> None:
    config: Any = LAMBDA
    for _ in range(100_000):
        config = [config]
    assert _refused(_model(config)) == ["Layer 'twice' is a Lambda: its Python code would run during the conversion"]


@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_every_layer_that_keras_exports_is_decided_on(package: str) -> None:
    """Fails if Keras exports a new layer: decide whether it only computes."""
    layers = library(package).layers
    exported = {name for name in dir(layers) if isinstance(getattr(layers, name), type)}
    refused = {name for name in exported if _refused(_layer(name, "layer"))}
    runs_code_or_reads_files = {"Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer", "FlaxLayer", "DenseFeatures"}
    assert refused <= runs_code_or_reads_files | {"Layer", "InputSpec"}


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
    assert [note.partition(":")[0] for note in model.notes] == ["Layer 'twice' is a Lambda"]
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
