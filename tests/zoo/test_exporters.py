"""Files from other exporters (``write_*.py``): each becomes a crate that agrees with ONNX Runtime.

The tests of the generated crates compare floats within the contract's bound, and labels exactly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.crates import Crates
from tf2rust.conversion import match_layers
from tf2rust.source import open_onnx

MODELS = {path.stem: path for path in sorted((Path(__file__).parent / "models").glob("*.onnx"))}
FEATURES = {"sklearn_one_hot_strict": {"x": np.arange(40).reshape(8, 5) % 4}}
"""Inputs of models that do not take random ones."""
TRANSPOSES = {
    "cnn": 1,
    "mobile": 1,
    "resnet": 1,
    "unet": 1,
    "super_resolution": 1,
    "shuffle": 2,
    "crnn": 1,
    "lstm": 0,
    "gru": 0,
    "vit": 3,
    "encoder": 4,
}
"""How many are left of PyTorch's networks that are channels first or time first: those of their inputs, and where
channels are shuffled, or attention changes the order of batch and time.
"""
TORCH = ("torchscript", "dynamo")


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("exporters"))
    for name, path in MODELS.items():
        features = None
        if name in FEATURES:
            features = made.folder / f"{name}.npz"
            np.savez(features, **FEATURES[name])  # type: ignore[arg-type]
        made.add(name, open_onnx(path), path_to_fv=features)
    made.build()
    return made


@pytest.mark.parametrize("name", MODELS)
def test_crate(crates: Crates, name: str) -> None:
    assert "test result: ok" in crates.test(name)


@pytest.mark.parametrize("name", MODELS)
def test_labels_are_exact(crates: Crates, name: str) -> None:
    proof = crates.converted[name].proof
    assert all(proof.tolerances[output] == 0 for output, array in proof.outputs.items() if array.dtype.kind in "iub")


def test_samples_that_decide_about_each_other_are_kept_together(crates: Crates) -> None:
    converted = crates.converted["onnxscript_choice"]
    assert not converted.proof.batched
    assert max(converted.proof.tolerances.values()) < 1e-3
    assert "run all samples in one batch" in converted.notes[0]


def test_a_dictionary_per_sample_becomes_an_array() -> None:
    source = open_onnx(MODELS["sklearn_logistic_zipmap"])
    assert "`output_probability` is a dictionary per sample" in source.notes[0]
    assert source.notes[0].endswith("one column per class: 0, 1.")


@pytest.mark.parametrize(
    "name", [name for name in MODELS if name.startswith(TORCH) and name.partition("_")[2] in TRANSPOSES]
)
def test_transposes(name: str) -> None:
    _, graph = match_layers(open_onnx(MODELS[name]))
    assert sum(layer.kind == "Transpose" for layer in graph.layers) == TRANSPOSES[name.partition("_")[2]]
