"""Every model of Keras 2 and 3, in every format that can store it, compared with TensorFlow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from tests.conftest import Save
from tests.models.weights import sample_inputs
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow import TensorFlowModel, load_frozen_graph, load_tensorflow
from tf2rust.onnx_import.tensorflow.runtime import library, quiet

KERAS_3 = (
    "mlp",
    "text_cnn",
    "two_class_softmax",
    "regression_two_outputs",
    "dict_outputs",
    "siamese",
    "odd_names",
    "lstm_text",
    "bidirectional_text",
    "nested",
    "attention",
)
KERAS_2 = ("hard_sigmoid", "domain_text", "hard_sigmoid_lstm", "gru", "thresholded_relu", "tensorflow_functions")
# Keras 3 itself cannot reload all keras.ops from .h5, nor trace the odd names for a SavedModel.
CASES = [
    *(("keras3", name, ".keras") for name in KERAS_3),
    *(("keras3", name, ".h5") for name in KERAS_3 if name != "nested"),
    *(("keras3", name, "") for name in KERAS_3 if name != "odd_names"),
    *(("keras2", name, suffix) for name in KERAS_2 for suffix in (".h5", ".keras", "")),
]


def assert_agrees(model: TensorFlowModel, inputs: dict[str, np.ndarray]) -> None:
    """ONNX Runtime computes the same from the exported graph as TensorFlow."""
    session = onnxruntime.InferenceSession(model.proto.SerializeToString())
    names = [output.name for output in session.get_outputs()]
    reference = model.run(inputs)
    assert list(reference) == names
    for name, result in zip(names, session.run(None, inputs), strict=True):
        bound = 1e-5 * max(1.0, float(np.abs(reference[name]).max()))
        assert np.abs(result - reference[name]).max() <= bound, name


@pytest.mark.parametrize(("generation", "name", "suffix"), CASES)
def test_onnx_runtime_agrees_with_tensorflow(save: Save, generation: str, name: str, suffix: str) -> None:
    keras_model, path = save(generation, name, suffix)
    model = load_tensorflow(path)
    inputs = sample_inputs(keras_model)
    assert [value.name for value in model.proto.graph.input] == list(inputs)
    assert_agrees(model, inputs)
    assert_agrees(model, sample_inputs(keras_model, batch=1))
    onnx.checker.check_model(model.proto, full_check=True)
    if suffix:
        nodes = [node.name for node in model.proto.graph.node]
        assert len(model.node_layers.keys() & set(nodes)) >= 0.9 * len(nodes)
        assert set(model.node_layers.values()) <= set(model.layers)


@pytest.mark.parametrize(
    ("generation", "name", "suffix", "opened_with"),
    [
        ("keras3", "mlp", ".keras", "Keras 3"),
        ("keras3", "mlp", ".h5", "Keras 3"),
        ("keras2", "hard_sigmoid", ".h5", "Keras 2"),
        ("keras2", "hard_sigmoid", ".keras", "Keras 2"),
        ("keras2", "hard_sigmoid", "", "SavedModel, signature serving_default"),
    ],
)
def test_the_result_matches_the_keras_that_wrote_the_file(
    save: Save, generation: str, name: str, suffix: str, opened_with: str
) -> None:
    keras_model, path = save(generation, name, suffix)
    model = load_tensorflow(path)
    inputs = sample_inputs(keras_model)
    with quiet():
        expected = keras_model.predict(inputs, verbose=0)
    assert model.opened_with.startswith(opened_with)
    assert model.framework.startswith("TensorFlow 2.")
    np.testing.assert_allclose(next(iter(model.run(inputs).values())), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("name", "op_type", "layers"),
    [
        ("siamese", "Conv", ["shared_conv", "shared_conv"]),
        ("odd_names", "MatMul", ["type", 'café 1 "x"', "match", "match_1", "layer_3.-"]),
        ("lstm_text", "LSTM", ["lstm"]),
        ("bidirectional_text", "LSTM", ["both_ways"]),
        ("nested", "Conv", ["features/norm", "features/grouped"]),
        ("nested", "MatMul", ["conv", "out"]),
        ("nested", "ReduceMean", ["pool", "mean"]),
        ("attention", "Einsum", ["attention", "attention"]),
    ],
)
def test_nodes_belong_to_their_layers(save: Save, name: str, op_type: str, layers: list[str]) -> None:
    model = load_tensorflow(save("keras3", name, ".keras")[1])
    found = [model.node_layers[node.name] for node in model.proto.graph.node if node.op_type == op_type]
    assert found == layers


@pytest.mark.parametrize(
    ("case", "inputs", "outputs"),
    [
        (("keras3", "text_cnn", ""), ["characters", "words", "extra"], ["output_0"]),
        (("keras3", "regression_two_outputs", ".keras"), ["Features"], ["price", "risk"]),
        (("keras3", "dict_outputs", ".keras"), ["features"], ["class", "price"]),
        (("keras3", "odd_names", ".keras"), ["input: 1"], ["layer_3.-"]),
        (("keras2", "thresholded_relu", ""), ["Features"], ["price"]),
    ],
)
def test_inputs_and_outputs_keep_their_names(
    save: Save, case: tuple[str, str, str], inputs: list[str], outputs: list[str]
) -> None:
    graph = load_tensorflow(save(*case)[1]).proto.graph
    assert [value.name for value in graph.input] == inputs
    assert [value.name for value in graph.output] == outputs


@pytest.mark.parametrize(("name", "op_type"), [("domain_text", "LSTM"), ("hard_sigmoid_lstm", "LSTM"), ("gru", "GRU")])
def test_recurrent_layers_of_keras_2_stay_whole(save: Save, name: str, op_type: str) -> None:
    ops = [node.op_type for node in load_tensorflow(save("keras2", name, ".h5")[1]).proto.graph.node]
    assert ops.count(op_type) == 1
    assert "Loop" not in ops


def test_symbolic_dimensions_stay_symbolic(save: Save) -> None:
    graph = load_tensorflow(save("keras3", "lstm_text", ".keras")[1]).proto.graph
    assert [dimension.dim_param for dimension in graph.input[0].type.tensor_type.shape.dim] == ["batch", "text_dim1"]


@pytest.mark.parametrize(("suffix", "generation"), [(".keras", "keras"), (".h5", "keras"), (".h5", "tf_keras")])
def test_a_fixed_batch_stays_fixed(tmp_path: Path, suffix: str, generation: str) -> None:
    """Not for a SavedModel: Keras 3 makes the batch of its exports symbolic."""
    kit = library(generation)
    x = kit.Input((4,), 3, name="x")
    with quiet():
        kit.Model(x, kit.layers.Dense(2)(x)).save(tmp_path / f"model{suffix}")
    (given,) = load_tensorflow(tmp_path / f"model{suffix}").proto.graph.input
    assert [d.dim_value for d in given.type.tensor_type.shape.dim] == [3, 4]


def test_a_frozen_graph_is_a_function_of_its_tensors(tmp_path: Path) -> None:
    tf = library("tensorflow")
    path = tmp_path / "frozen.pb"
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, (None, 3), name="x")
        tf.add(tf.matmul(x, tf.constant(np.arange(6, dtype=np.float32).reshape(3, 2))), 0.5, name="y")
        path.write_bytes(graph.as_graph_def().SerializeToString())
    model = load_frozen_graph(path, ["x"], ["y:0"])
    assert [value.name for value in model.proto.graph.output] == ["y"]
    assert_agrees(model, {"x": np.ones((2, 3), np.float32)})


def test_operations_in_an_h5_of_keras_3(tmp_path: Path) -> None:
    """Keras writes the operation with which an Embedding computes its mask, but cannot read it."""
    keras = library("keras")
    ids = keras.Input((4,), dtype="int32", name="ids")
    embedded = keras.layers.Embedding(9, 3, mask_zero=True)(ids)
    with quiet():
        keras.Model(ids, keras.layers.GlobalAveragePooling1D()(embedded)).save(tmp_path / "model.h5")
    assert_agrees(load_tensorflow(tmp_path / "model.h5"), {"ids": np.array([[1, 2, 0, 0], [3, 4, 5, 0]], np.int32)})


def test_a_gru_from_before_its_reset_gate_had_an_option(tmp_path: Path) -> None:
    """Keras 2.0 did not store ``reset_after``; tf_keras would assume the opposite of what it computed."""
    keras, path = library("tf_keras"), tmp_path / "model.h5"
    x = keras.Input((5, 3), name="x")
    with quiet():
        keras.Model(x, keras.layers.Bidirectional(keras.layers.GRU(4, reset_after=False))(x)).save(path)
    with library("h5py").File(path, "r+") as file:
        config = file.attrs["model_config"]
        assert '"reset_after": false' in config
        file.attrs["model_config"] = config.replace(', "reset_after": false', "")
    assert_agrees(load_tensorflow(path), {"x": np.random.default_rng(1).normal(size=(2, 5, 3)).astype(np.float32)})


def test_an_h5_that_keras_3_cannot_read(tmp_path: Path) -> None:
    """The operation ``x + y`` is stored like the layer ``Add``, which takes other arguments."""
    keras = library("keras")
    x = keras.Input((4,), name="x")
    with quiet():
        keras.Model(x, keras.layers.Dense(4)(x) + x).save(tmp_path / "model.h5")
    with pytest.raises(ConversionError, match=r"cannot open .*; save the model as \.keras"):
        load_tensorflow(tmp_path / "model.h5")
