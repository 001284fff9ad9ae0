"""Outputs without a type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.models.graphs import graph, node
from tf2rust.conversion import match_layers
from tf2rust.source import open_onnx

F = TensorProto.FLOAT


def _with_output(*outputs: str, domain: str = "") -> onnx.ModelProto:
    """Relu and Neg, with outputs of no type."""
    model = graph([node("Relu", ["x"], ["r"]), node("Neg", ["r"], ["y"])], {"x": (F, ["n", 3])}, {"y": (F, ["n", 3])})
    model.graph.node[0].domain = domain
    if domain:
        model.opset_import.append(onnx.helper.make_opsetid(domain, 1))
    del model.graph.output[:]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in outputs)
    return model


@pytest.mark.parametrize("outputs", [("y", "r"), ("r",), ("y",)])
def test_outputs_without_a_type_get_the_one_that_is_inferred(tmp_path: Path, outputs: tuple[str, ...]) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(_with_output(*outputs).SerializeToString())
    source = open_onnx(path)
    found, layers = match_layers(source)
    assert not found.unmatched
    assert [name for name, _ in layers.outputs] == list(outputs)
    x = np.array([[1, -2, 3]], np.float32)
    expected = {"r": np.maximum(x, 0), "y": -np.maximum(x, 0)}
    for name, array in source.run({"x": x}).items():
        assert np.array_equal(array, expected[name])


def test_an_output_of_an_unknown_operator_is_refused_by_its_operator(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(_with_output("r", domain="mine").SerializeToString())
    found, _ = match_layers(open_onnx(path))
    assert [(u.op, u.reason) for u in found.unmatched] == [("mine.Relu", "no rule supports this operator")]
