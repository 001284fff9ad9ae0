"""Malicious Keras files, SavedModels, frozen graphs and TFLite files are refused with a message and have no effect."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.attacks import graph_files, keras_files
from tests.attacks.keras_files import Case, keras_3, members, write_archive
from tests.models import graphs
from tf2rust.cli import app
from tf2rust.conversion import Options, convert
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow import load_frozen_graph, load_tensorflow
from tf2rust.onnx_import.tensorflow.gate.saved_model import copy_judged, meta_graph_refusals
from tf2rust.onnx_import.tensorflow.keras_model import open_keras
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.stored import read_stored
from tf2rust.source import open_onnx

SECRET = "1\n2\n3\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder that an attack is written to, with a canary folder and a secret file."""
    (tmp_path / "canary").mkdir()
    (tmp_path / "secret").write_text(SECRET)
    return tmp_path


def _left(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "canary").iterdir())


def _refused(case: Case, folder: Path, **graph: list[str]) -> None:
    path = case.write(folder)
    for mark in (folder / "canary").iterdir():
        mark.unlink()  # what TensorFlow did while it wrote the attack
    with pytest.raises(ConversionError) as caught:
        load_frozen_graph(path, **graph) if graph else load_tensorflow(path)
    assert case.says in str(caught.value)
    assert all("\n" not in reason and len(reason) < 600 for reason in caught.value.reasons)
    assert _left(folder) == []


@pytest.mark.parametrize("case", keras_files.CASES.values(), ids=keras_files.CASES)
def test_a_keras_file(case: Case, folder: Path) -> None:
    _refused(case, folder)


@pytest.mark.parametrize("case", graph_files.SAVED.values(), ids=graph_files.SAVED)
def test_a_saved_model(case: Case, folder: Path) -> None:
    _refused(case, folder)


@pytest.mark.parametrize("case", graph_files.FROZEN.values(), ids=graph_files.FROZEN)
def test_a_frozen_graph(case: Case, folder: Path) -> None:
    _refused(case, folder, inputs=["x"], outputs=["y"])


@pytest.mark.parametrize("case", graph_files.TFLITE.values(), ids=graph_files.TFLITE)
def test_a_tflite_file(case: Case, folder: Path) -> None:
    _refused(case, folder)


@pytest.mark.parametrize(
    ("command", "case"),
    [
        ("from-tf", keras_files.CASES["print to a file"]),
        ("patterns", keras_files.CASES["print to a file"]),
        ("from-tf", graph_files.SAVED["write_file"]),
    ],
)
def test_commands_refuse(command: str, case: Case, folder: Path) -> None:
    options = ["--path_to_save", folder / "out", "--model_name", "m"] if command == "from-tf" else []
    arguments = [sys.executable, "-m", "tf2rust", command, case.write(folder), *options]
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert case.says in done.stderr
    assert "Traceback" not in done.stderr
    assert _left(folder) == []
    assert not (folder / "out").exists()


def test_trust_allows_it_and_says_so(folder: Path) -> None:
    path = graph_files.FROZEN["off the path"].write(folder)
    (note,) = load_frozen_graph(path, ["x"], ["y"], trust_code=True).notes
    assert note.startswith("Node 'WriteFile' runs the TensorFlow op 'WriteFile', which is not known to only compute;")
    assert note.endswith("; --trust_code allows it.")


def test_the_notes_on_what_is_trusted_reach_the_user(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source = replace(open_onnx(graphs.save(graphs.mlp(), folder / "mlp.onnx")), notes=("Layer 'a' is trusted.",))
    assert convert(source, Options(folder / "out", "m")).notes[0] == "Layer 'a' is trusted."
    monkeypatch.setattr("tf2rust.source.open_tensorflow", lambda *_, **__: source)
    with pytest.raises(SystemExit):
        app(["patterns", "model.keras", "--trust_code"])
    assert "note: Layer 'a' is trusted." in capsys.readouterr().err


# --- what looks like an attack and is none


@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_what_is_only_for_training_is_left_out(folder: Path, package: str) -> None:
    """The loss of a nested model is user code, and only training needs it."""
    keras = library(package)

    def loss(expected: Any, given: Any) -> Any:
        return expected - given

    with quiet():
        inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, name="dense")], name="inner")
        inner.compile(loss=loss)
        x = keras.Input((4,), name="x")
        model = keras.Model(x, inner(x))
        model.compile(loss=loss)
        model.save(folder / "model.keras")
    assert b"compile_config" in (folder / "model.keras").read_bytes()
    assert load_tensorflow(folder / "model.keras").layers["inner/dense"] == "Dense"


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_an_archive_that_was_packed_again(folder: Path, compression: int) -> None:
    """Members that Keras does not know, which some programs add."""
    contents = {**members(keras_3(folder)), "__MACOSX/._config.json": b"\x00"}
    model = load_tensorflow(write_archive(folder / "model.keras", contents, compression))
    (result,) = model.run({"x": np.ones((1, 4), np.float32)}).values()
    assert result == keras_files.KERNEL.sum()


@pytest.mark.parametrize("package", ["keras", "tf_keras"])
def test_a_vocabulary_among_the_assets(folder: Path, package: str) -> None:
    keras = library(package)
    with quiet():
        words = keras.layers.IntegerLookup(output_mode="int", name="words")
        words.adapt(np.array([[5], [7], [7]]))
        x = keras.Input((1,), dtype="int64", name="x")
        keras.Model(x, words(x)).save(folder / "model.keras")
    model = open_keras(read_stored(folder / "model.keras"), trust_code=False, custom_objects=None).model
    assert np.asarray(model(np.array([[7], [5], [9]]))).tolist() == [[1], [2], [0]]


@pytest.mark.parametrize(
    "write",
    [graph_files.with_table, graph_files.saved_by_tensorflow_1(), graph_files.saved(lambda folder, x: x)],
    ids=["a table of an asset", "TensorFlow 1", "TensorFlow 2"],
)
def test_a_saved_model_reads_its_own_files(folder: Path, write: Callable[[Path], Path]) -> None:
    path = write(folder)
    assert list(meta_graph_refusals(_meta_graph(path), path)) == []


def test_a_saver_cannot_write(folder: Path) -> None:
    """TensorFlow 1 stores its saver beside the model, where an output could depend on it."""
    path = graph_files.saved_by_tensorflow_1()(folder)
    (folder / "copy").mkdir()
    copy_judged(_meta_graph(path), path, folder / "copy")
    copy = _meta_graph(folder / "copy")
    assert not {node.op for node in copy.graph_def.node} & {"SaveV2", "MergeV2Checkpoints"}
    fed = copy.saver_def.filename_tensor_name.partition(":")[0]
    assert [node.op for node in copy.graph_def.node if node.name == fed] == ["Placeholder"]
    (result,) = load_tensorflow(path).run({"x": np.ones((1, 4), np.float32)}).values()
    np.testing.assert_array_equal(result, np.full((1, 4), 2.0, np.float32))


def _meta_graph(path: Path) -> Any:
    message = library("tensorflow.core.protobuf.saved_model_pb2").SavedModel()
    message.ParseFromString((path / "saved_model.pb").read_bytes())
    return message.meta_graphs[0]
