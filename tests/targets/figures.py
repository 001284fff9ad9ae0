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


def update_table(document: Path, columns: Sequence[str], rows: Iterable[Sequence[str]], keys: int) -> str:
    """Writes rows into the table between the markers in a document; returns the table.

    The first ``keys`` columns identify a row. A row of the document that was not measured stays.
    """
    text = document.read_text("utf-8")
    found = _TABLE.search(text)
    assert found is not None, f"{document} has no markers"
    old = (line.strip("| ").split(" | ") for line in found[0].splitlines()[2:])
    table = {tuple(row[:keys]): row for row in (*old, *rows)}
    lines = [f"| {' | '.join(columns)} |", "|---" * len(columns) + "|"]
    written = "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in table.values())]) + "\n"
    document.write_text(text[: found.start()] + written + text[found.end() :], encoding="utf-8")
    return written


def kilobytes(*paths: Path) -> str:
    """The size of files together."""
    return f"{sum(path.stat().st_size for path in paths) / 1000:.0f} kB"


def _read() -> dict[str, list[str]]:
    return json.loads(_FILE.read_text("utf-8")) if _FILE.exists() else {}


if __name__ == "__main__":
    print(update_table(_DOCUMENT, COLUMNS, _read().values(), keys=2))
