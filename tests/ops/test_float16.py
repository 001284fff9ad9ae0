"""float16: stored unchanged, computed in float32, and rounded once per node."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

HALF = {"dtype": "float16"}
X, Y = floats(3, 4, **HALF), floats(3, 4, seed=2, **HALF)
EDGES = np.asarray([0, -0.0, 1, 65504, 65519.9, 65520, 1e9, 6e-8, 2.9e-8, 3.1e-8, 1e-4, np.inf, -np.inf, np.nan])
WIDE = ("float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "bool")


def _to(dtype: str) -> int:
    return int(TensorProto.DataType.Value({"float32": "FLOAT", "float64": "DOUBLE"}.get(dtype, dtype.upper())))


TABLE_NAME = "float16"
NODES = {
    **{f"to_{dtype}": node("Cast", symbolic(np.abs(X) * 9, 0), to=_to(dtype), by_reference=True) for dtype in WIDE},
    **{
        f"from_{dtype}": node(
            "Cast", integers(3, 4, low=0, high=2 if dtype == "bool" else 120).astype(dtype), to=_to("float16")
        )
        for dtype in WIDE
    },
    "from_edges": node("Cast", EDGES.astype("float32"), to=_to("float16"), by_reference=True),
    "from_double_edges": node("Cast", EDGES, to=_to("float16"), by_reference=True),
    "transpose": node("Transpose", symbolic(X, 0)),
    "concat": node("Concat", X, Y, axis=1),
    "gather": node("Gather", X, const([2, 0]), axis=1),
    "pad": node("Pad", X, const([1, 0, 0, 2])),
    "expand": node("Expand", X[:, None], const([3, 2, 4])),
    "constant": node("Add", symbolic(X, 0), const(Y[:1], "float16")),
    "number": node("Mul", X, const(0.3, "float16")),
    **{op.lower(): node(op, X, Y) for op in ("Add", "Sub", "Mul", "Div", "Max", "Min")},
    "greater": node("Greater", X, Y),
    "where": node("Where", X > 0, X, Y),
    "sqrt": node("Sqrt", np.abs(X)),
    "relu": node("Relu", X),
    "isnan": node("IsNaN", np.where(X > 0, X, np.nan).astype("float16"), by_reference=True),
    "sum": node("ReduceSum", X, const([1])),
    "range": node("Range", *(np.asarray(v, "float16") for v in (1, 5, 2)), by_reference=True, opset=27),
    "matmul": node(
        "MatMul", X, floats(4, 5, **HALF), exact=lambda a, b: (a.astype("f8") @ b.astype("f8")).astype("f2")
    ),
    "softmax": node("Softmax", X, exact=lambda x: _softmax(x.astype("f8")).astype("f2")),
}


def _softmax(x: np.ndarray) -> np.ndarray:
    powers = np.exp(x)
    return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_halves(key: str, results: Results) -> None:
    check_node(results[key])
