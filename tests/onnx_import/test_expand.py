"""Operators that are converted through their definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto

from tests.models import graphs
from tf2rust.conversion import match_layers
from tf2rust.source import open_onnx


def test_the_definition_stands_in_for_the_node(tmp_path: Path) -> None:
    model = graphs.graph(
        [graphs.node("Neg", ["x"], ["r"]), graphs.node("CastLike", ["r", "like"], ["y"])],
        {"x": (TensorProto.INT64, ["n", 3]), "like": (TensorProto.FLOAT, ["n"])},
        {"y": (TensorProto.FLOAT, ["n", 3])},
        opset=19,
    )
    found, graph = match_layers(open_onnx(graphs.save(model, tmp_path / "model.onnx")))
    assert not found.unmatched
    assert "node/y/" in "".join(node for layer in graph.layers for node in layer.nodes)
    assert [name for name, _ in graph.outputs] == ["y"]


def test_what_the_definition_needs_and_is_not_there_is_named(tmp_path: Path) -> None:
    model = graphs.graph(
        [graphs.node("Bernoulli", ["x"], ["y"])],
        {"x": (TensorProto.FLOAT, ["n", 3])},
        {"y": (TensorProto.FLOAT, ["n", 3])},
    )
    found, _ = match_layers(open_onnx(graphs.save(model, tmp_path / "model.onnx")))
    (refused,) = found.unmatched
    assert (refused.node, refused.op) == ("node/y", "Bernoulli")
    assert refused.reason.endswith("but RandomUniformLike is not supported: no rule supports this operator")


def test_attributes_reach_the_definition(tmp_path: Path) -> None:
    weights = np.ones(3, np.float32)
    model = graphs.graph(
        [graphs.node("SoftmaxCrossEntropyLoss", ["x", "labels", "w"], ["y"], reduction="sum", ignore_index=1)],
        {"x": (TensorProto.FLOAT, ["n", 3]), "labels": (TensorProto.INT64, ["n"])},
        {"y": (TensorProto.FLOAT, [])},
        {"w": weights},
    )
    found, graph = match_layers(open_onnx(graphs.save(model, tmp_path / "model.onnx")))
    assert not found.unmatched
    assert [v.shape for _, v in graph.outputs] == [()]
