"""What the tests of targets measured. ``python -m tests.targets.figures`` writes it into docs/targets.md."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.crates import ROOT

_FILE = ROOT / "build" / "targets.json"
_DOCUMENT = ROOT / "docs" / "targets.md"
_TABLE = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)
COLUMNS = ("target", "model", "size", "time")


def record(target: str, model: str, size: str, time: str) -> None:
    """Keeps a row of the table; a row of the same target and model is replaced."""
    rows = _read()
    rows[f"{target}\0{model}"] = [target, model, size, time]
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def rendered(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def replace_table(document: Path, table: str) -> str:
    """Replaces the table between the markers in a document; returns it."""
    text = document.read_text("utf-8")
    document.write_text(_TABLE.sub(lambda _: table, text), encoding="utf-8")
    return table


def kilobytes(*paths: Path) -> str:
    """The size of files together."""
    return f"{sum(path.stat().st_size for path in paths) / 1000:.0f} kB"


def _read() -> dict[str, list[str]]:
    return json.loads(_FILE.read_text("utf-8")) if _FILE.exists() else {}


if __name__ == "__main__":
    print(replace_table(_DOCUMENT, rendered(COLUMNS, _read().values())))
