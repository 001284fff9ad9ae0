"""docs/layers.md matches the code."""

from __future__ import annotations

from tests.crates import ROOT
from tf2rust.ops.catalogue import page


def test_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "layers.md").read_text(encoding="utf-8") == page(), (
        "run: python -m tf2rust.ops.catalogue > docs/layers.md"
    )


def test_every_rule_is_on_the_page() -> None:
    from tf2rust.ops.core.registry import rules_by_op

    text = page()
    missing = {rule.name for rules in rules_by_op().values() for rule in rules if f"`{rule.name}`: " not in text}
    assert not missing
