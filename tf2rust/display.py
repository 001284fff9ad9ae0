"""A conversion as text and as a table in a notebook."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from tf2rust.errors import one_line
from tf2rust.onnx_import.listing import LayerRow, Listing
from tf2rust.ops.core.dims import format_shape

_HEAD = ("layer", "kind", "output", "parameters")
_LONGEST = 48
"""The maximum width of a column in characters."""


def as_text(listing: Listing) -> str:
    """The layers as a table with their kinds, output shapes and numbers of parameters, and the total.

    Layers in the body of a loop or branch are indented.
    """
    rows = [_HEAD, *map(_cells, listing.layers)]
    widths = [min(max(len(row[i]) for row in rows), _LONGEST) for i in range(len(_HEAD))]
    lines = ["  ".join(_padded(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:], _total(listing)])


def as_html(title: str, listing: Listing, facts: Sequence[str], notes: Sequence[str]) -> str:
    """The same table as HTML, with ``facts`` about the conversion above it and notes below."""
    head = "".join(f"<th>{name}</th>" for name in _HEAD)
    body = "".join(f"<tr>{''.join(f'<td>{_html(cell)}</td>' for cell in _cells(row))}</tr>" for row in listing.layers)
    return (
        f"<div><strong>{_html(title)}</strong>{_list(facts)}"
        f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        f"<p>{_html(_total(listing))}</p>{_list([f'note: {note}' for note in notes])}</div>"
    )


def parameters(row: LayerRow) -> int:
    """The number of weights of a layer."""
    return sum(math.prod(shape) for shape in row.weights.values())


def _cells(row: LayerRow) -> tuple[str, str, str, str]:
    indent = "  " if row.inside else ""
    return (
        indent + one_line(row.name),
        row.kind,
        ", ".join(map(format_shape, row.outputs)),
        f"{parameters(row):,}",
    )


def _padded(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    *texts, number = (
        cell if len(cell) <= width else f"{cell[: width - 1]}…" for cell, width in zip(row, widths, strict=True)
    )
    return [*(text.ljust(width) for text, width in zip(texts, widths[:-1], strict=True)), number.rjust(widths[-1])]


def _total(listing: Listing) -> str:
    total = sum(map(parameters, listing.layers))
    return f"{len(listing.layers)} layers, {total:,} parameters"


def _html(text: str) -> str:
    # Names come from untrusted models.
    return escape(one_line(text)) if text.strip() == text else "&emsp;" + escape(one_line(text))


def _list(items: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_html(item)}</li>' for item in items)}</ul>" if items else ""
