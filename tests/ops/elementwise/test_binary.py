"""The merging layers and arithmetic with constants, on floats and on integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes, Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

layers, ops = keras.layers, keras.ops
MERGES = {"Add": "Add", "Multiply": "Multiply", "Maximum": "Maximum", "Minimum": "Minimum"}
ROW = np.linspace(-1.0, 2.0, 5, dtype=np.float32)
WORDS = In((4,), "int32", lambda rng, shape: rng.integers(-9, 10, shape))
LONGS = In((4,), "int64", lambda rng, shape: rng.integers(-9, 10, shape))


def _merge(name: str) -> Any:
    return lambda *xs: getattr(layers, name)()(list(xs))


TABLE: dict[str, Case] = {
    **{f"{name.lower()}_2": case(_merge(name), (5,), (5,), becomes=kind) for name, kind in MERGES.items()},
    **{
        f"{name.lower()}_3": case(_merge(name), (5,), (5,), (5,), becomes=f"{kind} {kind}")
        for name, kind in MERGES.items()
    },
    **{f"{name.lower()}_4d": case(_merge(name), (2, 3, 5), (2, 3, 5), becomes=kind) for name, kind in MERGES.items()},
    **{f"{name.lower()}_broadcast": case(_merge(name), (4, 5), (1, 5), becomes=kind) for name, kind in MERGES.items()},
    **{f"{name.lower()}_both_ways": case(_merge(name), (4, 1), (1, 5), becomes=kind) for name, kind in MERGES.items()},
    **{f"{name.lower()}_ranks": case(_merge(name), (4, 5), (5,)) for name in MERGES},
    "subtract": case(_merge("Subtract"), (5,), (5,), becomes="Subtract"),
    "subtract_broadcast": case(_merge("Subtract"), (1, 5), (4, 5), becomes="Subtract"),
    "average_2": case(_merge("Average"), (5,), (5,), becomes="Add Multiply"),
    "average_4": case(_merge("Average"), (5,), (5,), (5,), (5,), becomes="Add Add Add Multiply"),
    "add_to_itself": case(lambda x: layers.Add()([x, x]), (5,), becomes="Add"),
    "times_number": case(lambda x: x * 2.5, (5,), becomes="Multiply"),
    "plus_number": case(lambda x: 1.5 + x, (5,), becomes="Add"),
    "minus_number": case(lambda x: x - 1.5, (5,)),
    "number_minus": case(lambda x: 1.5 - x, (5,), becomes="Subtract"),
    "divided": case(lambda x: x / 3.0, (5,)),
    "number_divided": case(lambda x: 1.0 / x, (5,)),
    "divided_by_tensor": case(lambda x, y: x / (y * y + 1.0), (5,), (5,)),
    "power": case(lambda x: x**3, (5,)),
    "square": case(ops.square, (5,)),
    "sqrt_abs": case(lambda x: ops.sqrt(ops.abs(x)), (5,)),
    "rsqrt": case(lambda x: ops.rsqrt(ops.abs(x) + 0.1), (5,)),
    "maximum_number": case(lambda x: ops.maximum(x, 0.25), (5,)),
    "minimum_number": case(lambda x: ops.minimum(x, 0.25), (5,)),
    "clip": case(lambda x: ops.clip(x, -0.5, 1.5), (5,), becomes="Activation"),
    "add_int32": case(lambda x, y: x + y, WORDS, WORDS, becomes="Add"),
    "arithmetic_int32": case(lambda x, y: (x * 3 - y) * (y + 2), WORDS, WORDS),
    "arithmetic_int64": case(lambda x, y: ops.maximum(x * 3 - y, ops.minimum(y, 4)), LONGS, LONGS),
    "floor_divide_int32": case(lambda x: ops.floor_divide(x, 4), WORDS),
    "mod_int32": case(lambda x: ops.mod(x, 4), WORDS),
    "floor_divide_float": case(lambda x: ops.floor_divide(x, 1.5), (5,)),
    "mod_float": case(lambda x: ops.mod(x, 1.5), (5,)),
    "negative_int32": case(ops.negative, WORDS),
    "absolute_int64": case(ops.absolute, LONGS),
    "sum_int32": case(lambda x: ops.sum(x, axis=-1), WORDS, becomes="Sum"),
    "max_int64": case(lambda x: ops.max(x, axis=-1, keepdims=True), LONGS, becomes="Max"),
}
CONSTANTS: dict[str, Case] = {
    "times_row": case(lambda x: x * ROW, (4, 5), becomes="Multiply"),
    "row_minus": case(lambda x: ops.subtract(ROW, x), (4, 5), becomes="Subtract"),
    "plus_column": case(lambda x: x + np.arange(4, dtype=np.float32)[:, None], (4, 5), becomes="Add"),
    "row_spreads": case(lambda x: x + ROW, (4, 1), becomes="Add"),
    "row_divided": case(lambda x: ops.divide(ROW, x * x + 1.0), (4, 5)),
}
TABLES = [Table("arithmetic", TABLE), Table("constants", CONSTANTS, suffix="")]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_arithmetic(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)


A, B = floats(3, 4), floats(3, 4, seed=5) + 2
TABLE_NAME = "arithmetic"
NODES = {
    **{
        f"{op.lower()}_{dtype}": node(
            op, symbolic((A * 5).astype(dtype), 0), symbolic((np.abs(B) * 5 + 1).astype(dtype), 0)
        )
        for op in ("Add", "Sub", "Mul", "Div", "Max", "Min")
        for dtype in ("float32", "float64", "int32", "uint8")
    },
    **{
        f"mod_{dtype}": node("Mod", (A * 9).astype(dtype), (np.abs(B) * 3 + 1).astype(dtype))
        for dtype in ("int8", "int64")
    },
    **{
        f"fmod_{dtype}": node("Mod", (A * 9).astype(dtype), B.astype(dtype), fmod=1) for dtype in ("float32", "float64")
    },
    **{f"{op.lower()}_of_many": node(op, A, B, symbolic(A[:1], 1), A * 2) for op in ("Sum", "Mean", "Max", "Min")},
    **{f"{op.lower()}_of_one": node(op, A) for op in ("Sum", "Mean", "Max", "Min")},
    "pow_double": node("Pow", np.abs(A).astype(np.float64), B.astype(np.float64)),
    "pow_ints": node("Pow", integers(3, 4), integers(3, 4, low=0, high=5)),
    "pow_float_int": node("Pow", A, integers(3, 4, low=0, high=5, dtype="int32")),
    "pow_int_float": node("Pow", integers(3, 4, dtype="int32", low=0), const(2.0, "float32")),
    "prelu_before_9": node(
        "PRelu",
        floats(2, 3, 4),
        const([0.1, 0.2, 0.3], "float32"),
        opset=6,
        exact=lambda x, slope: np.where(x < 0, x * slope[:, None], x),
    ),
    "add_before_7": node(
        "Add", floats(2, 3, 4), floats(3), opset=6, broadcast=1, axis=1, exact=lambda a, b: a + b[:, None]
    ),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_arithmetic_nodes(key: str, results: Results) -> None:
    check_node(results[key])
