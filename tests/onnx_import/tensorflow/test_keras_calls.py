"""Calls that wait for each other are refused; the calls of models that Keras saves are not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conftest import Save
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.gate.keras_calls import check_calls
from tf2rust.onnx_import.tensorflow.stored import read_stored


def _layer(name: str, *reads: tuple[str, int], kind: str = "Dense") -> dict[str, Any]:
    nodes = [[[source, index, 0, {}] for source, index in reads]] if reads else []
    return {"class_name": kind, "name": name, "config": {"name": name}, "inbound_nodes": nodes}


def _of_keras_3(name: str, source: str, index: int) -> dict[str, Any]:
    tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [source, index, 0]}}
    return {**_layer(name), "inbound_nodes": [{"args": [tensor], "kwargs": {}}]}


X = _layer("x", kind="InputLayer")


@pytest.mark.parametrize(
    "layers",
    [
        [X, _layer("a", ("x", -1))],
        [X, _layer("a", ("x", 1))],
        [X, _layer("a", ("b", 0)), _layer("b", ("a", 0))],
        [X, _layer("a", ("a", 0))],
        [X, _of_keras_3("a", "x", 3)],
        [{"class_name": "Functional", "name": "inner", "config": {"layers": [X, _layer("a", ("x", 7))]}}],
    ],
)
def test_calls_without_end(layers: list[dict[str, Any]]) -> None:
    with pytest.raises(ConversionError, match="which does not exist or waits for this layer"):
        check_calls({"class_name": "Functional", "config": {"layers": layers}}, "model.keras")


@pytest.mark.parametrize(
    ("generation", "name"),
    [("keras3", n) for n in ("siamese", "nested", "text_cnn", "attention", "bidirectional_text", "dict_outputs")]
    + [("keras2", n) for n in ("tensorflow_functions", "domain_text")],
)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_calls_of_models_that_keras_saves(save: Save, generation: str, name: str, suffix: str) -> None:
    check_calls(read_stored(save(generation, name, suffix)[1]).config, "model")
