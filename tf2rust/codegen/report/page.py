"""The page: one HTML file with its style, its program and its data, which loads nothing and runs nothing else."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from pathlib import Path
from typing import Any

import jinja2

from tf2rust.codegen.vendor import resource

_PROGRAM = (
    "base",
    "layout",
    "items",
    "draw",
    "view",
    "panel",
    "table",
    "unmatched",
    "proof",
    "quantization",
    "memory",
    "time",
    "main",
)
"""The parts of the program, in their order: each uses what comes before it."""
_MOST_FRAMED = 8 << 20
"""The maximum size of a framed report in bytes: a notebook file keeps a copy of it for each time it is shown."""
_DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


def render_report(data: dict[str, Any]) -> str:
    """The text of ``report.html`` with ``data``.

    The Content-Security-Policy names the hashes of the style and the program, so that a browser runs and loads nothing
    else, whatever the names in a model are.
    """
    folder = resource("templates") / "report"
    style = (folder / "report.css").read_text("utf-8")
    program = "\n".join((folder / f"{name}.js").read_text("utf-8") for name in _PROGRAM)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, keep_trailing_newline=True, trim_blocks=True
    )
    template = environment.from_string((folder / "report.html.j2").read_text("utf-8"))
    return template.render(
        title=data["title"],
        style=style,
        program=program,
        data=_script_text(data),
        style_hash=_hash(style),
        program_hash=_hash(program),
    )


def read_report(path: Path) -> dict[str, Any]:
    """The data in a report. Raises ValueError if the file is no report."""
    match = _DATA.search(path.read_text("utf-8"))
    if match is None:
        raise ValueError("it has no data")
    found = json.loads(match[1])
    if not isinstance(found, dict):
        raise ValueError("its data is no object")
    return found


def framed(report: Path) -> str:
    """The report as HTML for a page of others, such as a notebook; empty if it is too large for that.

    The frame has an origin of its own: the report's program runs, but cannot reach the page around it. Everything is in
    the attribute ``srcdoc``, so the view works without a network and after the report was deleted.
    """
    if report.stat().st_size > _MOST_FRAMED:
        return ""
    page = html.escape(report.read_text("utf-8"))
    style = "width:100%;height:720px;border:1px solid #8888;border-radius:6px"
    return f'<iframe title="Report" sandbox="allow-scripts" srcdoc="{page}" style="{style}"></iframe>'


def _script_text(data: dict[str, Any]) -> str:
    """JSON that is safe inside a script element: ``<``, ``>``, ``&`` and what is not ASCII are escapes."""
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    for char in "<>&":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
