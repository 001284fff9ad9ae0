"""Where ONNX Runtime departs from the ONNX specification: each departure is real, and its replacement is correct."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
import pytest

from tests.models.graphs import graph, node
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.load import run_onnx
from tf2rust.proof.reference.departures import as_specified

F = onnx.TensorProto.FLOAT
ROWS = np.array([[0.0], [1.0], [np.nan]], np.float32)


@dataclass(frozen=True)
class Case:
    """A node with its inputs, and its last output by the specification and by ONNX Runtime (None: it cannot open)."""

    node: onnx.NodeProto
    inputs: dict[str, np.ndarray]
    specified: np.ndarray
    runtime: np.ndarray | None
    weights: dict[str, np.ndarray] = field(default_factory=dict)


def _tree(op: str, *outputs: str, **attributes: Any) -> onnx.NodeProto:
    """A tree that is a leaf up to 0.5, and another leaf above it or for NaN."""
    return onnx.helper.make_node(
        op,
        ["x"],
        outputs,
        domain="ai.onnx.ml",
        nodes_treeids=[0] * 3,
        nodes_nodeids=[0, 1, 2],
        nodes_modes=["BRANCH_LEQ", "LEAF", "LEAF"],
        nodes_featureids=[0] * 3,
        nodes_values=[0.5, 0.0, 0.0],
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        **attributes,
    )


def _regressor(link: str) -> onnx.NodeProto:
    """−0.7 in the first leaf and 0.9 in the second."""
    leaves: dict[str, Any] = {"target_treeids": [0, 0], "target_nodeids": [1, 2], "target_weights": [-0.7, 0.9]}
    return _tree("TreeEnsembleRegressor", "y", post_transform=link, n_targets=1, target_ids=[0, 0], **leaves)


def _classifier() -> onnx.NodeProto:
    """The scores (0.7, 0.2) in the first leaf and (0.1, 0.8) in the second."""
    leaves: dict[str, Any] = {"class_treeids": [0] * 4, "class_nodeids": [1, 1, 2, 2], "class_ids": [0, 1, 0, 1]}
    return _tree(
        "TreeEnsembleClassifier", "y", "scores", class_weights=[0.7, 0.2, 0.1, 0.8], classlabels_int64s=[7, 5], **leaves
    )


def _recurrent(op: str, gates: int) -> Case:
    """No step from a first state of 0.5. Without lengths, a GRU and an RNN make ONNX Runtime abort the process."""
    inputs = {
        "x": np.zeros((0, 1, 2), np.float32),
        "w": np.ones((1, gates * 3, 2), np.float32),
        "r": np.ones((1, gates * 3, 3), np.float32),
        "lengths": np.zeros(1, np.int32),
        "h": np.full((1, 1, 3), 0.5, np.float32),
    }
    made = node(op, ["x", "w", "r", "", "lengths", "h"], ["steps", "y"], hidden_size=3)
    return Case(made, inputs, inputs["h"], np.zeros((1, 1, 3), np.float32))


def _few_bits() -> Case:
    """1000 and fifteen times 0.3, times weights of one; 0.3 is less than half a step of 1000 / 127."""
    x = np.array([[1000.0, *[0.3] * 15]], np.float32)
    weights = {"q": np.full((1, 1, 8), 0x99, np.uint8), "scales": np.ones((1, 1), np.float32)}
    sizes = {"K": 16, "N": 1, "bits": 4, "block_size": 16}
    made = onnx.helper.make_node(
        "MatMulNBits", ["x", *weights], ["y"], domain="com.microsoft", accuracy_level=4, **sizes
    )
    return Case(made, {"x": x}, x.sum(1, keepdims=True), np.array([[1000.0]], np.float32), weights)


TREE = np.array([[-0.7], [0.9], [0.9]], np.float32)
PIXELS = np.array([[[1, 2, 3, 4]]], np.float32)
CASES = {
    "weights of four bits": _few_bits(),
    "a tree with a logistic link": Case(_regressor("LOGISTIC"), {"x": ROWS}, 1 / (1 + np.exp(-TREE)), TREE),
    "a tree with a softmax of one": Case(_regressor("SOFTMAX"), {"x": ROWS}, np.ones((3, 1), np.float32), TREE),
    "a label of two classes": Case(_classifier(), {"x": ROWS}, np.array([7, 5, 5]), np.array([1, 1, 1])),
    "LSTM": _recurrent("LSTM", 4),
    "GRU": _recurrent("GRU", 3),
    "RNN": _recurrent("RNN", 1),
    "MaxPool beyond the image": Case(
        node("MaxPool", ["x"], ["y"], kernel_shape=[2], pads=[2, 2]),
        {"x": PIXELS},
        np.array([[[-np.inf, 1, 2, 3, 4, 4, -np.inf]]], np.float32),
        None,
    ),
    "AveragePool that counts the padding": Case(
        node("AveragePool", ["x"], ["y"], kernel_shape=[2], pads=[2, 2], count_include_pad=1),
        {"x": PIXELS},
        np.array([[[0, 0.5, 1.5, 2.5, 3.5, 2, 0]]], np.float32),
        None,
    ),
}


def _model(case: Case) -> onnx.ModelProto:
    inputs = {
        name: (onnx.helper.np_dtype_to_tensor_dtype(array.dtype), list(array.shape))
        for name, array in case.inputs.items()
    }
    dtype = onnx.helper.np_dtype_to_tensor_dtype(case.specified.dtype)
    return graph([case.node], inputs, {"y": (dtype, [f"d{i}" for i in range(case.specified.ndim)])}, case.weights)


@pytest.mark.parametrize("name", CASES)
def test_the_departure_is_real(name: str) -> None:
    case = CASES[name]
    if case.runtime is None:
        with pytest.raises(ConversionError, match="cannot open the model"):
            run_onnx(_model(case), case.inputs)
    else:
        np.testing.assert_allclose(run_onnx(_model(case), case.inputs)["y"], case.runtime, rtol=1e-6)


@pytest.mark.parametrize("name", CASES)
def test_the_specification_is_computed_instead(name: str) -> None:
    case = CASES[name]
    changed, notes = as_specified(_model(case))
    np.testing.assert_allclose(run_onnx(changed, case.inputs)["y"], case.specified, rtol=1e-6)
    assert len(notes) == 1
    assert notes[0].startswith("ONNX Runtime departs from the ONNX specification: ")


@pytest.mark.parametrize(
    "item",
    [
        node("Relu", ["x"], ["y"]),
        node("MaxPool", ["x"], ["y"], kernel_shape=[3], pads=[2, 2]),
        node("AveragePool", ["x"], ["y"], kernel_shape=[3], pads=[1, 1]),
    ],
    ids=lambda n: n.op_type,
)
def test_other_nodes_are_left_alone(item: onnx.NodeProto) -> None:
    model = graph([item], {"x": (F, [1, 1, 4])}, {"y": (F, [1, 1, "l"])})
    changed, notes = as_specified(model)
    assert changed is model
    assert not notes
