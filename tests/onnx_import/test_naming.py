"""The names of layers and nodes: from Keras, from scopes, and from outputs for unnamed nodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from tests.models.graphs import graph, save
from tf2rust.conversion import match_layers
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.match import match
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.source import open_onnx, open_tensorflow

F, D = TensorProto.FLOAT, TensorProto.DOUBLE


def _unnamed(op: str, inputs: list[str], outputs: list[str], **attributes: object) -> onnx.NodeProto:
    return helper.make_node(op, inputs, outputs, **attributes)


def test_nodes_without_a_name_are_told_apart(tmp_path: Path) -> None:
    nodes = [
        _unnamed("MatMul", ["x", "w"], ["/fc/product"]),
        _unnamed("Relu", ["/fc/product"], ["positive"]),
        _unnamed("Transpose", ["v"], ["turned"], perm=[1, 0]),
        _unnamed("MatMul", ["positive", "turned"], ["y"]),
        _unnamed("Neg", ["x"], ["never read"]),
    ]
    weights = {"w": np.ones((3, 4), np.float32), "v": np.ones((2, 4), np.float32)}
    path = save(graph(nodes, {"x": (F, ["n", 3])}, {"y": (F, ["n", 2])}, weights), tmp_path / "model.onnx")
    found, _ = match_layers(open_onnx(path))
    names = found.nodes()
    assert len(set(names)) == len(names) == 5
    assert found.constants == ['Transpose node with the output "turned"']
    assert found.unused == ['Neg node with the output "never read"']
    assert [row.name for row in found.layers] == ["fc", "y"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("angle/Sin", "node `angle/Sin`: Sin() is not supported: "),
        ("", 'the Sin node with the output "the_angle": Sin() is not supported: '),
    ],
)
def test_a_refused_node_is_told_by_its_name_or_by_what_it_makes(name: str, sentence: str) -> None:
    nodes = [_unnamed("Neg", ["x"], ["n"]), helper.make_node("Sin", ["n"], ["the_angle"], name=name)]
    model = graph(nodes, {"x": (D, ["n", 3])}, {"the_angle": (D, ["n", 3])})
    (refused,) = (u for u in match(analyse(model)).unmatched if u.op == "Sin")
    assert refused.sentence().startswith(sentence)


@pytest.mark.parametrize(
    ("package", "suffix", "masks"),
    [
        ("keras", ".keras", {"heads_mask"}),
        ("keras", "", {"attention_mask"}),
        ("tf_keras", "", {"attention_mask"}),
    ],
)
def test_a_mask_is_called_by_what_it_is(tmp_path: Path, package: str, suffix: str, masks: set[str]) -> None:
    """Keras computes masks outside of its layers, and SavedModels do not record the layers of nodes."""
    kit = library(package)
    ids = kit.Input((6,), dtype="int32", name="ids")
    x = kit.layers.Embedding(9, 8, mask_zero=True, name="embedding")(ids)
    both = [
        kit.layers.MultiHeadAttention(2, 4, name="heads")(x, x, use_causal_mask=True),
        kit.layers.Attention(name="plain")([x, x], use_causal_mask=True),
    ]
    path = tmp_path / f"model{suffix}"
    with quiet():
        model = kit.Model(ids, both)
        model.export(path, verbose=False) if package == "keras" and not suffix else model.save(path)
    found, layers = match_layers(open_tensorflow(path))
    assert not found.unmatched
    truths = {layer.name for layer in layers.walk() if all(v.dtype == "bool" for v in layer.outputs)}
    assert masks <= truths
