"""The files of a conversion match docs/files.md; a picture that fails becomes a note."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Save
from tests.crates import ROOT
from tf2rust.codegen import crate
from tf2rust.codegen.overview import OverviewError
from tf2rust.conversion import Converted, Options, convert
from tf2rust.source import open_tensorflow

MODELS = ("text_cnn", "siamese", "lstm_text", "regression_two_outputs", "odd_names")
PORT = {"name": str, "dtype": str, "shape": [(int, str)]}
TENSOR = {"dtype": str, "shape": [(int, str)]}
LAYER = {
    "name": str,
    "kind": str,
    "inputs": [TENSOR],
    "outputs": [TENSOR],
    "parameters": {...: object},
    "weights": {...: {"key": str, "shape": [int], "initializer?": {"name": str, "axes": [int]}}},
}
SCHEMAS: dict[str, dict[Any, Any]] = {
    "model_architecture.json": {
        "version": int,
        "free_dimensions": [str],
        "inputs": [PORT],
        "outputs": [PORT],
        "layers": [LAYER],
    },
    "computation_graph.json": {
        "version": int,
        "inputs": {...: [str]},
        "outputs": {...: str},
        "layers": {...: {"inbounds": [str], "outbounds": [str]}},
    },
}
PARAMETERS = {
    "text_cnn": {
        "conv_strided": {"kernel_size": [3], "strides": [2]},
        "conv_causal": {"dilation_rate": [2]},
        "max_pooling": {"pool_size": [2]},
    }
}


def _check(value: Any, schema: Any, where: str) -> None:
    """Asserts the form of ``value``: types, lists of one form, or objects with these keys.

    The key ``...`` stands for any, and ``?`` marks one that can be missing.
    """
    if isinstance(schema, list):
        assert isinstance(value, list), where
        for i, item in enumerate(value):
            _check(item, schema[0], f"{where}[{i}]")
    elif isinstance(schema, dict):
        assert isinstance(value, dict), where
        forms = {key: schema.get(key) or schema.get(f"{key}?") or schema.get(...) for key in value}
        required = {key for key in schema if key is not ... and not key.endswith("?")}
        assert all(forms.values()), where
        assert required <= value.keys(), where
        for key, item in value.items():
            _check(item, forms[key], f"{where}.{key}")
    else:
        assert isinstance(value, schema), where


@pytest.fixture(scope="module", params=MODELS)
def documents(request: pytest.FixtureRequest, save: Save, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    source = open_tensorflow(save("keras3", request.param, ".keras")[1])
    folder = tmp_path_factory.mktemp("documents") / "out"
    return request.param, convert(source, Options(folder, "model")).model_info


def _load(folder: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / name).read_text(encoding="utf-8"))
    return content


def test_the_folder_of_a_tensorflow_model_is_named_as_in_the_original(documents: tuple[str, Path]) -> None:
    assert documents[1].name == "saved_model_from_tensorflow"


@pytest.mark.parametrize("file", SCHEMAS)
def test_form(documents: tuple[str, Path], file: str) -> None:
    content = _load(documents[1], file)
    _check(content, SCHEMAS[file], file)
    assert content["version"] == 1


@pytest.mark.parametrize("file", SCHEMAS)
def test_every_key_is_documented(file: str) -> None:
    text = (ROOT / "docs" / "files.md").read_text(encoding="utf-8")
    section = text.split(f"### `{file}`")[1].split("\n##")[0]
    assert all(f"`{key}`" in section for key in SCHEMAS[file])


def test_graph_and_architecture_agree(documents: tuple[str, Path]) -> None:
    _, folder = documents
    graph, architecture = _load(folder, "computation_graph.json"), _load(folder, "model_architecture.json")
    layers = [layer["name"] for layer in architecture["layers"]]
    assert [*graph["layers"]] == layers
    assert len(set(layers)) == len(layers)
    assert [*graph["inputs"]] == [port["name"] for port in architecture["inputs"]]
    assert [*graph["outputs"]] == [port["name"] for port in architecture["outputs"]]
    for name, edges in graph["layers"].items():
        assert all(name in graph["layers"][reader]["inbounds"] for reader in edges["outbounds"])
        for source in edges["inbounds"]:
            readers = graph["layers"][source]["outbounds"] if source in graph["layers"] else graph["inputs"][source]
            assert name in readers


def test_weights_are_in_the_archive(documents: tuple[str, Path]) -> None:
    _, folder = documents
    with np.load(folder / "model_weights.npz") as archive:
        shapes = {key: list(archive[key].shape) for key in archive.files}
    named = [w for layer in _load(folder, "model_architecture.json")["layers"] for w in layer["weights"].values()]
    assert {w["key"]: w["shape"] for w in named} == shapes


def test_parameters(documents: tuple[str, Path]) -> None:
    name, folder = documents
    found = {layer["name"]: layer["parameters"] for layer in _load(folder, "model_architecture.json")["layers"]}
    for layer, expected in PARAMETERS.get(name, {}).items():
        assert expected.items() <= found[layer].items()


def test_a_picture_that_fails_is_a_note(save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OverviewError("cannot run graphviz-pure")

    monkeypatch.setattr(crate, "draw_overview", fail)
    source = open_tensorflow(save("keras3", "mlp", ".keras")[1])
    converted: Converted = convert(source, Options(tmp_path / "out", "model"))
    assert "model_overview.png and model_overview.svg were not drawn: cannot run graphviz-pure." in converted.notes
    assert (converted.crate / "src" / "model.rs").exists()
    assert not list(converted.model_info.glob("model_overview.*"))
