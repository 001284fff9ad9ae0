"""Files that deviate from the format, and unread parts of models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from tf2rust.conversion import match_layers
from tf2rust.errors import ConversionError
from tf2rust.source import open_onnx

F = TensorProto.FLOAT
X, Y = (helper.make_tensor_value_info(name, F, ["n", 40]) for name in "xy")
PRODUCT = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")


def weight(name: str, *shape: int) -> onnx.TensorProto:
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


def declared(name: str, *shape: int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, F, shape)


W = weight("w", 40, 40)
UNSHAPED = helper.make_tensor_value_info("x", F, None)
HUGE = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[0, 2**63 - 1])


def model(
    nodes: Sequence[onnx.NodeProto] = (PRODUCT,),
    inputs: Sequence[onnx.ValueInfoProto] = (X,),
    outputs: Sequence[onnx.ValueInfoProto] = (Y,),
    weights: Sequence[onnx.TensorProto] = (W,),
    opset: int = 17,
    ir_version: int = 8,
) -> onnx.ModelProto:
    graph = helper.make_graph(list(nodes), "g", list(inputs), list(outputs), list(weights))
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir_version)


UNSORTED = (helper.make_node("Relu", ["h"], ["y"]), helper.make_node("MatMul", ["x", "w"], ["h"]))
BODY = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "body", [], [Y])
BRANCH = helper.make_node("If", ["c"], ["y"], then_branch=BODY, else_branch=BODY)
CASES = {
    "a weight that nothing reads": (model(weights=[W, weight("unread", 500, 500)]), ["w"], ["x"]),
    "such a weight as an input": (
        model(inputs=[X, declared("w", 40, 40), declared("u", 500, 1)], weights=[W, weight("u", 500, 1)], ir_version=3),
        ["w"],
        ["x"],
    ),
    "a weight that is an input with a default": (model(inputs=[X, declared("w", 40, 40)]), ["w"], ["x"]),
    "a weight that is an output": (
        model(outputs=[Y, declared("v", 20, 20)], weights=[W, weight("v", 20, 20)]),
        ["w", "v"],
        ["x"],
    ),
    "an input that is an output": (model(outputs=[Y, X]), ["w"], ["x"]),
    "nodes in no order": (model(UNSORTED), ["w"], ["x"]),
    "a weight that a branch reads, and a result of its own name": (
        model([BRANCH], weights=[W, numpy_helper.from_array(np.asarray(True), "c")]),
        ["w"],
        ["x"],
    ),
    "sizes below 0": (
        model(inputs=[declared("x", -1, 40)], outputs=[declared("y", -1, 40)]),
        ["w"],
        ["x"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_what_exporters_write_is_understood(name: str, tmp_path: Path) -> None:
    proto, weights, inputs = CASES[name]
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    source = open_onnx(tmp_path / "model.onnx")
    assert list(source.weights) == weights
    found, graph = match_layers(source)
    assert found.unmatched == []
    assert [value.name for value in graph.inputs] == inputs
    expected = source.run({"x": np.ones((2, 40), np.float32)})
    assert [output for output, _ in graph.outputs] == list(expected)


REFUSED = {
    "an operator set of the future": (model(opset=2**31 - 1), "operator set 2147483647, but ONNX"),
    "a format of the future": (model(ir_version=2**31), "not a valid ONNX model (Your model ir_version"),
    "a weight of no elements and a huge size": (model(weights=[HUGE]), "more elements than any memory holds"),
    "an input without a shape": (model(inputs=[UNSHAPED]), "The input `x` is declared with no shape; declare its rank"),
    "no output": (model(outputs=[]), "no graph with outputs"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_model_is_is_refused(name: str, tmp_path: Path) -> None:
    proto, sentence = REFUSED[name]
    (tmp_path / "model.onnx").write_bytes(proto.SerializeToString())
    with pytest.raises(ConversionError) as caught:
        match_layers(open_onnx(tmp_path / "model.onnx"))
    assert sentence in str(caught.value)
