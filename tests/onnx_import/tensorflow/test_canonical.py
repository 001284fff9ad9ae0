"""Equal models give equal bytes, whatever order and names tf2onnx chooses."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from demo.models import dgaintel, encode_domains
from tests.conftest import Save
from tf2rust.onnx_import.tensorflow import load_tensorflow
from tf2rust.onnx_import.tensorflow.canonical import canonicalise

_HASH = """
import hashlib, pathlib, sys
from tf2rust.onnx_import.tensorflow import load_tensorflow
for path in sys.argv[1:]:
    model = load_tensorflow(pathlib.Path(path))
    print(hashlib.sha256(model.proto.SerializeToString()).hexdigest(), sorted(model.node_layers.items()))
"""


def _exports(paths: list[Path]) -> str:
    """The exports of the models in a separate process."""
    command = [sys.executable, "-c", _HASH, *map(str, paths)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_three_processes_export_the_same_bytes(save: Save) -> None:
    paths = [
        save(*case)[1]
        for case in (
            ("keras3", "text_cnn", ".keras"),
            ("keras3", "siamese", ".keras"),
            ("keras3", "bidirectional_text", ".keras"),
            ("keras3", "attention", ".keras"),
            ("keras3", "text_cnn", ""),
            ("keras2", "domain_text", ".h5"),
        )
    ]
    first, *others = [_exports(paths) for _ in range(3)]
    assert len(first.splitlines()) == len(paths)
    assert others == [first, first]


def _model(nodes: list[onnx.NodeProto], weights: dict[str, list[float]], outputs: list[str]) -> onnx.ModelProto:
    def value(name: str) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, [None, 2])

    initializers = [numpy_helper.from_array(np.array(data, np.float32), name) for name, data in weights.items()]
    graph = helper.make_graph(nodes, "any", [value("x")], [value(name) for name in outputs], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)])


def _node(op: str, inputs: str, output: str, name: str) -> onnx.NodeProto:
    return helper.make_node(op, inputs.split(), [output], name=name)


TWO_BRANCHES = (
    [
        _node("Mul", "x w", "p", "n1"),
        _node("Relu", "p", "q", "n2"),
        _node("Mul", "x v", "r", "n3"),
        _node("Add", "q r", "y", "n4"),
    ],
    {"w": [1, 2], "v": [3, 4]},
)
SHUFFLED = (
    [
        _node("Mul", "x b", "t3", "m3"),
        _node("Mul", "x a", "t1", "m1"),
        _node("Relu", "t1", "t2", "m2"),
        _node("Exp", "t3", "unused", "m5"),
        _node("Add", "t2 t3", "y", "m4"),
    ],
    {"b": [3, 4], "a": [1, 2], "unused_weight": [7]},
)


def test_order_and_names_do_not_matter() -> None:
    first, first_layers = canonicalise(_model(*TWO_BRANCHES, ["y"]), {"n1": "scale", "n3": "scale"})
    second, second_layers = canonicalise(_model(*SHUFFLED, ["y"]), {"m1": "scale", "m3": "scale"})
    assert first.SerializeToString() == second.SerializeToString()
    assert first_layers == second_layers == {"scale/Mul": "scale", "scale/Mul_1": "scale"}
    assert [node.name for node in first.graph.node] == ["scale/Mul", "Relu", "scale/Mul_1", "Add"]
    assert [tensor.name for tensor in first.graph.initializer] == ["scale/Mul/B", "scale/Mul_1/B"]
    assert [entry.domain for entry in first.opset_import] == [""]


@pytest.mark.parametrize(
    ("nodes", "weights", "layers", "expected_nodes", "expected_weights"),
    [
        # Equal weights are one initializer, called after its first use.
        (
            [_node("Mul", "x w", "p", "n1"), _node("Add", "p v", "y", "n2")],
            {"w": [1, 2], "v": [1, 2]},
            {"n1": "a", "n2": "b"},
            ["a/Mul", "b/Add"],
            ["a/Mul/B"],
        ),
        # Equal nodes of one layer are one node …
        (
            [_node("Relu", "x", "p", "n1"), _node("Relu", "x", "q", "n2"), _node("Add", "p q", "y", "n3")],
            {},
            {"n1": "a", "n2": "a"},
            ["a/Relu", "Add"],
            [],
        ),
        # … but not those of two layers, whose names would depend on which one remained.
        (
            [_node("Relu", "x", "p", "n1"), _node("Relu", "x", "q", "n2"), _node("Add", "p q", "y", "n3")],
            {},
            {"n1": "a", "n2": "b"},
            ["a/Relu", "b/Relu", "Add"],
            [],
        ),
        # A constant is a weight.
        (
            [
                helper.make_node("Constant", [], ["c"], value=numpy_helper.from_array(np.ones(2, np.float32))),
                _node("Mul", "x c", "y", "n1"),
            ],
            {},
            {},
            ["Mul"],
            ["Mul/B"],
        ),
    ],
)
def test_merging(
    nodes: list[onnx.NodeProto],
    weights: dict[str, list[float]],
    layers: dict[str, str],
    expected_nodes: list[str],
    expected_weights: list[str],
) -> None:
    source = _model(nodes, weights, ["y"])
    result, _ = canonicalise(source, layers)
    assert [node.name for node in result.graph.node] == expected_nodes
    assert [tensor.name for tensor in result.graph.initializer] == expected_weights
    onnx.checker.check_model(result, full_check=True)
    x = {"x": np.array([[1.5, -2.0]], np.float32)}
    before, after = (onnxruntime.InferenceSession(m.SerializeToString()).run(None, x) for m in (source, result))
    np.testing.assert_array_equal(before[0], after[0])


def _loop(swapped: bool) -> onnx.ModelProto:
    """Adds x to itself three times, with its state or its scan output through an Identity."""

    def value(name: str, kind: int = TensorProto.FLOAT, shape: tuple[int, ...] | None = None) -> onnx.ValueInfoProto:
        return helper.make_tensor_value_info(name, kind, shape)

    state, scanned = ("copy", "sum") if swapped else ("sum", "copy")
    body = helper.make_graph(
        [_node("Add", "before x", "sum", "b1"), _node("Identity", "sum", "copy", "b2")],
        "body",
        [value("i", TensorProto.INT64, ()), value("go", TensorProto.BOOL, ()), value("before")],
        [value("go", TensorProto.BOOL, ()), value(state), value(scanned)],
    )
    loop = helper.make_node("Loop", ["trips", "", "x"], ["y", "all"], name="n1", body=body)
    trips = numpy_helper.from_array(np.array(3, np.int64), "trips")
    graph = helper.make_graph([loop], "any", [value("x", shape=(2,))], [value("y"), value("all")], [trips])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


def test_loop_bodies_have_one_form() -> None:
    first, second = (canonicalise(_loop(swapped), {"n1": "rnn", "b1": "rnn"})[0] for swapped in (False, True))
    assert first.SerializeToString() == second.SerializeToString()
    assert [node.name for node in first.graph.node[0].attribute[0].g.node] == ["rnn/Add", "Identity"]
    x = np.array([1.0, 2.0], np.float32)
    result, steps = onnxruntime.InferenceSession(first.SerializeToString()).run(None, {"x": x})
    np.testing.assert_array_equal(result, 4 * x)
    np.testing.assert_array_equal(steps, [2 * x, 3 * x, 4 * x])


def test_a_published_model_of_keras_2() -> None:
    path = dgaintel()
    model = load_tensorflow(path)
    domain = {"domain_input": encode_domains(("github.com", "xjwqzkvbhpt.biz"))}
    (result,) = onnxruntime.InferenceSession(model.proto.SerializeToString()).run(None, domain)
    np.testing.assert_allclose(result, model.run(domain)["dense_4"], atol=1e-6)
    assert hashlib.sha256(model.proto.SerializeToString()).hexdigest() in _exports([path])
