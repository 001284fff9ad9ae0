"""The Rust of tuples."""

from __future__ import annotations

from tf2rust.codegen.model import nest
from tf2rust.rust.tree import Token


def test_tuples_of_many() -> None:
    assert str(nest([Token("a")])) == "(a,)"
    assert str(nest(list(map(Token, "abcdefgh")))) == "(a, b, c, d, e, f, g, h)"
    assert str(nest(list(map(Token, "abcdefghi")))) == "((a, b, c, d, e, f, g, h), (i,))"
