"""How the fields of a model are split among functions."""

from __future__ import annotations

import pytest

from tf2rust.codegen.control_flow import ModelField
from tf2rust.codegen.render import _groups
from tf2rust.rust.tree import Token


@pytest.mark.parametrize("count", [0, 1, 32, 64, 65, 66, 96, 97, 128, 129, 1025])
def test_no_group_of_fields_is_too_large_or_has_a_single_one(count: int) -> None:
    fields = [ModelField(f"layer_{i}", Token("Dense<'w>"), Token("Dense {}")) for i in range(count)]
    groups = [group.fields for group in _groups(fields)]
    assert [field for group in groups for field in group] == (fields if count > 64 else [])
    assert all(2 <= len(group) <= 32 for group in groups)
