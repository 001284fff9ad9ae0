"""Which models are binary classifiers by default: those whose only output is a probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
import pytest

from tests.models.graphs import graph, node
from tf2rust.classifier.scoring import gives_probabilities, score_column
from tf2rust.onnx_import.expand import match_expanding
from tf2rust.onnx_import.infer import analyse

FLOAT, DOUBLE = onnx.TensorProto.FLOAT, onnx.TensorProto.DOUBLE


@dataclass(frozen=True)
class Case:
    """The nodes from ``x`` [n, columns] to ``y``, and whether ``y`` is a probability."""

    nodes: list[onnx.NodeProto]
    columns: int
    binary: bool
    dtype: int = FLOAT
    shape: tuple[int | str, ...] | None = None


def _leaves(post_transform: str, **more: object) -> list[onnx.NodeProto]:
    """A tree of one split, as scikit-learn's converter writes a classifier of two classes; nothing reads the label."""
    tree = {
        "nodes_treeids": [0] * 3,
        "nodes_nodeids": [0, 1, 2],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_featureids": [0] * 3,
        "nodes_values": [0.5, 0.0, 0.0],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "class_treeids": [0, 0],
        "class_nodeids": [1, 2],
        "class_ids": [0, 0],
        "class_weights": [-0.7, 0.9],
        "classlabels_int64s": [0, 1],
    }
    return [
        onnx.helper.make_node(
            "TreeEnsembleClassifier",
            ["x"],
            ["label", "y"],
            domain="ai.onnx.ml",
            post_transform=post_transform,
            **{**tree, **more},
        )
    ]


SIGMOID, SOFTMAX = node("Sigmoid", ["x"], ["p"]), node("Softmax", ["x"], ["p"], axis=-1)
CASES = {
    "sigmoid": Case([node("Sigmoid", ["x"], ["y"])], 1, True),
    "two-class softmax": Case([node("Softmax", ["x"], ["y"], axis=-1)], 2, True),
    "softmax over axis 1": Case([node("Softmax", ["x"], ["y"], axis=1)], 2, True),
    "sigmoid behind an Identity": Case([SIGMOID, node("Identity", ["p"], ["y"])], 1, True),
    "sigmoid behind a Reshape": Case([SIGMOID, node("Reshape", ["p", "rows"], ["y"])], 1, True),
    "sigmoid behind Unsqueeze and Squeeze": Case(
        [SIGMOID, node("Unsqueeze", ["p", "two"], ["q"]), node("Squeeze", ["q", "two"], ["y"])], 1, True
    ),
    "sigmoid behind a Dropout": Case([SIGMOID, node("Dropout", ["p"], ["y"])], 1, True),
    "sigmoid of float32 as float64": Case([SIGMOID, node("Cast", ["p"], ["y"], to=DOUBLE)], 1, True, DOUBLE),
    "softmax of float32 as float64": Case([SOFTMAX, node("Cast", ["p"], ["y"], to=DOUBLE)], 2, True, DOUBLE),
    "sigmoid that a layer before it takes over": Case(
        [node("MatMul", ["x", "w"], ["m"]), node("Sigmoid", ["m"], ["y"])], 3, True
    ),
    "trees with a logistic link": Case(_leaves("LOGISTIC"), 3, True, shape=("n", 2)),
    "p and 1 − p": Case(
        [SIGMOID, node("Sub", ["one", "p"], ["q"]), node("Concat", ["q", "p"], ["y"], axis=1)], 1, True, shape=("n", 2)
    ),
    "no activation": Case([node("MatMul", ["x", "w"], ["y"])], 3, False),
    "relu": Case([node("Relu", ["x"], ["y"])], 1, False),
    "tanh": Case([node("Tanh", ["x"], ["y"])], 1, False),
    "sigmoid with a factor": Case([SIGMOID, node("Mul", ["p", "five"], ["y"])], 1, False),
    "two sigmoids": Case([node("Sigmoid", ["x"], ["y"])], 2, False),
    "softmax over the samples": Case([node("Softmax", ["x"], ["y"], axis=0)], 2, False),
    "softmax over one": Case([node("Softmax", ["x"], ["y"], axis=-1)], 1, False),
    "logarithms of a softmax": Case([node("LogSoftmax", ["x"], ["y"], axis=-1)], 2, False),
    "softmax over three": Case([node("Softmax", ["x"], ["y"], axis=-1)], 3, False),
    "sigmoid of rank 1": Case([SIGMOID, node("Squeeze", ["p", "one_axis"], ["y"])], 1, False, shape=("n",)),
    "sigmoid cut to whole numbers": Case(
        [SIGMOID, node("Cast", ["p"], ["i"], to=onnx.TensorProto.INT32), node("Cast", ["i"], ["y"], to=FLOAT)], 1, False
    ),
    "trees that vote": Case(_leaves("NONE"), 3, False, shape=("n", 2)),
    "p twice": Case([SIGMOID, node("Concat", ["p", "p"], ["y"], axis=1)], 1, False, shape=("n", 2)),
    "p and 2 − p": Case(
        [SIGMOID, node("Sub", ["two_f", "p"], ["q"]), node("Concat", ["q", "p"], ["y"], axis=1)],
        1,
        False,
        shape=("n", 2),
    ),
}
CONSTANTS = {
    "w": np.ones((3, 1), np.float32),
    "rows": np.array([-1, 1]),
    "one_axis": np.array([1]),
    "two": np.array([2]),
    "one": np.ones((), np.float32),
    "two_f": np.full((), 2, np.float32),
    "five": np.full((), 5, np.float32),
}


@pytest.mark.parametrize("name", CASES)
def test_only_probabilities_make_a_binary_classifier(name: str) -> None:
    case = CASES[name]
    read = {i for n in case.nodes for i in n.input}
    made = "w" in read
    shape = case.shape or ("n", 1 if made else case.columns)
    used = {key: array for key, array in CONSTANTS.items() if key in read}
    model = graph(case.nodes, {"x": (FLOAT, ["n", case.columns])}, {"y": (case.dtype, list(shape))}, used)
    matched = match_expanding(analyse(model))
    assert not matched.unmatched
    assert gives_probabilities(matched.graph) == case.binary
    # The option has the last word wherever there is a column to score.
    assert (score_column(matched.graph) is not None) == (len(shape) == 2 and shape[1] in (1, 2))
