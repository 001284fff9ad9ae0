"""Models with strings: inputs, outputs, samples and the example program of their crates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, parser

from tests.crates import Crates
from tf2rust.conversion import Options, convert
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.source import open_onnx, open_tensorflow

WORDS = ["café", "sun", "日本", "sea"]
ROWS = np.asarray([[0.5, -1.0], [1.0, 2.0], [-3.0, 0.25], [0.0, 4.0], [7.0, 7.0]], np.float32)


def classifier() -> onnx.ModelProto:
    """An embedding of words, and the name of the larger of two numbers; a word is also an output itself."""
    graph = helper.make_graph(
        [
            helper.make_node(
                "LabelEncoder",
                ["word"],
                ["index"],
                domain="ai.onnx.ml",
                keys_strings=WORDS,
                values_int64s=[0, 1, 2, 3],
                default_int64=4,
            ),
            helper.make_node("Gather", ["rows", "index"], ["vector"]),
            helper.make_node("MatMul", ["vector", "kernel"], ["scores"]),
            helper.make_node("ArgMax", ["scores"], ["best"], axis=1, keepdims=0),
            helper.make_node(
                "LabelEncoder",
                ["best"],
                ["label"],
                domain="ai.onnx.ml",
                keys_int64s=[0, 1],
                values_strings=["größer", "small"],
            ),
            helper.make_node("StringConcat", ["word", "end"], ["marked"]),
        ],
        "classifier",
        [helper.make_tensor_value_info("word", TensorProto.STRING, ["n"])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, ["n"]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 2]),
            helper.make_tensor_value_info("marked", TensorProto.STRING, ["n"]),
        ],
        [
            onnx.numpy_helper.from_array(ROWS, "rows"),
            onnx.numpy_helper.from_array(np.asarray([[1.0, -0.5], [0.5, 1.0]], np.float32), "kernel"),
            onnx.numpy_helper.from_array(np.asarray(["!"], object), "end"),
        ],
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("ai.onnx.ml", 4)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def _saved(model: onnx.ModelProto, folder: Path) -> Path:
    onnx.save(model, folder / "model.onnx")
    return folder / "model.onnx"


def feature_space(folder: Path) -> Path:
    """A classifier of rows with a word, another word that is hashed, an integer, numbers, and a pair of features."""
    keras, tf = library("keras"), library("tensorflow")
    kinds = keras.utils.FeatureSpace
    rng = np.random.default_rng(4)
    columns = {
        "age": rng.normal(40, 20, 24).astype(np.float32),
        "city": rng.choice(["Köln", "Paris", "大阪"], 24),
        "street": rng.choice(["a", "b", "c", "d"], 24),
        "rooms": rng.integers(1, 6, 24),
        "price": rng.normal(0, 1, 24).astype(np.float32),
    }
    space = kinds(
        features={
            "age": kinds.float_normalized(),
            "city": kinds.string_categorical(num_oov_indices=1),
            "street": kinds.string_hashed(num_bins=5),
            "rooms": kinds.integer_categorical(),
            "price": kinds.float_discretized(num_bins=4),
        },
        crosses=[kinds.cross(("street", "rooms"), crossing_dim=7)],
        output_mode="concat",
    )
    with quiet():
        keras.utils.set_random_seed(3)
        space.adapt(tf.data.Dataset.from_tensor_slices(columns).batch(8))
        inputs = list(space.get_inputs().values())
        keras.Model(inputs, keras.layers.Dense(3)(space.get_encoded_features())).save(folder / "rows.keras")
    return folder / "rows.keras"


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    folder = tmp_path_factory.mktemp("text")
    made = Crates(folder)
    made.add("words", open_onnx(_saved(classifier(), folder)))
    made.add("rows", open_tensorflow(feature_space(folder)))
    made.build()
    return made


def test_the_crate_agrees_with_onnx_runtime(crates: Crates) -> None:
    assert "3 passed" in crates.test("words")
    words = set(crates.converted["words"].proof.inputs["word"])
    assert len(words & set(WORDS)) >= 2
    assert words - set(WORDS)


def test_a_feature_space_agrees_with_tensorflow(crates: Crates) -> None:
    assert "passed" in crates.test("rows")
    inputs = crates.converted["rows"].proof.inputs
    assert {"Köln", "Paris", "大阪"} & set(inputs["city"].reshape(-1))


def test_the_example_reads_and_writes_arrays_of_strings(crates: Crates, tmp_path: Path) -> None:
    words = np.asarray(["sun", "", "日本"])
    np.savez(tmp_path / "in.npz", word=words)
    crates.cargo(
        *("run", "--release", "-p", "words", "--example", "predict", "--"),
        *(str(tmp_path / name) for name in ("in.npz", "out.npz")),
    )
    with np.load(tmp_path / "out.npz") as found:
        assert found["marked"].tolist() == ["sun!", "!", "日本!"]
        assert found["label"].tolist() == ["größer", "größer", "small"]
        assert found["scores"].shape == (3, 2)


def test_the_documentation_shows_strings(crates: Crates) -> None:
    text = (crates.converted["words"].crate / "src" / "lib.rs").read_text(encoding="utf-8")
    assert "| input | `word` | string [n] |" in text
    assert 'let word = ["text"; 1];' in text


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros(2, np.float32), "`word` in {} is float32, but the model's input contains strings; save an array"),
        (np.asarray([b"\xff"]), "is bytes8, but the model's input contains strings"),
    ],
)
def test_samples_that_are_not_strings_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.savez(tmp_path / "fv.npz", word=array)
    source = open_onnx(_saved(classifier(), tmp_path))
    with pytest.raises(ConversionError) as raised:
        convert(source, Options(tmp_path / "out", "words", path_to_fv=tmp_path / "fv.npz"))
    assert message.format(tmp_path / "fv.npz") in raised.value.reasons[0]


def test_samples_of_strings(tmp_path: Path) -> None:
    np.savez(tmp_path / "fv.npz", word=np.asarray(["sea", "sky"]))
    source = open_onnx(_saved(classifier(), tmp_path))
    made = convert(source, Options(tmp_path / "out", "words", path_to_fv=tmp_path / "fv.npz"))
    assert made.proof.inputs["word"].tolist() == ["sea", "sky"]
    assert made.proof.outputs["marked"].tolist() == ["sea!", "sky!"]


def test_an_operator_without_strings_is_refused(tmp_path: Path) -> None:
    model = parser.parse_model(
        '<ir_version: 10, opset_import: ["": 20]> unique (string[n] x) => (string[m] y) { y = Unique (x) }'
    )
    with pytest.raises(ConversionError, match="its input `x` contains strings, but Unique supports only numbers"):
        convert(open_onnx(_saved(model, tmp_path)), Options(tmp_path / "out", "unique"))
