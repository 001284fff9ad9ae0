"""Removes definitions of variables that are never read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tf2rust.rust.tree import (
    Array,
    Blank,
    Block,
    Call,
    Expr,
    ExprStmt,
    Item,
    Let,
    Method,
    Stmt,
    Token,
    Try,
    Tuple,
    names_in,
)

_VIEWS = frozenset({"into_view", "reshape", "to_view", "view"})


def without_unused(stmts: Sequence[Stmt]) -> list[Stmt]:
    """The statements without unread variables. Calls with an effect stay.

    Every variable must have a unique name.
    """
    found = list(stmts)
    while True:
        reduced = _reduced(found, names_in(found))
        if reduced == found:
            return found
        found = reduced


def _reduced(stmts: Sequence[Stmt], read: set[str]) -> list[Stmt]:
    found: list[Stmt] = []
    for stmt in stmts:
        kept = _kept(stmt, read)
        # No blank lines stay at the beginning or next to each other where definitions were removed.
        if kept is not None and not (isinstance(kept, Blank) and (not found or isinstance(found[-1], Blank))):
            found.append(kept)
    return found


def _kept(stmt: Stmt, read: set[str]) -> Stmt | None:
    if isinstance(stmt, Block):
        otherwise = None if stmt.otherwise is None else tuple(_reduced(stmt.otherwise, read))
        return replace(stmt, body=tuple(_reduced(stmt.body, read)), otherwise=otherwise)
    if not isinstance(stmt, Let):
        return stmt
    pattern = _pattern(stmt.pattern, read)
    if pattern is not None:
        return replace(stmt, pattern=pattern)
    return None if _only_looks(stmt.value) else ExprStmt(_effect(stmt.value))


def _pattern(pattern: Expr, read: set[str]) -> Expr | None:
    """The pattern with ``_`` for unread names; None if all names are unread."""
    if isinstance(pattern, Tuple):
        items = tuple(_pattern(item, read) or Token("_") for item in pattern.items)
        return None if all(item == Token("_") for item in items) else Tuple(items)
    if isinstance(pattern, Array):  # Its length is the type of the value, so it stays.
        return Array(tuple(_pattern(item, read) or Token("_") for item in pattern.items))
    if isinstance(pattern, Token) and pattern.text not in read:
        return None
    return pattern


def _effect(value: Expr) -> Expr:
    """The part of an expression that can have an effect: the base of a view, if it has one."""
    inner = value.base if isinstance(value, Try) else value
    return _effect(inner.base) if isinstance(inner, Method) and inner.name in _VIEWS else value


def _only_looks(value: Expr) -> bool:
    """Whether an expression only computes a value without an effect: a view or a dimension."""
    value = _effect(value)
    while isinstance(value, Try):
        value = value.base
    if isinstance(value, Method):
        return False
    if isinstance(value, Call):
        return isinstance(value.function, Item) and value.function.path.startswith("tf_layers::dims::")
    return True
