"""Activations of ONNX Runtime's domain."""

from __future__ import annotations

import pytest

from tests.ops.conftest import Results
from tests.ops.contrib.merged import Merged, check_definition
from tests.ops.nodes import Node, check_node, const, floats, named, node, symbolic

X = symbolic(floats(4, 3, 5, scale=2.0), 0)
BIAS = const(floats(5, seed=3), "float32")

CASES: dict[str, Node] = {
    "gelu": node("com.microsoft:Gelu", X),
    "bias_gelu": node("com.microsoft:BiasGelu", X, BIAS),
    "fast_gelu": node("com.microsoft:FastGelu", X),
    "fast_gelu_of_biased": node("com.microsoft:FastGelu", X, BIAS),
    "quick_gelu": node("com.microsoft:QuickGelu", X),
    "quick_gelu_of_one": node("com.microsoft:QuickGelu", X, alpha=1.0),
}
TABLE_NAME = "contrib_activation"
NODES = {"all": Merged(table=CASES)}


@pytest.mark.parametrize("name", CASES)
def test_definition(name: str) -> None:
    check_definition(CASES[name])


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_crate(key: str, results: Results) -> None:
    check_node(results[key])
