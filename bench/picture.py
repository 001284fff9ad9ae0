"""Draws the ratios of ``RESULTS.md`` as a bar chart: ``python -m bench.picture``.

It writes ``bench/speed-light.svg`` and ``bench/speed-dark.svg`` from ``bench/results.json``, as ``make bench`` does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from bench.goals import NAMES, RIVALS
from bench.results import OURS, Row, compare_all, geometric_mean

_HERE = Path(__file__).resolve().parent
_TITLE = "How many times faster tf2rust is than the fastest other engine"
_LOW = 0.5
_TOP = 32.0
"""The ends of the axis, which is logarithmic: a ratio of 2 is as far from 1 as one of 4 from 2."""
_TICKS = (0.5, 1, 2, 4, 8, 16, 32)
_WIDTH, _LEFT, _RIGHT = 760, 150, 100
_HEAD, _BAR, _GAP, _FOOT = 74, 11, 8, 34
_FAINT = 0.55
"""The opacity of the bars of larger batches."""


@dataclass(frozen=True)
class Colors:
    """The colors of one picture."""

    text: str
    faint: str
    faster: str
    slower: str


THEMES = {
    "light": Colors("#1f2328", "#d1d9e0", "#0369a1", "#c2410c"),
    "dark": Colors("#e6edf3", "#3d444d", "#38bdf8", "#fb923c"),
}


@dataclass(frozen=True)
class Bar:
    """How many times faster tf2rust is than the fastest other engine."""

    model: str
    batch: int
    ratio: float
    other: str


def bars(rows: Sequence[Row]) -> list[Bar]:
    """A bar with the geometric mean, then one for each model and batch on one thread.

    Empty if no other engine was timed.
    """
    found = [
        Bar(each.ours.model, each.ours.batch, each.ratio, NAMES.get(each.other.engine, each.other.engine))
        for each in compare_all(rows, _widest(rows), RIVALS)
    ]
    return [Bar("geometric mean", 1, geometric_mean([bar.ratio for bar in found]), ""), *found] if found else []


def _widest(rows: Sequence[Row]) -> str:
    """The instruction set that crates select by default. It is measured first."""
    return next(row.isa for row in rows if row.engine == OURS)


def draw(found: Sequence[Bar], machine: str, colors: Colors) -> str:
    """The chart as SVG."""
    groups = [(model, list(group)) for model, group in groupby(found, key=lambda bar: bar.model)]
    bottom = _HEAD + sum(_BAR * len(group) + _GAP for _, group in groups)
    height = bottom + _FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img">',
        f"<title>{_TITLE}</title>",
        _text(8, 22, _TITLE, colors.text, size=16, weight=600),
        *_legend(colors),
    ]
    for tick in _TICKS:
        x = _position(tick)
        width = 1.5 if tick == 1 else 1
        color = colors.text if tick == 1 else colors.faint
        ends = f'x1="{x:.1f}" y1="{_HEAD - 4}" x2="{x:.1f}" y2="{bottom}"'
        parts.append(f'<line {ends} stroke="{color}" stroke-width="{width}"/>')
        parts.append(_text(x, _HEAD - 9, f"{tick:g} ×", colors.text, anchor="middle"))
    y = _HEAD
    for index, (model, group) in enumerate(groups):
        weight = 600 if index == 0 else 400
        middle = y + _BAR * len(group) / 2 + 4
        parts.append(_text(_LEFT - 8, middle, model, colors.text, anchor="end", weight=weight))
        for bar in group:
            parts += _bar(bar, y, colors, weight)
            y += _BAR
        y += _GAP
    parts.append(_text(8, height - 12, f"One thread. {machine}. Logarithmic scale.", colors.text, size=11))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _legend(colors: Colors) -> list[str]:
    found = []
    for x, color, opacity, text in (
        (8, colors.faster, 1, "batch 1"),
        (84, colors.faster, _FAINT, "larger batches"),
        (200, colors.slower, 1, "another engine is faster"),
    ):
        found.append(f'<rect x="{x}" y="36" width="12" height="{_BAR - 1}" fill="{color}" opacity="{opacity}"/>')
        found.append(_text(x + 18, 45, text, colors.text))
    return found


def _bar(bar: Bar, y: float, colors: Colors, weight: int) -> list[str]:
    """A bar from 1 to the ratio, and its label."""
    end, base = _position(bar.ratio), _position(1)
    color = colors.faster if bar.ratio >= 1 else colors.slower
    opacity = 1 if bar.batch == 1 else _FAINT
    ends = f'x="{min(end, base):.1f}" y="{y}" width="{max(abs(end - base), 1):.1f}" height="{_BAR - 1}"'
    ratio = f"{bar.ratio:.2f}" if bar.ratio < 10 else f"{bar.ratio:.1f}"
    batch = "" if bar.batch == 1 else f", batch {bar.batch}"
    label = f"{ratio} {bar.other}{batch}" if bar.other else ratio
    return [
        f'<rect {ends} fill="{color}" opacity="{opacity}"/>',
        _text(max(end, base) + 4, y + _BAR - 2, label, colors.text, size=10, weight=weight),
    ]


def _position(value: float) -> float:
    share = math.log(min(max(value, _LOW), _TOP) / _LOW) / math.log(_TOP / _LOW)
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _text(x: float, y: float, text: str, color: str, anchor: str = "start", size: int = 12, weight: int = 400) -> str:
    font = f'font-size="{size}" font-weight="{weight}"'
    return f'<text x="{x:.1f}" y="{y:g}" fill="{color}" text-anchor="{anchor}" {font}>{escape(text)}</text>'


def _row(entry: Mapping[str, Any]) -> Row:
    return Row(**{field.name: entry[field.name] for field in fields(Row)})


def pictures(entries: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The content of both files by name."""
    rows = [_row(entry) for entry in entries]
    machine = f"{entries[0]['machine']['CPU']}, {_widest(rows).upper()}"
    return {f"speed-{theme}.svg": draw(bars(rows), machine, colors) for theme, colors in THEMES.items()}


def main() -> None:
    """Writes both files."""
    entries = json.loads((_HERE / "results.json").read_text(encoding="utf-8"))
    for name, text in pictures(entries).items():
        (_HERE / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
