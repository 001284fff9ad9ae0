"""Whole models, from file to crate: each crate's own tests compare it with TensorFlow."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import numpy as np
import onnx
import pytest

from tests.conftest import Save
from tests.crates import Crates
from tf2rust.source import open_tensorflow

MODELS = (
    ("keras3", "mlp", ".keras"),
    ("keras3", "text_cnn", ".keras"),
    ("keras3", "two_class_softmax", ".h5"),
    ("keras3", "regression_two_outputs", ".keras"),
    ("keras3", "dict_outputs", ".keras"),
    ("keras3", "siamese", ".keras"),
    ("keras3", "odd_names", ".keras"),
    ("keras3", "lstm_text", ".keras"),
    ("keras3", "nested", ".keras"),
    ("keras3", "video", ".keras"),
    ("keras3", "text_cnn", ""),
    ("keras2", "hard_sigmoid", ".h5"),
    ("keras2", "domain_text", ".h5"),
    ("keras2", "hard_sigmoid_lstm", ".h5"),
    ("keras2", "thresholded_relu", ""),
    ("keras2", "tensorflow_functions", ".h5"),
)
# What a crate must call its layers: by their Keras names.
# An Embedding is part of the convolutions behind it.
LAYERS = {
    "text_cnn": {
        "conv_same",
        "conv_valid",
        "conv_causal",
        "average_pooling",
        "merged",
        "verdict",
    },
    "odd_names": {"type", 'café 1 "x"', "match", "match_1"},
    "siamese": {"shared_conv"},
    "video": {"moving", "last", "verdict"},
    "lstm_text": {"conv", "pooling", "lstm", "verdict"},
}


def _crate(generation: str, name: str, suffix: str) -> str:
    return f"{generation}-{name}-{suffix.strip('.') or 'saved'}".replace("_", "-")


@pytest.fixture(scope="module")
def crates(save: Save, tmp_path_factory: pytest.TempPathFactory) -> Crates:
    made = Crates(tmp_path_factory.mktemp("crates"))
    for generation, name, suffix in MODELS:
        _, path = save(generation, name, suffix)
        made.add(_crate(generation, name, suffix), open_tensorflow(path))
    made.build()
    return made


@pytest.mark.parametrize(("generation", "name", "suffix"), MODELS)
def test_crate_computes_what_tensorflow_computes(crates: Crates, generation: str, name: str, suffix: str) -> None:
    assert re.search(r"\b[34] passed; 0 failed", crates.test(_crate(generation, name, suffix)))


@pytest.mark.parametrize(("generation", "name", "suffix"), MODELS)
def test_every_node_is_listed_once(crates: Crates, generation: str, name: str, suffix: str) -> None:
    converted = crates.converted[_crate(generation, name, suffix)]
    proto = onnx.load(converted.crate.parent / "saved_model_from_tensorflow" / "model.onnx")
    assert Counter(converted.listing.nodes()) == Counter(node.name for node in _nodes(proto.graph))


def _nodes(graph: onnx.GraphProto) -> Iterator[onnx.NodeProto]:
    """Including the nodes of bodies."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                yield from _nodes(attribute.g)


@pytest.mark.parametrize("name", LAYERS)
def test_keras_names_survive(crates: Crates, name: str) -> None:
    converted = crates.converted[_crate("keras3", name, ".keras")]
    assert {row.name for row in converted.listing.layers} >= LAYERS[name]


def test_shared_weights_are_stored_once(crates: Crates) -> None:
    converted = crates.converted["keras3-siamese-keras"]
    with np.load(converted.crate / "model" / "model_weights.npz") as weights:
        assert sorted(weights.files) == [
            "same_weight_0",
            "same_weight_1",
            "shared_conv_weight_0",
            "shared_conv_weight_1",
        ]


def test_crates_are_clippy_clean(crates: Crates) -> None:
    crates.cargo("clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings")
