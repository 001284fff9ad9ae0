"""Comparisons, truth values, casts, and choosing by them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes, Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

layers, ops = keras.layers, keras.ops
WORDS = In((6,), "int32", lambda rng, shape: rng.integers(-3, 4, shape))
FLAGS = In((6,), "bool")


def _both_ways(x: Any, y: Any) -> list[Any]:
    greater = x > y
    return [ops.where(greater, x, y), ops.where(greater, y, x)]


TABLE: dict[str, Case] = {
    **{
        # tf2onnx compares integers as floats, where ONNX once could not do otherwise.
        f"{name}_number": case(
            lambda x, f=name: getattr(ops, f)(x, 1),
            WORDS,
            becomes="Cast Compare" if name in ("less", "greater") else "Compare",
        )
        for name in ("equal", "not_equal", "less", "less_equal", "greater", "greater_equal")
    },
    "greater_tensors": case(lambda x, y: x > y, (6,), (6,), becomes="Compare"),
    "less_broadcast": case(lambda x, y: x < y, (4, 1), (1, 5), becomes="Compare"),
    "logical_and": case(ops.logical_and, FLAGS, FLAGS, becomes="Logic"),
    "logical_or": case(ops.logical_or, FLAGS, FLAGS, becomes="Logic"),
    "logical_xor": case(ops.logical_xor, FLAGS, FLAGS, becomes="Logic"),
    "logical_not": case(ops.logical_not, FLAGS, becomes="Not"),
    "where": case(lambda x, y: ops.where(x > 0.5, x, y), (6,), (6,), becomes="Compare Where"),
    "where_numbers": case(lambda x: ops.where(x > 0.5, 2.0, -1.0), (6,), becomes="Compare Where"),
    "where_zeros": case(lambda x: ops.where(x > 0.5, x, ops.zeros_like(x)), (6,)),
    "where_flags": case(ops.where, FLAGS, (6,), (6,), becomes="Where"),
    "where_broadcast": case(lambda c, x: ops.where(c, x, 0.5), In((6, 1), "bool"), (6, 4), becomes="Where"),
    "where_int32": case(
        lambda x, y: ops.where(x > y, x, y * 2), WORDS, WORDS, becomes="Cast Cast Compare Multiply Where"
    ),
    "where_dead_side_is_infinite": case(
        lambda x: ops.where(x > 0, 1.0 / x, x), In((6,), feed=lambda rng, shape: np.resize([0.0, 2.0, -1.0], shape))
    ),
    "where_twice_by_one_condition": case(
        _both_ways,
        (6,),
        (6,),
        becomes="Compare Where Where",
    ),
    "where_nested": case(
        lambda x, y: ops.where(x > 0, ops.where(y > 0, x, y), y + x),
        (6,),
        (6,),
        becomes="Compare Compare Where Add Where",
    ),
    "mask_by_product": case(lambda x: x * ops.cast(x > 0.5, "float32"), (6,), becomes="Activation"),
    "cast_bool_float": case(lambda x: ops.cast(x, "float32"), FLAGS, becomes="Cast"),
    "cast_bool_int": case(lambda x: ops.cast(x, "int32"), FLAGS, becomes="Cast"),
    "cast_float_int": case(lambda x: ops.cast(x, "int32"), (6,), becomes="Cast"),
    "cast_int_float": case(lambda x: ops.cast(x, "float32"), WORDS, becomes="Cast"),
    "cast_int_bool": case(lambda x: ops.cast(x, "bool"), WORDS),
    "cast_int_int": case(lambda x: ops.cast(x, "int64"), WORDS, becomes="Cast"),
    "is_nan": case(lambda x: ops.isnan(x), In((6,), feed=lambda rng, shape: np.resize([0.0, np.nan, -1.0], shape))),
    "any": case(lambda x: ops.any(x, axis=-1), FLAGS),
    "all": case(lambda x: ops.all(x, axis=-1), FLAGS),
    "take_axis": case(lambda x: ops.take(x, np.array([2, 0, 2]), axis=2), (3, 4), becomes="Gather"),
    "sign": case(ops.sign, (6,)),
    "relu_of_masked": case(lambda x, y: layers.Multiply()([x, ops.cast(y > 0, "float32")]), (6,), (6,)),
}
TABLES = [Table("select", TABLE, suffix="")]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_select(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)


A, B = floats(3, 4), floats(4, seed=5)
TABLE_NAME = "select"
NODES = {
    **{
        f"{op.lower()}_{dtype}": node(op, symbolic((A * 2).astype(dtype), 0), (B * 2).astype(dtype))
        for op in ("Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual")
        for dtype in ("float32", "float64", "int32", "int64")
    },
    **{f"{op.lower()}": node(op, A > 0, symbolic(B > 0, 0)) for op in ("And", "Or", "Xor")},
    "equal_bool": node("Equal", A > 0, B > 0),
    "where_double": node("Where", A > 0, A.astype(np.float64), B.astype(np.float64)),
    "where_uint8": node("Where", A > 0, const(200, "uint8"), integers(3, 4, low=0, dtype="uint8")),
    "where_beyond_floats": node("Where", A > 0, integers(3, 4), const(2**63 - 1)),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_select_nodes(key: str, results: Results) -> None:
    check_node(results[key])
