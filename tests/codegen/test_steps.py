"""The Rust of tuples."""

from __future__ import annotations

from tf2rust.codegen.steps import nest


def test_tuples_of_many() -> None:
    assert nest(["a"]) == "(a,)"
    assert nest(list("abcdefgh")) == "(a, b, c, d, e, f, g, h)"
    assert nest(list("abcdefghi")) == "((a, b, c, d, e, f, g, h), (i,))"
