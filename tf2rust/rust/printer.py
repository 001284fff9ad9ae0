"""Prints Rust trees with rustfmt's line breaks (``use_small_heuristics = "Max"``)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from tf2rust.rust.tree import (
    Array,
    Assign,
    Binary,
    Blank,
    Block,
    Call,
    Comment,
    Expr,
    ExprStmt,
    Field,
    Group,
    Item,
    Let,
    Method,
    Prefix,
    Stmt,
    Struct,
    Token,
    Try,
    Tuple,
)

WIDTH = 100
INDENT = 4
_SHORT = 10
"""The maximum width of items that share lines in a list."""
_TALL = 5
"""The number of lines of a call from which on rustfmt tries no other layout."""


def lines(stmts: Iterable[Stmt], indent: int) -> list[str]:
    """The lines of a block whose statements have this ``indent``, including the margin."""
    found: list[str] = []
    for stmt in stmts:
        found += [f"{' ' * indent}{line}" if line else "" for line in _statement(stmt, indent)]
    return found


def _statement(stmt: Stmt, indent: int) -> list[str]:
    """The lines of a statement at ``indent``, without the margin."""
    match stmt:
        case Blank():
            return [""]
        case Comment(text):
            return [f"// {text}"]
        case Let(pattern, value):
            return bound("let", pattern, value, indent)
        case Assign(target, value, operator):
            return layout(value, indent, f"{target} {operator} ", ";")
        case ExprStmt(value):
            return layout(value, indent, "", ";")
        case Block(keyword, head, body, otherwise, pattern):
            before = f"{keyword} " if pattern is None else f"{keyword} {pattern} in "
            inner = [line[indent:] for line in lines(body, indent + INDENT)]
            found = [*layout(head, indent, before, " {"), *inner]
            if otherwise is not None:
                found += ["} else {", *(line[indent:] for line in lines(otherwise, indent + INDENT))]
            return [*found, "}"]
    raise NotImplementedError(type(stmt).__name__)


def bound(keyword: str, pattern: Expr, value: Expr, indent: int) -> list[str]:
    """``let pattern = value;``, with the value on the next line if it fits there, or with a broken pattern.

    The ``keyword`` is ``let`` or ``const``.
    """
    head = f"{keyword} {pattern} ="
    single = f"{head} {value};"
    room = WIDTH - _reserved(value, 2 if len(_chain(value, 0)) > 1 else 0)
    if indent + width(single) <= room:
        return [single]
    if indent + width(head) - len(" =") < WIDTH:
        if indent + INDENT + width(f"{value};") <= room:
            return [head, f"    {value};"]
        here, below = layout(value, indent, f"{head} ", ";"), layout(value, indent + INDENT, "", ";")
        return [head, *(f"    {line}" for line in below)] if _prefers_next_line(here, below) else here
    if isinstance(pattern, Group):
        return [
            f"{keyword} {pattern.brackets[0]}",
            *(f"    {line}" for item in pattern.items for line in layout(item, indent + INDENT, "", ",")),
            *layout(value, indent, f"{pattern.brackets[1]} = ", ";"),
        ]
    return [single]


def _prefers_next_line(here: Sequence[str], below: Sequence[str]) -> bool:
    """Whether rustfmt puts a multi-line value below the ``let`` instead of after it."""
    opens = any(here[0].endswith(bracket) and not below[0].endswith(bracket) for bracket in "([{")
    return opens or len(here) > len(below) + 1


def layout(value: Expr, indent: int, before: str = "", after: str = "") -> list[str]:
    """The lines of an expression at ``indent``, without the margin, between the text ``before`` and ``after``.

    ``f(a, b)?;`` becomes ``f(``, ``a,``, ``b,`` and ``)?;``, and the parts are broken in turn. The only item of a
    bracket is opened with it: ``f(&[``. The last call of a chain goes to the next line if that saves lines, and so does
    the divisor of a quotient. A struct literal with a method call is opened first.
    """
    single = f"{before}{value}{after}"
    chain = _chain(value, INDENT - width(before))
    room = WIDTH - _reserved(value, 2 if len(chain) > 1 else 0)
    if indent + width(single) <= room:
        return [single]
    bracket = _bracket(value)
    if bracket is None:
        return [single]
    if isinstance(value, Binary) and value.operator == "/" and indent + width(f"{before}{value.left}") < WIDTH:
        return [f"{before}{value.left}", f"    / {value.right}{after}"]
    if (
        _is_block(chain[0])
        and len(chain) == 2
        and indent + width(f"{before}{chain[0]}") > WIDTH - _reserved(chain[0], 1)
    ):
        return _on_block(chain[0], chain[1], indent, before, after)
    if len(chain) > 1 and _bracket(chain[-1]) is None:
        return [f"{before}{chain[0]}", *(f"    {line}" for line in _links(chain[1:], indent + INDENT, after))]
    opened = _opened(bracket, indent, before, after)
    # A nested last bracket needs room for both closing brackets.
    is_wide = indent + width(opened[0]) > room - (3 if opened[0].endswith("([") else 0)
    if len(chain) > 1 and (len(opened) < _TALL or is_wide):
        last = _link(chain[-1], indent + INDENT, after)
        if is_wide or len(last) < len(opened):
            links = [*(str(link) for link in chain[1:-1]), *last]
            return [f"{before}{chain[0]}", *(f"    {line}" for line in links)]
    return opened


def _links(chain: Sequence[Expr], indent: int, after: str) -> list[str]:
    """The lines of a chain with one link per line."""
    found: list[str] = []
    for i, link in enumerate(chain):
        found += _link(link, indent, after if i + 1 == len(chain) else "")
    return found


def _link(value: Expr, indent: int, after: str) -> list[str]:
    """The lines of a link of a chain; rustfmt reserves a column for its ``?``."""
    single = f"{value}{after}"
    if indent + width(single) <= WIDTH - _reserved(value, 1):
        return [single]
    bracket = _bracket(value)
    return [single] if bracket is None else _opened(bracket, indent, "", after)


def _is_block(value: Expr) -> bool:
    """Whether a method call goes below the closing bracket: after a struct literal or a call."""
    return isinstance(value.base if isinstance(value, Try) else value, (Struct, Call))


def _on_block(root: Expr, call: Expr, indent: int, before: str, after: str) -> list[str]:
    """An opened struct literal or call, followed by a method call on it."""
    bracket, arguments = _bracket(root), _bracket(call)
    found = [f"{before}{root}"] if bracket is None else _opened(bracket, indent, before, "")
    # rustfmt counts the last line of the root twice, and looks for alternatives only if the call is short.
    if arguments is not None and 2 * indent + width(f"}}{call}{after}") >= WIDTH:
        opened = _opened(arguments, indent, "", after)
        if len(opened) >= _TALL:
            return [*found, *opened]
    return [*found, *_link(call, indent, after)]


def _reserved(value: Expr, columns: int) -> int:
    """The columns that rustfmt reserves if ``value`` ends in ``?``."""
    return columns if isinstance(value, Try) else 0


@dataclass(frozen=True)
class _Bracket:
    """The last non-empty bracket of an expression: the text before it, its items, and the text after it."""

    head: str
    parts: list[tuple[str, Expr]]
    tail: str
    is_call: bool = False
    is_tuple: bool = False
    fills: bool = False
    """Whether several short items can share a line."""


def _bracket(value: Expr) -> _Bracket | None:
    match value:
        case Call(function, arguments) if arguments:
            return _Bracket(f"{function}(", [("", a) for a in arguments], ")", is_call=True, fills=True)
        case Method(base, name, arguments) if arguments:
            return _Bracket(f"{base}.{name}(", [("", a) for a in arguments], ")", is_call=True, fills=True)
        case Method(base, name):
            return _behind(_bracket(base), f".{name}()")
        case Field(base, name):
            return _behind(_bracket(base), f".{name}")
        case Try(base):
            return _behind(_bracket(base), "?")
        case Prefix(operator, base):
            inner = _bracket(base)
            return None if inner is None else replace(inner, head=operator + inner.head)
        case Group(items) if items:
            parts = [("", item) for item in items]
            is_tuple = isinstance(value, Tuple)
            return _Bracket(value.brackets[0], parts, value.brackets[1], is_tuple=is_tuple, fills=not is_tuple)
        case Struct(type):
            return _Bracket(f"{type} {{", value.parts(), "}") if value.parts() else None
        case Binary(left, operator, right):
            blank = "" if operator == ".." else " "
            if (inner := _bracket(right)) is not None:
                return replace(inner, head=f"{left}{blank}{operator}{blank}{inner.head}")
            return _behind(_bracket(left), f"{blank}{operator}{blank}{right}")
    return None


def _behind(bracket: _Bracket | None, tail: str) -> _Bracket | None:
    return None if bracket is None else replace(bracket, tail=bracket.tail + tail)


def _opened(bracket: _Bracket, indent: int, before: str, after: str) -> list[str]:
    """The opened bracket: each item on its own lines, or its only item."""
    head, tail = before + bracket.head, bracket.tail + after
    if len(bracket.parts) == 1:
        ((_, part),) = bracket.parts
        inner = _bracket(part)
        is_entry = isinstance(part, Struct) and bracket.head.endswith("[")
        is_argument = (bracket.is_call or bracket.is_tuple) and _opens_with_its_bracket(part)
        if inner is not None and (is_entry or is_argument):
            inside = _opened(inner, indent, "", "")
            comma = "," if bracket.is_tuple else ""
            return [head + inside[0], *inside[1:-1], inside[-1] + comma + tail]
    if bracket.fills and all(_is_simple(part) and len(str(part).encode()) <= _SHORT for _, part in bracket.parts):
        return [head, *filled([str(part) for _, part in bracket.parts], indent), tail]
    found = [head]
    for name, part in bracket.parts:
        comma = "" if name == ".." else ","  # not allowed after the base of a struct
        found += [f"    {line}" for line in layout(part, indent + INDENT, name, comma)]
    return [*found, tail]


def _opens_with_its_bracket(part: Expr) -> bool:
    """Whether a bracket that contains only ``part`` is opened together with the bracket of ``part``."""
    while isinstance(part, (Prefix, Try)):
        part = part.base
    match part:
        case Group() | Struct():
            return True
        case Call(_, (first, *_)) | Method(_, _, (first, *_)):
            return isinstance(first.base if isinstance(first, Prefix) else first, Array)
    return False


def _is_simple(part: Expr) -> bool:
    """Whether such arguments can share a line of an opened call."""
    match part:
        case Token() | Item():
            return True
        case Field(base) | Try(base) | Prefix(_, base):
            return _is_simple(base)
    return False


def _chain(value: Expr, short: int) -> list[Expr]:
    """``a.b.c(d)?`` as ``a``, ``.b``, ``.c(d)?``; a root of at most ``short`` columns is joined with the next link."""
    if not isinstance(value, (Method, Try)):
        return [value]
    links: list[Expr] = []
    tried = False
    while isinstance(value, (Method, Field, Try)):
        if isinstance(value, Try):
            tried = True
            value = value.base
            continue
        link: Expr = replace(value, base=Token(""))
        links.append(Try(link) if tried else link)
        tried = False
        value = value.base
    links.append(Try(value) if tried else value)
    links.reverse()
    while len(links) > 1 and width(str(links[0])) <= short:
        links[:2] = [_joined(links[0], links[1])]
    return links


def _joined(base: Expr, link: Expr) -> Expr:
    if isinstance(link, Try):
        return Try(_joined(base, link.base))
    assert isinstance(link, (Method, Field))
    return replace(link, base=base)


def total(terms: Sequence[str], before: str = "", after: str = "") -> str:
    """The sum of ``terms`` at an indent of 8, on one line if it fits, otherwise with one term per line."""
    single = f"{' + '.join(terms) or '0'}{after}"
    if 8 + len(before + single) <= WIDTH:
        return before + single
    if before and 12 + len(single) <= WIDTH:
        return f"{before.rstrip()}\n            {single}"
    return before + "\n            + ".join(terms) + after


def constant(items: Sequence[Expr], head: str, prefix: str = "") -> str:
    """``head = [a, b];`` at the margin, with ``prefix`` before the list.

    A list that does not fit on a line has one item per line, or is filled if all items are short.
    """
    line = f"{prefix}[{', '.join(map(str, items))}];"
    if width(f"{head} = {line}") <= WIDTH:
        return f"{head} = {line}"
    if INDENT + width(line) <= WIDTH:
        return f"{head} =\n    {line}"
    if all(len(str(item).encode()) <= _SHORT for item in items):
        inside = filled([str(item) for item in items], 0)
    else:
        inside = [f"    {part}" for item in items for part in layout(item, INDENT, "", ",")]
    return "\n".join([f"{head} = {prefix}[", *inside, "];"])


def use(path: str, names: Sequence[str]) -> str:
    """``use path::{a, b};``, with the names sorted and filled into lines."""
    if len(names) == 1:
        return f"use {path}::{names[0]};"
    names = sorted(names, key=lambda name: (name != "self", name))
    single = f"use {path}::{{{', '.join(names)}}};"
    if len(single) < WIDTH - 1:
        return single
    return "\n".join([f"use {path}::{{", *filled(names, 0), "};"])


def filled(items: Sequence[str], indent: int) -> list[str]:
    """``items`` with trailing commas, filled into the lines of a list at ``indent``; rustfmt leaves the last column
    empty.
    """
    found: list[str] = []
    for i, item in enumerate(items):
        comma = i + 1 < len(items)  # the comma of the last item can use the last column
        if found and indent + width(found[-1]) + 1 + width(item) + comma < WIDTH:
            found[-1] += f" {item},"
        else:
            found.append(f"    {item},")
    return found


def width(text: str) -> int:
    """The columns of ``text``: two for each wide East Asian character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
