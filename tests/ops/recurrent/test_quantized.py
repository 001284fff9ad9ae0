"""Which DynamicQuantizeLSTM nodes become a layer, and why others do not. ``tests/ops/contrib`` compares the numbers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.ops.contrib.recurrent import CASES, lstm
from tests.ops.nodes import Arg, Node, const
from tf2rust.onnx_import.expand import match_expanding
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.match import Matched, match

BEYOND_INT8 = "unsigned_beyond_int8"


def _with_input(index: int, given: Arg | None) -> Node:
    item = lstm(by_column=True)
    return replace(item, inputs=[given if i == index else other for i, other in enumerate(item.inputs)])


REFUSED: dict[str, tuple[Node, str]] = {
    "beyond_int8": (CASES[BEYOND_INT8], "its kernels minus their zero points do not fit in int8"),
    "lengths": (_with_input(4, const([6, 6], "int32")), "it has unsupported inputs: sequence lengths or peepholes"),
    "peepholes": (_with_input(7, const(np.ones((1, 12)), "float32")), "sequence lengths or peepholes"),
    "activations": (
        lstm(activations=["Sigmoid", "Relu", "Relu"]),
        "its activations are Sigmoid, Relu, Relu (supported: Sigmoid, Tanh, Tanh)",
    ),
    "coupled": (lstm(input_forget=1), "it has the unsupported option input_forget or clip"),
    "dynamic_scale": (_with_input(10, Arg(np.ones((1, 16), np.float32))), "with constant scales and zero points"),
}


def _kinds(matched: Matched) -> list[str]:
    return [layer.kind for layer in matched.graph.layers]


@pytest.mark.parametrize("name", CASES)
def test_layers(name: str) -> None:
    kinds = _kinds(match_expanding(analyse(CASES[name].case(name).model)))
    expected: dict[str, Any] = {"bidirectional": 2, "states": 2, "wide": 2, BEYOND_INT8: 0}
    assert kinds.count("DynamicQuantizedLSTM") == expected.get(name, 1)
    assert ("Loop" in kinds) == (name == BEYOND_INT8)


@pytest.mark.parametrize("name", REFUSED)
def test_reasons(name: str) -> None:
    item, reason = REFUSED[name]
    (unmatched,) = match(analyse(item.model(name))).unmatched
    assert reason in unmatched.reason
