"""MatMul and Gemm of tensors that are not constants."""

from __future__ import annotations

import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, named, node, symbolic

TABLE_NAME = "matmul"
NODES = {
    "plain": node("MatMul", symbolic(floats(5, 7), 0), symbolic(floats(7, 3, seed=4), 1)),
    "batches": node("MatMul", symbolic(floats(2, 3, 4, 5), 0), symbolic(floats(2, 3, 5, 6, seed=4), 0)),
    "broadcast_right": node("MatMul", floats(2, 3, 4, 5), floats(5, 6, seed=4)),
    "broadcast_left": node("MatMul", floats(4, 5), floats(2, 5, 6, seed=4)),
    "broadcast_both": node("MatMul", floats(2, 1, 4, 5), floats(3, 5, 6, seed=4)),
    "vectors": node("MatMul", floats(9), floats(9, seed=4)),
    "vector_by_matrices": node("MatMul", floats(5), floats(3, 5, 2, seed=4)),
    "matrices_by_vector": node("MatMul", floats(3, 2, 5), floats(5, seed=4)),
    "constant_left": node("MatMul", const(floats(4, 5), "float32"), symbolic(floats(5, 6, seed=4), 1)),
    "constant_batches": node("MatMul", floats(2, 4, 5), const(floats(2, 5, 6, seed=4), "float32")),
    "large": node("MatMul", floats(70, 130), floats(130, 67, seed=4)),
    "gemm": node("Gemm", floats(4, 5), floats(5, 6, seed=4)),
    "gemm_options": node(
        "Gemm", floats(5, 4), floats(6, 5, seed=4), floats(6, seed=5), alpha=0.5, beta=2.0, transA=1, transB=1
    ),
    "gemm_column": node("Gemm", symbolic(floats(4, 5), 0), floats(5, 6, seed=4), symbolic(floats(4, 1, seed=5), 0)),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_matmul(key: str, results: Results) -> None:
    check_node(results[key])
