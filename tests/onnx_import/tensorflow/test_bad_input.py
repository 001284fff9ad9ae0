"""Unreadable files are refused with one sentence that says what is wrong."""

from __future__ import annotations

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Save
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow import load_frozen_graph, load_tensorflow
from tf2rust.onnx_import.tensorflow.runtime import library, quiet


def _file(name: str, content: bytes) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / name
        path.write_bytes(content)
        return path

    return make


def _archive(**members: str) -> Callable[[Path], Path]:
    def make(folder: Path) -> Path:
        path = folder / "model.keras"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in members.items():
                archive.writestr(f"{name}.json", text)
        return path

    return make


def _saved_model(content: bytes) -> Callable[[Path], Path]:
    return lambda folder: _file("saved_model.pb", content)(folder).parent


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda folder: folder / "none.keras", "does not exist"),
        (_file("model.onnxx", b""), "extension '.onnxx'"),
        (_file("model.keras", b"instead of a model"), "neither an HDF5 file nor a .keras archive"),
        (_file("model.h5", b""), "neither an HDF5 file nor a .keras archive"),
        (_file("graph.pb", b""), "--inputs and --outputs for a frozen graph"),
        (_archive(other="{}"), "has no config.json"),
        (_archive(config="{", metadata="{}"), "not valid JSON"),
        (_archive(config="[]", metadata="{}"), "not a JSON object"),
        (_archive(config="{}", metadata=json.dumps({"keras_version": "three"})), "'three'"),
        (_archive(config="{}", metadata=json.dumps({"keras_version": "3.5.0"})), "cannot open"),
        (lambda folder: folder, "no saved_model.pb"),
        (_saved_model(b""), "contains no graph"),
        (_saved_model(b"\xff\xff\xff"), "damaged or truncated"),
    ],
)
def test_bad_files(tmp_path: Path, make: Callable[[Path], Path], reason: str) -> None:
    with pytest.raises(ConversionError) as caught:
        load_tensorflow(make(tmp_path))
    assert reason in str(caught.value)
    assert len(caught.value.reasons) == 1
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("suffix", "keep"), [(".keras", 0.5), (".keras", 0.98), (".h5", 0.3), (".h5", 0.9)])
def test_truncated_files(save: Save, tmp_path: Path, suffix: str, keep: float) -> None:
    whole = save("keras3", "mlp", suffix)[1].read_bytes()
    path = tmp_path / f"model{suffix}"
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(ConversionError, match="damaged or truncated"):
        load_tensorflow(path)


def test_a_saved_model_without_its_variables(save: Save, tmp_path: Path) -> None:
    source = save("keras3", "mlp", "")[1]
    (tmp_path / "saved_model.pb").write_bytes((source / "saved_model.pb").read_bytes())
    with pytest.raises(ConversionError, match="TensorFlow cannot load"):
        load_tensorflow(tmp_path)


def test_weights_only(save: Save, tmp_path: Path) -> None:
    model, _ = save("keras3", "mlp", ".keras")
    path = tmp_path / "model.weights.h5"
    model.save_weights(path)
    with pytest.raises(ConversionError, match="only weights"):
        load_tensorflow(path)


def test_a_custom_layer_is_named(tmp_path: Path) -> None:
    for package, suffix in (("keras", ".keras"), ("keras", ".h5"), ("tf_keras", ".h5"), ("tf_keras", ".keras")):
        keras = library(package)
        scale = type("Scale", (keras.layers.Layer,), {"call": lambda self, x: x * 3.0, "__module__": __name__})
        path = tmp_path / f"{package}{suffix}"
        with quiet():
            x = keras.Input((4,), name="x")
            keras.Model(x, keras.layers.Dense(2, name="out")(scale(name="scale")(x))).save(path)
        with pytest.raises(ConversionError, match=r"layer class 'Scale'.*custom_objects"):
            load_tensorflow(path)
        model = load_tensorflow(path, custom_objects={"Scale": scale})
        assert model.layers == {"scale": "Scale", "out": "Dense"}
        assert model.node_layers["scale/Mul"] == "scale"


@pytest.mark.parametrize(
    ("inputs", "outputs", "reasons"),
    [(["x"], ["y"], ["no tensor 'x'", "no tensor 'y'"]), ([], ["y"], ["no tensor 'y'"]), ([], [], ["does not record"])],
)
def test_frozen_graphs_without_the_tensors(
    tmp_path: Path, inputs: list[str], outputs: list[str], reasons: list[str]
) -> None:
    path = _file("graph.pb", b"")(tmp_path)
    with pytest.raises(ConversionError) as caught:
        load_frozen_graph(path, inputs, outputs)
    assert len(caught.value.reasons) == len(reasons)
    assert all(part in reason for part, reason in zip(reasons, caught.value.reasons, strict=True))


@pytest.mark.parametrize(
    ("op", "given", "attribute", "count"),
    [
        ("Pack", 2, "N", -(1 << 31)),
        ("Pack", 2, "N", 1 << 40),
        ("Split", 2, "num_split", -1),
        ("Split", 2, "num_split", (1 << 31) - 1),
        ("Unpack", 1, "num", 1 << 62),
    ],
)
def test_counts_that_tensorflow_would_reserve_memory_for(
    tmp_path: Path, op: str, given: int, attribute: str, count: int
) -> None:
    graph = library("tensorflow").Graph().as_graph_def()
    graph.node.add(name="x", op="Placeholder").attr["dtype"].type = 1
    node = graph.node.add(name="y", op=op, input=["x"] * given)
    node.attr["T"].type, node.attr[attribute].i = 1, count
    path = _file("graph.pb", graph.SerializeToString())(tmp_path)
    with pytest.raises(ConversionError, match=rf"the node 'y' \({op}\) counts {count} tensors"):
        load_frozen_graph(path, ["x"], ["y"])


def test_tensorflow_that_is_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _archive(config="{}", metadata=json.dumps({"keras_version": "3.5.0"}))(tmp_path)
    # None in sys.modules makes an import fail as if the package were missing.
    monkeypatch.setitem(sys.modules, "keras", None)
    with pytest.raises(ConversionError, match=r"pip install 'tf2rust\[tf\]'"):
        load_tensorflow(path)
