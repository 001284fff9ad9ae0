"""What the tests of engines measured. ``python -m tests.engines.figures`` writes it into examples/engines/README.md."""

from __future__ import annotations

import json

from tests.crates import ROOT
from tests.targets.figures import update_table

_FILE = ROOT / "build" / "engines.json"
_DOCUMENT = ROOT / "examples" / "engines" / "README.md"
COLUMNS = ("recipe", "version of the engine", "rows per second", "with ONNX Runtime", "ratio")


def record(recipe: str, version: str, rust: float, onnx: float) -> None:
    """Keeps a row of the table: the rows per second with the generated package and with ONNX Runtime."""
    rows = _read()
    rows[recipe] = [
        f"`{recipe}.py`",
        version,
        f"{float(f'{rust:.3g}'):,.0f}",
        f"{float(f'{onnx:.3g}'):,.0f}",
        f"{rust / onnx:.2f}",
    ]
    _FILE.parent.mkdir(parents=True, exist_ok=True)
    _FILE.write_text(json.dumps(rows, indent=1), encoding="utf-8")


def _read() -> dict[str, list[str]]:
    return json.loads(_FILE.read_text("utf-8")) if _FILE.exists() else {}


if __name__ == "__main__":
    print(update_table(_DOCUMENT, COLUMNS, _read().values(), keys=1))
