"""Einsum of any number of operands and of any numbers; MatMul and Gemm of numbers that are not float32."""

from __future__ import annotations

import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import Arg, Node, check_node, floats, integers, named, node, symbolic

A, B, C = floats(2, 3, 4), floats(2, 4, 5), floats(5, 3)
SQUARE = floats(3, 5, 5)
DOUBLE = {"dtype": "float64"}


def _node(equation: str, *operands: Arg | object, **options: object) -> Node:
    return node("Einsum", *operands, opset=12, equation=equation, **options)  # type: ignore[arg-type]


TABLE_NAME = "einsum_product"
NODES = {
    "transpose": _node("ij->ji", floats(3, 4, **DOUBLE)),
    "sum": _node("ij->i", symbolic(floats(3, 4, **DOUBLE), 0)),
    "sum_of_all": _node("ij->", floats(3, 4)),
    "scalar": _node("->", floats()),
    "diagonal": _node("...ii->...i", symbolic(SQUARE, 0)),
    "diagonal_in_front": _node("iij->ji", floats(4, 4, 3)),
    "trace": _node("ii", floats(4, 4, **DOUBLE)),
    "cube": _node("iii->i", floats(4, 4, 4)),
    "diagonal_of_two": _node("bii,bij->bj", SQUARE, SQUARE),
    "batches": _node("bij,bjk->bik", A.astype("float64"), B.astype("float64")),
    "inner": _node("i,i", floats(5, **DOUBLE), floats(5, seed=2, **DOUBLE)),
    "integers": _node("bij,bjk->bik", integers(2, 3, 4), integers(2, 4, 5)),
    "three": _node("bij,bjk,ki->b", symbolic(A, 0), symbolic(B, 0), C),
    "three_outer": _node("i,j,k->kij", floats(3), floats(4), floats(5)),
    "three_shared": _node("bi,bi,bi->b", floats(2, 3), floats(2, 3, seed=2), floats(2, 3, seed=3)),
    "four": _node("ij,jk,kl,li->i", *(floats(*s) for s in ((2, 3), (3, 4), (4, 5), (5, 2)))),
    "implicit": _node("bij,bjk", A, B),
    "ellipsis_of_two": _node("...ij,jk->...ik", symbolic(A, 0), floats(4, 5)),
    "matmul_doubles": node("MatMul", symbolic(A.astype("float64"), 0), B.astype("float64")),
    "matmul_integers": node("MatMul", integers(3, 4, dtype="int32"), integers(4, 5, dtype="int32")),
    "matmul_row": node("MatMul", floats(4, **DOUBLE), B.astype("float64")),
    "gemm_doubles": node(
        "Gemm", floats(4, 3, **DOUBLE), floats(5, 4, **DOUBLE), floats(5, **DOUBLE), transA=1, transB=1, alpha=0.5,
        beta=2.0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_einsum_product(key: str, results: Results) -> None:
    check_node(results[key])
