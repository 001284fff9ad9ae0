"""Operators of ONNX Runtime's domain: their definitions, and crates of all nodes of a table."""

from __future__ import annotations

import pytest

from tests.ops.conftest import Results
from tests.ops.contrib import activation, attention, blocks, normalization, products, quantized, recurrent, shape
from tests.ops.contrib.merged import Merged, check_definition
from tests.ops.nodes import check_node, named

DEFINITIONS = {
    "activation": activation.CASES,
    "attention": attention.CASES,
    "blocks": blocks.CASES,
    "normalization": normalization.CASES,
    "products": products.CASES,
    "quantized": quantized.CASES,
    "recurrent": recurrent.CASES,
    "shape": shape.CASES,
}
TABLE_NAME = "contrib"
NODES = {name: Merged(table=table) for name, table in {**DEFINITIONS, "shape": shape.WITH_INPUTS}.items()}


@pytest.mark.parametrize(("table", "name"), [(table, name) for table, cases in DEFINITIONS.items() for name in cases])
def test_definition(table: str, name: str) -> None:
    check_definition(DEFINITIONS[table][name])


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_crate(key: str, results: Results) -> None:
    check_node(results[key])
