"""CategoryEncoding of integers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers = keras.layers
CATEGORIES = 10


def _indices(shape: tuple[int | None, ...]) -> In:
    return In(shape, "int32", feed=lambda rng, size: rng.integers(0, CATEGORIES, size))


def _encoding(mode: str) -> Any:
    return lambda x: layers.CategoryEncoding(CATEGORIES, output_mode=mode)(x)


TABLE: dict[str, Case] = {
    "count": case(_encoding("count"), _indices((6,)), becomes="CategoryEncoding"),
    "multi_hot": case(_encoding("multi_hot"), _indices((6,)), becomes="CategoryEncoding"),
    "multi_hot_of_any_length": case(_encoding("multi_hot"), _indices((None,)), becomes="CategoryEncoding"),
    "one_hot": case(_encoding("one_hot"), _indices((1,)), becomes="Cast Cast OneHot"),
}
TABLES = [Table("category_encoding", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_category_encoding(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
