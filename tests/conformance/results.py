"""The checked-in list of the results of all cases."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.conformance.judge import FAIL, OUT_OF_SCOPE, PASS, Result
from tests.conformance.suite import SUITES

PATH = Path(__file__).parent / "results.json"


def read() -> dict[str, Result]:
    """The results by ``suite/name``; empty if there is no list yet."""
    if not PATH.exists():
        return {}
    listed: dict[str, Any] = json.loads(PATH.read_text(encoding="utf-8"))
    found: dict[str, Result] = {}
    for suite, groups in listed.items():
        found |= {f"{suite}/{name}": Result(PASS) for name in groups["pass"]}
        found |= {f"{suite}/{name}": Result(PASS, "", tuple(b)) for name, b in groups["pass with constants"].items()}
        for status in (OUT_OF_SCOPE, FAIL):
            found |= {f"{suite}/{n}": Result(status, why) for why, names in groups[status].items() for n in names}
    return found


def write(results: Mapping[str, Result]) -> None:
    """Writes the list: for every suite, the names of the cases by status and, if there is one, by reason."""
    listed: dict[str, Any] = {}
    for suite in SUITES:
        groups: dict[str, Any] = {PASS: [], "pass with constants": {}, OUT_OF_SCOPE: {}, FAIL: {}}
        for key, result in sorted(results.items()):
            owner, _, name = key.partition("/")
            if owner != suite:
                continue
            if result.status == PASS and result.bound:
                groups["pass with constants"][name] = list(result.bound)
            elif result.status == PASS:
                groups[PASS].append(name)
            else:
                groups[result.status].setdefault(result.reason, []).append(name)
        for status in (OUT_OF_SCOPE, FAIL):
            groups[status] = dict(sorted(groups[status].items()))
        listed[suite] = groups
    PATH.write_text(json.dumps(listed, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def summary(results: Mapping[str, Result]) -> str:
    """A line for each suite with the number of cases per status."""
    lines = []
    for suite in SUITES:
        own = [r for key, r in results.items() if key.startswith(f"{suite}/")]
        counts = Counter(r.status for r in own)
        with_constants = sum(r.status == PASS and bool(r.bound) for r in own)
        lines.append(
            f"{suite}: {len(own)} cases, {counts[PASS]} pass ({with_constants} of them with inputs bound), "
            f"{counts[OUT_OF_SCOPE]} out of scope, {counts[FAIL]} fail"
        )
    return "\n".join(lines)
