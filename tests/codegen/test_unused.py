"""Unread variables: views and dimensions are removed, calls with effects stay."""

from __future__ import annotations

import pytest

from tf2rust.rust.printer import lines
from tf2rust.rust.tree import Block, Expr, ExprStmt, Item, Stmt, Token, Tuple, array, let
from tf2rust.rust.unused import without_unused

_BUFFER = Token("workspace").field("b0")
_DIMS = array([2, 3])


def _run() -> Expr:
    return Token("self").field("dense").method("run", Token("cx")).tried()


def _view() -> Expr:
    return _BUFFER.method("view", _DIMS).tried()


def _reshaped(value: Expr) -> Expr:
    return value.method("reshape", _DIMS).tried()


_PAIR = Tuple((Token("a"), Token("b")))
_READ = ExprStmt(Token("f")(Token("a")).tried())
CASES: dict[str, tuple[list[Stmt], str]] = {
    "a variable that is read": ([let("a", _view()), _READ], "let a = workspace.b0.view([2, 3])?; f(a)?;"),
    "a view": ([let("a", _view())], ""),
    "a view of a view": ([let("a", _view()), let("b", _reshaped(Token("a")))], ""),
    "a dimension": ([let("n", Item("tf_layers::dims::product")(_DIMS).tried())], ""),
    "the result of a layer": ([let("a", _run())], "self.dense.run(cx)?;"),
    "a view of the result of a layer": ([let("a", _reshaped(_run()))], "self.dense.run(cx)?;"),
    "a chain of views of the result of a layer": ([let("a", _reshaped(_reshaped(_run())))], "self.dense.run(cx)?;"),
    "some of the results of a layer": ([let(_PAIR, _run()), _READ], "let (a, _) = self.dense.run(cx)?; f(a)?;"),
    "none of the results of a layer": ([let(_PAIR, _run())], "self.dense.run(cx)?;"),
    "a view in a block": (
        [Block("while", Token("holds"), (let("a", _view()), ExprStmt(_run())))],
        "while holds { self.dense.run(cx)?; }",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_unused(name: str) -> None:
    stmts, expected = CASES[name]
    assert " ".join(" ".join(lines(without_unused(stmts), 0)).split()) == expected
