"""``python -m tests.conformance [--update] [PATTERN]`` runs ONNX' conformance suites and prints the results.

``--update`` rewrites the list of results, ``results.json``, and ``docs/onnx-operators.md``.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.conformance.judge import judge
from tests.conformance.operators import page
from tests.conformance.results import read, summary, write
from tests.conformance.suite import load
from tests.crates import ROOT


def main() -> None:
    arguments = [a for a in sys.argv[1:] if a != "--update"]
    pattern = arguments[0] if arguments else ""
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        found = judge(load(pattern=pattern), Path(folder))
    known = read()
    for key, result in found.items():
        if pattern or known.get(key) != result:
            print(f"{key}: {result.status} {result.reason} {' '.join(result.bound)}".rstrip())
    print(summary(found))
    print(f"{time.monotonic() - start:.0f} s")
    if "--update" in sys.argv:
        write({**known, **found} if pattern else found)
        (ROOT / "docs" / "onnx-operators.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
