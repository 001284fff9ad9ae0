"""Long lines of Rust broken as rustfmt breaks them, for the few forms that generated code has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import pairwise

WIDTH = 100
_SHORT = 10
"""The bytes of items so short that several stand in one line of a list."""
_TALL = 5
"""The lines of a call from which on nothing else is tried."""
_OPEN, _CLOSE = "([{", ")]}"
_OPENS_WITH = re.compile(r"&?\[|\(|[A-Z]\w* \{|[\w.]+\(&?\[")
"""What is opened together with the bracket that it fills."""
_SIMPLE = re.compile(r"[&*-]?[\w.]+\??")
"""Arguments of which several stand in one line of an opened call, if all are short."""
_DIVIDED = re.compile(r"(.*[)\]]\??)( / \w+,?)")
_LITERAL = re.compile(r"[A-Z]\w* \{ ")


def wrap(line: str, indent: int) -> list[str]:
    """``line`` as lines that fit, where it stands at ``indent``.

    ``f(a, b)?;`` becomes ``f(``, ``    a,``, ``    b,``, ``)?;``; the parts are broken in turn. What is all that stands
    in a bracket is opened with it: ``f(&[``. The value of a ``let`` goes to the next line if it fits there, and so does
    the last call of a chain if that saves lines, or the divisor of a quotient. A struct literal that methods are called
    on is opened first.
    """
    head, value = _assignment(line)
    chain, errors = _chain(value), line.rstrip(";,").endswith("?")
    # rustfmt reserves a column for the `?` in front of a call, and another one behind it.
    room = WIDTH - errors * (2 if len(chain) > 1 else value.startswith("."))
    if indent + width(line) <= room:
        return [line]
    if head and indent + width(head) - len(" =") < WIDTH and indent + 4 + width(value) <= room:
        return [head, f"    {value}"]
    if (span := _outermost(line)) is None:
        return [line]
    if (divided := _DIVIDED.fullmatch(line)) and indent + width(divided[1]) < WIDTH:
        return [divided[1], f"   {divided[2]}"]
    if len(chain) == 2 and _LITERAL.match(line) and indent + width(chain[0]) > WIDTH:
        return _called_on_literal(chain[0], chain[1], indent)
    opened = _opened(line, span, indent)
    is_wide = indent + width(opened[0]) > room
    if len(chain) > 1 and (len(opened) < _TALL or is_wide):
        last = wrap(chain[-1], indent + 4)
        if is_wide or len(last) < len(opened):
            first = f"{head} {chain[0]}" if head else chain[0]
            return [first, *(f"    {text}" for text in (*chain[1:-1], *last))]
    return opened


def _called_on_literal(literal: str, call: str, indent: int) -> list[str]:
    """``literal``, opened, and the ``call`` of a method of it."""
    span, arguments = _outermost(literal), _outermost(call)
    lines = _opened(literal, span, indent) if span else [literal]
    # rustfmt counts the literal's last line twice; it looks for better only if the call is short.
    if arguments and 2 * indent + width(f"}}{call}") >= WIDTH:
        opened = _opened(call, arguments, indent)
        if len(opened) >= _TALL:
            return [*lines, *opened]
    return [*lines, *wrap(call, indent)]


def _opened(line: str, span: tuple[int, int], indent: int) -> list[str]:
    """``line`` with the bracket at ``span`` opened: each of its parts on lines of its own, or all that is in it."""
    start, end = span
    parts = _split(line[start + 1 : end])
    if len(parts) == 1 and line[start] == "(" and (inner := _outermost(parts[0])) and _OPENS_WITH.match(parts[0]):
        inside = _opened(parts[0], inner, indent)
        comma = "," if not line[:start].strip() else ""  # that of a tuple of one
        return [line[: start + 1] + inside[0], *inside[1:-1], inside[-1] + comma + line[end:]]
    lines = [line[: start + 1].rstrip()]
    is_call = re.search(r"\w\($", line[: start + 1])
    if is_call and all(_SIMPLE.fullmatch(part) and len(part.encode()) <= _SHORT for part in parts):
        return [*lines, *_filled(parts, indent), line[end:]]
    for part in parts:
        comma = "" if part.startswith("..") else ","
        lines += [f"    {text}" for text in wrap(f"{part}{comma}", indent + 4)]
    return [*lines, line[end:]]


def _assignment(line: str) -> tuple[str, str]:
    """``let x =`` and the value, or nothing and the line."""
    head, equals, value = line.partition(" = ")
    return (f"{head} =", value) if equals and head.startswith("let ") else ("", line)


def _chain(line: str) -> list[str]:
    """``a.b.c(d)?;`` as ``a``, ``.b``, ``.c(d)?;``; a name of four letters is one with what follows it."""
    dots, depth = [], 0
    for i, c in _code(line):
        depth += (c in _OPEN) - (c in _CLOSE)
        if c == "." and depth == 0 and i and re.match(r"\.[a-z]", line[i:]):
            dots.append(i)
    if not dots or not line.rstrip("?;,").endswith(")"):
        return [line]
    ends = [0, *dots, len(line)]
    items = [line[start:end] for start, end in pairwise(ends)]
    while len(items) > 1 and width(items[0]) <= 4:
        items[:2] = [items[0] + items[1]]
    return items


def block_line(line: str, indent: int) -> str:
    """A line of a block, which may be empty, a comment, or further to the right than ``indent``; with its end."""
    text = line.lstrip(" ")
    at = indent + len(line) - len(text)
    parts = [text] if text.startswith("//") else wrap(text, at)
    return "".join(f"{' ' * at if part else ''}{part}\n" for part in parts)


def total(terms: list[str], before: str = "", after: str = "") -> str:
    """The sum of ``terms`` at an indent of 8, each on a line of its own where one line has no room for all."""
    single = f"{' + '.join(terms) or '0'}{after}"
    if 8 + len(before + single) <= WIDTH:
        return before + single
    if before and 12 + len(single) <= WIDTH:
        return f"{before.rstrip()}\n            {single}"
    return before + "\n            + ".join(terms) + after


def let_tuple(names: Iterable[str], value: str, indent: int) -> str:
    """``let (a, b) = value;`` at ``indent``; names that fit no line have one each."""
    names, margin = list(names), " " * indent
    head = f"let ({', '.join(names)}) ="
    if indent + width(f"{head} {value};") <= WIDTH:
        return f"{head} {value};"
    if indent + width(head) - len(" =") < WIDTH:
        return f"{head}\n{margin}    {value};"
    return "\n".join(["let (", *(f"{margin}    {name}," for name in names), f"{margin}) = {value};"])


def constant(items: Sequence[str], head: str, prefix: str = "") -> str:
    """``head = [a, b];``, with ``prefix`` in front of the list, where it stands at the margin.

    A list that fits no line has one item on each, or is filled into lines if all items are short.
    """
    line = f"{prefix}[{', '.join(items)}];"
    if width(f"{head} = {line}") <= WIDTH:
        return f"{head} = {line}"
    if 4 + width(line) <= WIDTH:
        return f"{head} =\n    {line}"
    if all(len(item.encode()) <= _SHORT for item in items):
        return "\n".join([f"{head} = {prefix}[", *_filled(items, 0), "];"])
    return "\n".join([f"{head} = {prefix}[", *(f"    {part}" for item in items for part in wrap(f"{item},", 4)), "];"])


def _filled(items: Sequence[str], indent: int) -> list[str]:
    """``items`` with commas behind them in the lines of a list at ``indent``; rustfmt leaves their last column free."""
    lines: list[str] = []
    for i, item in enumerate(items):
        comma = i + 1 < len(items)  # that of the last item is allowed in the last column
        if lines and indent + width(lines[-1]) + 1 + width(item) + comma < WIDTH:
            lines[-1] += f" {item},"
        else:
            lines.append(f"    {item},")
    return lines


def width(text: str) -> int:
    """The columns that ``text`` takes: two for each wide character of East Asian scripts, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def use_list(path: str, names: list[str]) -> str:
    """``use path::{a, b};``, names filled into lines."""
    single = f"use {path}::{{{', '.join(names)}}};"
    if len(single) < WIDTH - 1:
        return single
    return "\n".join([f"use {path}::{{", *_filled(names, 0), "};"])


def _outermost(line: str) -> tuple[int, int] | None:
    """Where the last bracket at the outermost level opens and closes, strings and lifetimes left alone."""
    depth, start, span = 0, 0, None
    for i, c in _code(line):
        if c in _OPEN:
            start = i if depth == 0 else start
            depth += 1
        elif c in _CLOSE:
            depth -= 1
            if depth == 0 and i > start + 1:
                span = (start, i)
    return span


def _split(text: str) -> list[str]:
    """``text`` at its outermost commas."""
    depth, start, parts = 0, 0, []
    for i, c in _code(text):
        if c in _OPEN:
            depth += 1
        elif c in _CLOSE:
            depth -= 1
        elif c == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [part.strip() for part in [*parts, text[start:]] if part.strip()]


def _code(text: str) -> list[tuple[int, str]]:
    """The characters that are not inside a string literal."""
    inside, escaped, found = False, False, []
    for i, c in enumerate(text):
        if inside:
            inside = escaped or c != '"'
            escaped = c == "\\" and not escaped
        elif c == '"':
            inside = True
        else:
            found.append((i, c))
    return found
