"""Draws the ratios of ``RESULTS.md`` as a bar chart: ``python -m bench.picture``.

It writes ``bench/speed-light.svg`` and ``bench/speed-dark.svg`` from ``bench/results.json``, as ``make bench`` does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from bench.goals import RIVALS, RUNTIME, geometric_mean
from bench.results import OURS, Row, ratio

_HERE = Path(__file__).resolve().parent
_BASE = 1.0
"""The ratio where bars begin: both engines are equally fast."""
_LOW = 0.5
_TOP = 32.0
"""The ends of the axis, which is logarithmic: a ratio of 2 is as far from 1 as one of 4 from 2."""
_TICKS = (0.5, 1, 2, 4, 8, 16, 32)
_WIDTH, _LEFT, _RIGHT = 760, 150, 40
_HEAD, _ROW, _BAR, _FOOT = 74, 30, 10, 34


@dataclass(frozen=True)
class Colors:
    """The colors of one picture."""

    text: str
    faint: str
    runtime: str
    best: str


THEMES = {
    "light": Colors("#1f2328", "#d1d9e0", "#c2410c", "#0369a1"),
    "dark": Colors("#e6edf3", "#3d444d", "#fb923c", "#38bdf8"),
}


@dataclass(frozen=True)
class Bar:
    """How many times faster tf2rust is than ONNX Runtime, and than the fastest other engine."""

    label: str
    runtime: float
    best: float


def bars(rows: Sequence[Row]) -> list[Bar]:
    """Bars with the geometric means, then for each model and batch. Empty if no other engine was timed."""
    found, widest = [], _widest(rows)
    for model, batch in dict.fromkeys((row.model, row.batch) for row in rows):
        runtime, best = (ratio(rows, model, batch, widest, rivals) for rivals in (RUNTIME, RIVALS))
        if runtime is not None and best is not None:
            found.append(Bar(f"{model}, {batch}", runtime, best))
    if not found:
        return []
    mean = Bar("geometric mean", *(geometric_mean(x) for x in ([b.runtime for b in found], [b.best for b in found])))
    return [mean, *found]


def _widest(rows: Sequence[Row]) -> str:
    """The instruction set that crates select by default. It is measured first."""
    return next(row.isa for row in rows if row.engine == OURS)


def draw(found: Sequence[Bar], machine: str, colors: Colors) -> str:
    """The chart as SVG."""
    height = _HEAD + _ROW * len(found) + _FOOT
    bottom = height - _FOOT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        'font-family="system-ui, sans-serif" font-size="12" role="img">',
        "<title>How many times faster tf2rust predicts than other engines</title>",
        _text(8, 22, "How many times faster tf2rust is, on one thread", colors.text, size=16, weight=600),
        f'<rect x="8" y="36" width="12" height="{_BAR}" fill="{colors.runtime}"/>',
        _text(26, 45, "than ONNX Runtime", colors.text),
        f'<rect x="170" y="36" width="12" height="{_BAR}" fill="{colors.best}"/>',
        _text(188, 45, "than the fastest other engine", colors.text),
    ]
    for tick in _TICKS:
        x = _position(tick)
        parts.append(f'<line x1="{x:.1f}" y1="{_HEAD - 4}" x2="{x:.1f}" y2="{bottom}" stroke="{colors.faint}"/>')
        parts.append(_text(x, _HEAD - 9, f"{tick:g} ×", colors.text, anchor="middle"))
    for index, bar in enumerate(found):
        y = _HEAD + _ROW * index + 4
        weight = 600 if index == 0 else 400
        parts.append(_text(_LEFT - 8, y + _BAR + 4, bar.label, colors.text, anchor="end", weight=weight))
        for offset, value, color in ((0, bar.runtime, colors.runtime), (_BAR + 1, bar.best, colors.best)):
            end = _position(value)
            left, width = min(end, _position(_BASE)), abs(end - _position(_BASE))
            parts.append(
                f'<rect x="{left:.1f}" y="{y + offset}" width="{max(width, 1):.1f}" height="{_BAR}" fill="{color}"/>'
            )
            label = f"{value:.2f}" if value < 10 else f"{value:.1f}"
            x = max(end, _position(_BASE)) + 4
            parts.append(_text(x, y + offset + 9, label, colors.text, size=10, weight=weight))
    parts.append(_text(8, height - 12, f"Model, batch. {machine}. Logarithmic scale.", colors.text, size=11))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _position(value: float) -> float:
    share = math.log(max(value, _LOW) / _LOW) / math.log(_TOP / _LOW)
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _text(x: float, y: float, text: str, color: str, anchor: str = "start", size: int = 12, weight: int = 400) -> str:
    attributes = f'x="{x:.1f}" y="{y}" fill="{color}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}"'
    return f"<text {attributes}>{escape(text)}</text>"


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
