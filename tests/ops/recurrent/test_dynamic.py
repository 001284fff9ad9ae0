"""LSTM, GRU and RNN with given weights, lengths, peepholes, clipping and other activations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import Arg, Node, check_node, const, floats, named, node, symbolic

STEPS, BATCH, SIZE, UNITS = 5, 3, 4, 6
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
X = floats(STEPS, BATCH, SIZE)
LENGTHS = np.asarray([5, 2, 3], np.int32)


def _weights(op: str, directions: int = 1) -> list[np.ndarray]:
    rows = GATES[op] * UNITS
    return [
        floats(directions, rows, SIZE, seed=3, scale=0.6),
        floats(directions, rows, UNITS, seed=4, scale=0.6),
        floats(directions, 2 * rows, seed=5),
    ]


def _states(directions: int = 1) -> list[np.ndarray]:
    return [floats(directions, BATCH, UNITS, seed=i) for i in (6, 7)]


def _node(op: str, *more: Arg | np.ndarray | None, directions: int = 1, x: Any = X, **options: Any) -> Node:
    outputs = 3 if op == "LSTM" else 2
    kind = {1: "forward", 2: "bidirectional"}[directions]
    options = {"direction": kind, "hidden_size": UNITS, **options}
    return node(op, x, *_weights(op, directions), *more, outputs=outputs, opset=14, **options)


TABLE_NAME = "recurrent_given"
NODES = {
    **{f"{op}_plain": _node(op, x=symbolic(X, 0, 1)) for op in GATES},
    **{f"{op}_both": _node(op, directions=2) for op in GATES},
    **{f"{op}_reverse": _node(op, direction="reverse") for op in GATES},
    **{f"{op}_lengths": _node(op, LENGTHS) for op in GATES},
    **{f"{op}_lengths_both": _node(op, LENGTHS, directions=2) for op in GATES},
    **{f"{op}_state": _node(op, LENGTHS, _states(2)[0], directions=2) for op in ("GRU", "RNN")},
    **{f"{op}_clip": _node(op, clip=0.3) for op in GATES},
    **{
        f"{op}_batch_first": node(
            op, X, *_weights(op), None, floats(STEPS, 1, UNITS, seed=8), outputs=2, opset=14, layout=1,
            hidden_size=UNITS, by_reference=True,
        )
        for op in ("GRU", "RNN", "LSTM")
    },
    **{f"GRU_before_reset_{d}": _node("GRU", linear_before_reset=1, directions=d) for d in (1, 2)},
    "LSTM_states": _node("LSTM", LENGTHS, *_states(2), directions=2),
    "LSTM_peepholes": _node("LSTM", None, *_states(), floats(1, 3 * UNITS, seed=9)),
    "LSTM_peepholes_both": _node("LSTM", LENGTHS, *_states(2), floats(2, 3 * UNITS, seed=9), directions=2),
    "LSTM_coupled": _node("LSTM", input_forget=1),
    "LSTM_activations": _node("LSTM", activations=["HardSigmoid", "Relu", "Softsign"]),
    "GRU_activations": _node(
        "GRU", activations=["Sigmoid", "LeakyRelu"] * 2, activation_alpha=[0.1, 0.2], directions=2
    ),
    "LSTM_constant_weights": node(
        "LSTM",
        symbolic(X, 0, 1),
        *(const(w, "float32") for w in _weights("LSTM")),
        LENGTHS,
        *_states(),
        const(floats(1, 3 * UNITS, seed=9), "float32"),
        outputs=3,
        opset=14,
        hidden_size=UNITS,
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_recurrent_given(key: str, results: Results) -> None:
    check_node(results[key])
