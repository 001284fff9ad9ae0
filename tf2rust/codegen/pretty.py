"""Long lines of Rust broken as rustfmt breaks them, for the few forms that generated code has."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

WIDTH = 100
_SHORT = 10
"""The bytes of items so short that several stand in one line of a list."""
_OPEN, _CLOSE = "([{", ")]}"


def wrap(line: str, indent: int) -> list[str]:
    """``line`` as lines that fit, where it stands at ``indent``: the last bracket at its outermost level is opened.

    ``f(a, b)?;`` becomes ``f(``, ``    a,``, ``    b,``, ``)?;``; the parts are broken in turn.
    """
    # Where a method is called on a path, rustfmt is a column stricter.
    width = WIDTH - 1 if re.match(r"\w+::\w+\.\w+\(.*\?;$", line) else WIDTH
    if indent + len(line) <= width or (span := _outermost(line)) is None:
        return [line]
    start, end = span
    parts = _split(line[start + 1 : end])
    lines = [line[: start + 1].rstrip()]
    for part in parts:
        broken = wrap(f"{part},", indent + 4)
        lines += [f"    {text}" for text in broken]
    return [*lines, line[end:]]


def block_line(line: str, indent: int) -> str:
    """A line of a block, which may be empty, a comment, or further to the right than ``indent``; with its end."""
    text = line.lstrip(" ")
    at = indent + len(line) - len(text)
    parts = [text] if text.startswith("//") else wrap(text, at)
    return "".join(f"{' ' * at if part else ''}{part}\n" for part in parts)


def total(terms: list[str], before: str = "", after: str = "") -> str:
    """The sum of ``terms`` at an indent of 8, each on a line of its own where one line has no room for all."""
    single = f"{before}{' + '.join(terms) or '0'}{after}"
    return single if 8 + len(single) <= WIDTH else before + "\n            + ".join(terms) + after


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
        return f"{head} = {prefix}[\n{_filled(items)}\n];"
    return f"{head} = {prefix}[" + "".join(f"\n    {item}," for item in items) + "\n];"


def _filled(items: Sequence[str]) -> str:
    """``items`` with commas behind them, in lines that leave the last column free as rustfmt does."""
    lines: list[str] = []
    for i, item in enumerate(items):
        comma = i + 1 < len(items)  # that of the last item is allowed in the last column
        if lines and width(lines[-1]) + 1 + width(item) + comma < WIDTH:
            lines[-1] += f" {item},"
        else:
            lines.append(f"    {item},")
    return "\n".join(lines)


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
    return f"use {path}::{{\n{_filled(names)}\n}};"


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
