"""Mean, sum, maximum, minimum and product over one axis, several, or all."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.cases import Case, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes, Results
from tests.ops.nodes import check_node, const, floats, integers, named, node, symbolic

ops = keras.ops
SHAPE = (3, 4, 5)
# Name -> axes of [n, 3, 4, 5], and over how many layers they are spread: neighbours are taken as one.
AXES: dict[str, tuple[int | tuple[int, ...], int]] = {
    "first": (1, 1),
    "last": (-1, 1),
    "middle": (2, 1),
    "neighbours": ((1, 2), 1),
    "last_two": ((-1, -2), 1),
    "apart": ((1, 3), 2),
    "all_but_batch": ((1, 2, 3), 1),
    "batch": (0, 1),
}
GLOBAL = {"mean": "GlobalAveragePooling", "max": "GlobalMaxPooling"}


def _kinds(function: str, name: str, keep: bool) -> str:
    kind = function.capitalize()
    if name == "neighbours" and function in GLOBAL:
        return f"{GLOBAL[function]}2D"
    if name == "apart" and function in GLOBAL and not keep:  # the last axis is gone when the first is reduced
        return f"{kind} {GLOBAL[function]}1D"
    return " ".join([kind] * AXES[name][1])


TABLE: dict[str, Case] = {
    f"{function}_{name}{'_keepdims' * keep}": case(
        lambda x, f=function, a=axes, k=keep: getattr(ops, f)(x, axis=a, keepdims=k),
        SHAPE,
        becomes=_kinds(function, name, keep),
    )
    for function in ("mean", "sum", "max", "min", "prod")
    for name, (axes, _) in AXES.items()
    for keep in (False, True)
}
TABLE |= {
    "mean_of_sequence": case(lambda x: ops.mean(x, axis=1), (4, 5), becomes="GlobalAveragePooling1D"),
    "mean_everything": case(ops.mean, (4, 5), becomes="Mean"),
    "variance": case(lambda x: ops.var(x, axis=-1), (4, 5)),
    "standard_deviation": case(lambda x: ops.std(x, axis=1), (4, 5)),
    "logsumexp": case(lambda x: ops.logsumexp(x, axis=-1), (4, 5)),
    "norm": case(lambda x: ops.norm(x, axis=-1), (4, 5)),
    "mean_free_time": case(lambda x: ops.mean(x, axis=1), (None, 5), becomes="GlobalAveragePooling1D"),
}
TABLES = [Table("reduce", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_reduce(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)


TABLE_NAME = "reduce"
X = floats(3, 4, 5)
NODES = {
    **{
        f"{kind}_{name}": node(f"Reduce{kind}", symbolic(X if kind != "LogSum" else np.abs(X), 0), *axes, **attributes)
        for kind in ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
        for name, axes, attributes in (
            ("axis", [const([1])], {"keepdims": 0}),
            ("axes", [const([-1, 0])], {}),
            ("all", [], {"keepdims": 0}),
        )
    },
    **{
        f"{kind}_before_18": node(f"Reduce{kind}", X, axes=[0, 2], keepdims=0, opset=11)
        for kind in ("L1", "L2", "LogSumExp", "Max", "Sum", "SumSquare")
    },
    "max_bool": node("ReduceMax", X > 1, const([1]), by_reference=True),
    "min_ints": node("ReduceMin", integers(3, 4), const([1])),
    "sum_double": node("ReduceSum", X.astype(np.float64), const([1, 2])),
    "mean_double": node("ReduceMean", X.astype(np.float64), const([0, 2])),
    "mean_double_of_all": node("ReduceMean", X.astype(np.float64), keepdims=0),
    "log_sum_exp_double": node("ReduceLogSumExp", X.astype(np.float64), const([1])),
    "log_sum_exp_of_infinities": node(
        "ReduceLogSumExp",
        np.asarray([[-np.inf, -np.inf], [1, -np.inf]], np.float32),
        const([1]),
        exact=lambda x, _: np.asarray([[-np.inf], [1]], np.float32),
    ),
    "of_nothing": node("ReduceSum", X, noop_with_empty_axes=1),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_reduce_nodes(key: str, results: Results) -> None:
    check_node(results[key])
