"""Two published third-party models: dgaintel (Keras 2 ``.h5``) and magika (ONNX, from JAX)."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

from demo.models import dgaintel, encode_domains, encode_file, magika
from tests.crates import ROOT, Crates
from tf2rust.onnx_import.load import load_onnx, run_onnx
from tf2rust.onnx_import.weights import whole_model
from tf2rust.source import open_onnx, open_tensorflow

SCORES = {"github.com": 0.007, "debian.org": 0.001, "xjwqzkvbhpt.biz": 1.000, "kq3v9xw0zptl.ru": 0.999}


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("published"))
    made.add("dgaintel", open_tensorflow(dgaintel()))
    made.add("magika", open_onnx(magika()))
    made.build()
    return made


def predict(crates: Crates, name: str, arrays: dict[str, np.ndarray], folder: Path) -> dict[str, np.ndarray]:
    np.savez(folder / "in.npz", **arrays)
    crates.cargo("build", "--release", "-p", name, "--example", "predict")
    crates.cargo(
        "run", "--release", "-p", name, "--example", "predict", "--", str(folder / "in.npz"), str(folder / "out.npz")
    )
    with np.load(folder / "out.npz") as outputs:
        return dict(outputs)


class GlobalMaxPool(OpRun):
    """ONNX' own reference drops the axes of sequences."""

    op_domain = ""

    def _run(self, x: np.ndarray) -> tuple[np.ndarray]:
        return (x.max(axis=tuple(range(2, x.ndim)), keepdims=True),)


def in_float64(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with float64 instead of float32."""
    wide = onnx.ModelProto()
    wide.CopyFrom(model)
    tensors = list(wide.graph.initializer)
    for node in wide.graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                tensors.append(attribute.t)
            elif node.op_type == "Cast" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    for tensor in tensors:
        if tensor.data_type == TensorProto.FLOAT:
            array = numpy_helper.to_array(tensor).astype(np.float64)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
    del wide.graph.value_info[:]
    return wide


@pytest.mark.parametrize("name", ["dgaintel", "magika"])
def test_crate_passes_its_own_tests(crates: Crates, name: str) -> None:
    assert "0 failed" in crates.test(name)


@pytest.mark.parametrize("name", ["dgaintel", "magika"])
def test_patterns_list_every_node_once(crates: Crates, name: str) -> None:
    file = crates.converted[name].model_info / "model.onnx"
    done = subprocess.run(
        [sys.executable, "-m", "tf2rust", "patterns", str(file), "--json"], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    listed = [node for layer in found["layers"] for node in layer["nodes"]]
    listed += (
        found["done_at_conversion"]["constants"] + found["done_at_conversion"]["shape_arithmetic"] + found["unused"]
    )
    assert found["unmatched"] == []
    assert Counter(listed) == Counter(node.name for node in onnx.load(file).graph.node)


def test_dgaintel_gives_the_published_scores(crates: Crates, tmp_path: Path) -> None:
    (scores,) = predict(crates, "dgaintel", {"domain_input": encode_domains(tuple(SCORES))}, tmp_path).values()
    assert np.abs(scores.ravel() - list(SCORES.values())).max() < 6e-4  # they are given to three digits


def test_dgaintel_has_the_layers_keras_wrote(crates: Crates) -> None:
    rows = {row.name: row.kind for row in crates.converted["dgaintel"].listing.layers if row.kind != "Reshape"}
    assert rows == {
        "conv1d_4": "EmbeddingConv1D",  # embedding_4 and conv1d_4
        "max_pooling1d_4": "MaxPooling1D",
        "lstm_4": "LSTM",
        "dense_4": "Dense",
    }


def test_magika_has_the_layers_flax_wrote(crates: Crates) -> None:
    kinds = [row.kind for row in crates.converted["magika"].listing.layers if row.kind != "Reshape"]
    assert kinds == [
        "Embedding",  # of the one-hot codes, with the Dense and the GELU that follow
        "LayerNormalization",
        "Conv1D",
        "GlobalMaxPooling1D",
        "LayerNormalization",
        "Dense",
        "Softmax",
    ]


def test_magika_labels_files_as_onnx_runtime_does(crates: Crates, tmp_path: Path) -> None:
    files = sorted(
        p for p in ROOT.rglob("*") if p.suffix in {".py", ".rs", ".toml", ".j2", ".md", ".lock", ""} and p.is_file()
    )
    files = [p for p in files if not {".git", "build", ".venv", "target"} & set(p.parts) and p.stat().st_size > 64]
    rows = np.stack([encode_file(p.read_bytes()) for p in files[:: max(1, len(files) // 20)][:20]])
    assert len(rows) == 20
    loaded = load_onnx(magika())
    proto = whole_model(loaded.proto, loaded.weights)
    (expected,) = run_onnx(proto, {"bytes": rows}).values()
    # This model takes variances as E[x²] − E[x]², which loses digits: in float64 it says what is right.
    (exact,) = ReferenceEvaluator(in_float64(proto), new_ops=[GlobalMaxPool]).run(None, {"bytes": rows})
    tolerance = max(1e-5, float(np.abs(expected - exact).max()))
    (found,) = predict(crates, "magika", {"bytes": rows}, tmp_path).values()
    assert (found.argmax(1) == expected.argmax(1)).all()
    assert np.abs(found - exact).max() <= tolerance
    labels = json.loads((magika().parent / "config.min.json").read_text())["target_labels_space"]
    assert "python" in {labels[i] for i in found.argmax(1)}
