"""Operators of ONNX Runtime's domain that ONNX has too."""

from __future__ import annotations

import pytest

from tests.ops.conftest import Results
from tests.ops.contrib.merged import Merged, check_definition
from tests.ops.nodes import Node, check_node, const, floats, named, node, symbolic

X = symbolic(floats(4, 3, 5), 0)

CASES: dict[str, Node] = {
    "pad": node("com.microsoft:Pad", X, const([0, 1, 2, 0, 0, 1]), const(0.5, "float32")),
    "pad_by_row": node("com.microsoft:Pad", X, const([[0, 1, 2, 0, 0, 1]])),
    "pad_reflect": node("com.microsoft:Pad", X, const([0, 1, 2, 0, 0, 1]), mode="reflect"),
    "range": node("com.microsoft:Range", const(2.0, "float32"), const(9.0, "float32"), const(1.5, "float32")),
    "range_of_ones": node("com.microsoft:Range", const([3]), const([8])),
}
TABLE_NAME = "contrib_shape"
NODES = {"all": Merged(table={name: case for name, case in CASES.items() if name.startswith("pad")})}


@pytest.mark.parametrize("name", CASES)
def test_definition(name: str) -> None:
    check_definition(CASES[name])


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_crate(key: str, results: Results) -> None:
    check_node(results[key])
