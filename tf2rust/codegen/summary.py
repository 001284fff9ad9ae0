"""The summary of a model: a table of its layers with their figures, as text or JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

from tf2rust.codegen.figures import Figures, layer_figures, sizes_of_one_sample, total_figures
from tf2rust.codegen.model import Model
from tf2rust.errors import one_line
from tf2rust.ops.core.dims import plain_shape
from tf2rust.ops.core.layer import LayerGraph

SUMMARY_VERSION = 1
_HEADINGS = ("layer", "kind", "output", "parameters", "multiply-adds", "weights")
_UNITS = ("B", "kB", "MB", "GB", "TB")
_WIDEST = 44
"""The maximum width of a name in the table."""


@dataclass(frozen=True)
class Row:
    """A layer in the table. ``depth`` counts the loops and branches around it."""

    name: str
    kind: str
    outputs: tuple[tuple[int | str, ...], ...]
    figures: Figures
    depth: int


@dataclass(frozen=True)
class Summary:
    """The layers of a model, and its totals. ``sizes`` are those of the symbolic dimensions to which figures refer.

    ``departures`` say at which layers a quantized model leaves the integers, and why.
    """

    rows: tuple[Row, ...]
    totals: Figures
    sizes: Mapping[str, int]
    departures: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """The summary as JSON."""
        return {
            "version": SUMMARY_VERSION,
            "sizes": dict(self.sizes),
            "layers": [
                {
                    "name": row.name,
                    "kind": row.kind,
                    "outputs": [list(shape) for shape in row.outputs],
                    **asdict(row.figures),
                    **({"depth": row.depth} if row.depth else {}),
                }
                for row in self.rows
            ],
            "totals": asdict(self.totals),
            **({"leaves_integers": list(self.departures)} if self.departures else {}),
        }

    @staticmethod
    def from_json(found: Mapping[str, Any]) -> Summary:
        """The summary that ``as_json`` turned into ``found``, which may have other keys too."""
        rows = [
            Row(
                row["name"],
                row["kind"],
                tuple(map(tuple, row["outputs"])),
                _figures(row),
                row.get("depth", 0),
            )
            for row in found["layers"]
        ]
        return Summary(tuple(rows), _figures(found["totals"]), found["sizes"], tuple(found.get("leaves_integers", ())))

    def as_text(self) -> str:
        """The summary as a table of plain text."""
        lines = self._lines()
        widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
        texts = ["  ".join(_aligned(line, widths)).rstrip() for line in lines]
        rule = "─" * max(map(len, texts))
        return "\n".join([texts[0], rule, *texts[1:-1], rule, texts[-1], self._about()])

    def as_html(self) -> str:
        """The summary as a table in HTML, for notebooks."""
        heading, *lines = self._lines()
        head = "".join(f"<th>{cell}</th>" for cell in heading)
        rows = ["".join(f"<td>{_html(cell)}</td>" for cell in line) for line in lines]
        body = "".join(f"<tr>{row}</tr>" for row in rows)
        about = _html(self._about()).replace("\n", "<br>")
        return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table><p>{about}</p>"

    def _lines(self) -> list[tuple[str, ...]]:
        """The cells of the table: headings, layers and totals."""
        return [_HEADINGS, *(_cells(row) for row in self.rows), ("total", "", "", *_numbers(self.totals))]

    def _about(self) -> str:
        count = f"{len(self.rows)} layer{'' if len(self.rows) == 1 else 's'}"
        sizes = ", ".join(f"{one_line(name)} = {size}" for name, size in self.sizes.items())
        lines = [f"{count}; parameters as stored in the crate{f'; multiply-adds for {sizes}' if sizes else ''}"]
        return "\n".join([*lines, *(f"leaves the integers at {departure}" for departure in self.departures)])


def summarise(model: Model, graph: LayerGraph, sizes: Mapping[str, int]) -> Summary:
    """The summary of a model for one sample. Symbolic dimensions that ``sizes`` does not name have the size 1."""
    known = sizes_of_one_sample(model.symbolic, sizes)
    departures = [f"{model.names[d.layer]} ({d.layer.kind}): {d.reason}" for d in graph.all_departures()]
    return Summary(
        tuple(_rows(model, graph, known, 0)), total_figures(model.weights, graph, known), known, tuple(departures)
    )


def _rows(model: Model, graph: LayerGraph, sizes: Mapping[str, int], depth: int) -> Iterator[Row]:
    for layer in graph.layers:
        shapes = tuple(tuple(plain_shape(value.shape)) for value in layer.outputs)
        yield Row(model.names[layer], layer.kind, shapes, layer_figures(model.weights, layer, sizes), depth)
        for body in layer.bodies():
            yield from _rows(model, body, sizes, depth + 1)


def _figures(found: Mapping[str, Any]) -> Figures:
    return Figures(*(int(found[name]) for name in Figures.__dataclass_fields__))


def _cells(row: Row) -> tuple[str, ...]:
    shape = ", ".join(f"[{', '.join(map(str, shape))}]" for shape in row.outputs)
    return ("  " * row.depth + _short(row.name), row.kind, _short(shape), *_numbers(row.figures))


def _html(text: str) -> str:
    """The text as HTML, with its indentation."""
    return "&emsp;" * ((len(text) - len(text.lstrip())) // 2) + escape(text.lstrip())


def _numbers(figures: Figures) -> tuple[str, str, str]:
    return (
        f"{figures.parameters:,}" if figures.parameters else "",
        f"{figures.multiply_adds:,}" if figures.multiply_adds else "",
        readable_bytes(figures.weight_bytes) if figures.weight_bytes else "",
    )


def readable_bytes(size: int) -> str:
    """The size with three digits: ``123 B``, ``1.23 kB``, ``45.6 MB``."""
    if size < 1000:
        return f"{size} B"
    value, unit = float(size), 0
    while value >= 999.5 and unit < len(_UNITS) - 1:
        value, unit = value / 1000, unit + 1
    return f"{value:.{max(0, 3 - len(str(int(value))))}f} {_UNITS[unit]}"


def _aligned(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for column, (text, width) in enumerate(zip(line, widths, strict=True)):
        yield text.ljust(width) if column < 3 else text.rjust(width)


def _short(text: str) -> str:
    line = one_line(text)
    return line if len(line) <= _WIDEST else f"{line[: _WIDEST // 2]}…{line[-(_WIDEST - _WIDEST // 2 - 1) :]}"
