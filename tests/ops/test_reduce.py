"""Mean, sum, maximum, minimum and product over one axis, several, or all."""

from __future__ import annotations

import pytest

from tests.ops.cases import Case, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

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
