"""Functions of one number."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

X = floats(3, 7, scale=2)
SPECIAL = np.asarray([1, np.inf, -np.inf, np.nan, 0], np.float32)


TABLE_NAME = "math"
NODES = {
    **{
        op.lower(): node(op, symbolic(x, 0))
        for op, x in {
            **dict.fromkeys(("Sin", "Cos", "Tan", "Atan", "Sinh", "Cosh", "Asinh", "Erf", "Neg", "Abs", "Sign"), X),
            **dict.fromkeys(("Floor", "Ceil", "Round", "Exp", "Reciprocal"), X),
            **dict.fromkeys(("Asin", "Acos", "Atanh"), np.tanh(X)),
            **dict.fromkeys(("Sqrt", "Log"), np.abs(X)),
            "Acosh": np.abs(X) + 1,
        }.items()
    },
    **{f"{op.lower()}_double": node(op, np.abs(X).astype(np.float64)) for op in ("Exp", "Log", "Sqrt", "Floor", "Neg")},
    **{f"{op.lower()}_int": node(op, integers(3, 4, dtype="int32")) for op in ("Neg", "Abs", "Sign")},
    "isnan": node("IsNaN", SPECIAL),
    "isinf": node("IsInf", SPECIAL),
    "isinf_positive": node("IsInf", SPECIAL, detect_negative=0),
    "isinf_negative": node("IsInf", SPECIAL, detect_positive=0),
    "isinf_never": node("IsInf", SPECIAL, detect_positive=0, detect_negative=0, by_reference=True),
    "isinf_double": node("IsInf", SPECIAL.astype(np.float64)),
    "shrink": node("Shrink", symbolic(X, 0), lambd=0.7, bias=0.2),
    "selu": node("Selu", X, alpha=2.0, gamma=3.0),
    "clip_of_inputs": node("Clip", X, np.asarray(-0.5, np.float32), np.asarray(0.75, np.float32)),
    "clip_ints": node("Clip", integers(3, 4), const(-3), const(4)),
    "clip_above": node("Clip", integers(3, 4, dtype="int32"), None, np.asarray(4, np.int32)),
    "celu": node("Celu", X, alpha=1.5),
    "gelu": node("Gelu", X, approximate="tanh"),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_math(key: str, results: Results) -> None:
    check_node(results[key])
