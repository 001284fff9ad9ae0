"""ONNX's specification where ONNX Runtime differs from it or aborts the process."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import Arg, Node, check_node, const, floats, named, node, symbolic

LINE = floats(1, 2, 4)
# Taps at −1 and 4: neither is one of the four elements.
AROUND = {"kernel_shape": [2], "pads": [1, 1], "dilations": [5]}
UNITS, FEATURES = 2, 3
GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
STATE = floats(1, 2, UNITS, seed=3)
TREE = {
    "n_targets": 1, "nodes_falsenodeids": [2, 0, 0], "nodes_featureids": [0, 0, 0],
    "nodes_missing_value_tracks_true": [0, 0, 0], "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
    "nodes_nodeids": [0, 1, 2], "nodes_treeids": [0, 0, 0], "nodes_truenodeids": [1, 0, 0],
    "nodes_values": [0.5, 0.0, 0.0], "target_ids": [0, 0], "target_nodeids": [1, 2], "target_treeids": [0, 0],
    "target_weights": [-1.5, 2.0],
}  # fmt: skip
ROWS = np.asarray([[0], [1]], np.float32)
SCORES = np.asarray([[-1.5], [2]], np.float32)
SUPPORT = {"kernel_type": "LINEAR", "kernel_params": [0.0, 0.0, 0.0], "coefficients": [0.7], "rho": [0.1]}


def _filled(value: float) -> Callable[..., np.ndarray]:
    return lambda *_: np.full((1, 2, 1), value, np.float32)


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return np.asarray(1 / (1 + np.exp(-x.astype(np.float64))), np.float32)


def _recurrence(op: str, x: Arg | np.ndarray, direction: str = "forward") -> Node:
    """No steps: no outputs, and the initial state."""
    gates, ways = GATES[op], 1 + (direction == "bidirectional")
    weights = [const(floats(ways, gates * UNITS, n, seed=n), "float32") for n in (FEATURES, UNITS)]
    states = [np.repeat(STATE * (i + 1), ways, axis=0) for i in range(1 + (op == "LSTM"))]

    def exact(*_: np.ndarray) -> tuple[np.ndarray, ...]:
        return (np.zeros((0, ways, 2, UNITS), np.float32), *states)

    return node(
        op, x, *weights, None, None, *states,
        outputs=1 + len(states), hidden_size=UNITS, direction=direction, exact=exact,
    )  # fmt: skip


def _linear(kind: str, targets: int, exact: Callable[..., np.ndarray] | None = None) -> Node:
    numbers = {"coefficients": [0.7, -0.2][:targets], "intercepts": [0.1, 0.2][:targets], "targets": targets}
    return node("ai.onnx.ml:LinearRegressor", ROWS, post_transform=kind, exact=exact, **numbers)


NO_STEPS = np.zeros((0, 2, FEATURES), np.float32)
TABLE_NAME = "specification"
NODES: dict[str, Node] = {
    "max_of_padding": node("MaxPool", LINE, exact=_filled(-np.inf), **AROUND),
    "average_of_padding": node("AveragePool", LINE, **AROUND),
    "average_of_padding_counted": node("AveragePool", LINE, count_include_pad=1, **AROUND),
    "norm_of_padding": node("LpPool", LINE, **AROUND),
    "max_of_minus_infinity": node(
        "MaxPool", np.full((1, 2, 2), -np.inf, np.float32), kernel_shape=[2], exact=_filled(-np.inf)
    ),
    **{f"{op.lower()}_of_no_steps": _recurrence(op, NO_STEPS) for op in GATES},
    **{f"{op.lower()}_of_no_steps_free": _recurrence(op, symbolic(NO_STEPS, 0)) for op in GATES},
    **{f"{op.lower()}_of_no_steps_both": _recurrence(op, symbolic(NO_STEPS, 0), "bidirectional") for op in GATES},
    "tree_logistic": node(
        "ai.onnx.ml:TreeEnsembleRegressor", ROWS, post_transform="LOGISTIC", exact=lambda _: _sigmoid(SCORES), **TREE
    ),
    "tree_softmax": node(
        "ai.onnx.ml:TreeEnsembleRegressor", ROWS, post_transform="SOFTMAX", exact=np.ones_like, **TREE
    ),
    "support_logistic": node(
        "ai.onnx.ml:SVMRegressor", ROWS, post_transform="LOGISTIC", exact=lambda x: _sigmoid(0.7 * x + 0.1), **SUPPORT
    ),
    # Of several targets ONNX Runtime transforms the scores; of one it does not.
    **{f"linear_{kind.lower()}": _linear(kind, 2) for kind in ("LOGISTIC", "SOFTMAX")},
    "linear_logistic_of_one": _linear("LOGISTIC", 1, lambda x: _sigmoid(0.7 * x + 0.1)),
    "linear_softmax_of_one": _linear("SOFTMAX", 1, np.ones_like),
}  # fmt: skip


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_specification(key: str, results: Results) -> None:
    check_node(results[key])
