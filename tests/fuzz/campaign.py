"""A run over fronts: it counts results, and minimises and stores findings."""

from __future__ import annotations

import os
import pickle
import re
import sys
import zlib
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.fuzz.front import Front, case
from tests.fuzz.minimise import minimise
from tests.fuzz.oracle import CONVERTED, ISOLATED, REFUSED, Finding
from tests.fuzz.worker import run

FINDINGS = Path(__file__).parent / "findings"
"""Regression inputs: former findings, which must not occur again."""
_LARGEST_KEPT = 1 << 16


@dataclass
class Tally:
    """The results of a front's cases."""

    front: Front
    counts: Counter[str] = field(default_factory=Counter)
    findings: dict[str, tuple[int, Finding]] = field(default_factory=dict)
    """The first case of each kind of finding, by the finding's key."""
    times: Counter[str] = field(default_factory=Counter)

    @property
    def cases(self) -> int:
        return sum(self.counts.values())

    @property
    def failures(self) -> dict[str, tuple[int, Finding]]:
        """The findings except those that the command survives."""
        return {key: found for key, found in self.findings.items() if found[1].kind not in ISOLATED}

    def line(self) -> str:
        """The counts on one line."""
        isolated = len(self.findings) - len(self.failures)
        return (
            f"{self.front.name}: {self.cases:,} cases, {self.counts[CONVERTED]:,} converted, "
            f"{self.counts[REFUSED]:,} refused, {len(self.failures)} kinds of findings, "
            f"{isolated} of crashes and hangs in native code"
        )

    def report(self) -> str:
        """All findings, the most frequent first."""
        lines = [self.line()]
        for key, times in self.times.most_common():
            index, finding = self.findings[key]
            lines += [f"  {times} × {key} (case {index})", *(f"      {x}" for x in finding.detail.splitlines())]
        return "\n".join(lines)


@cache
def seeds_of(front: Front) -> list[bytes]:
    """The front's seeds, built in a separate process, because TensorFlow starts threads, which a fork loses."""
    reader, writer = os.pipe()
    pid = os.fork()
    if not pid:
        code = 1
        try:
            os.close(reader)
            with os.fdopen(writer, "wb") as stream:
                pickle.dump(list(front.seeds()), stream)
            code = 0
        finally:
            os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        content = stream.read()
    _, status = os.waitpid(pid, 0)
    if status:
        raise RuntimeError(f"the seeds of {front.name} could not be made")
    found: list[bytes] = pickle.loads(content)
    return found


def run_cases(tally: Tally, number: int, indices: range, workers: int, keep: bool) -> Generator[None, None, None]:
    """Runs cases and counts their results; yields after each. With ``keep``, minimises and stores new findings."""
    front = tally.front
    seeds = seeds_of(front)
    front.prepare()
    outcomes = run(front, lambda i: case(front, seeds, number, i).data(front, seeds), indices, workers)
    for index, found in outcomes:
        if isinstance(found, str):
            tally.counts[found] += 1
        else:
            tally.counts[found.kind] += 1
            tally.times[found.key] += 1
            if found.key not in tally.findings:
                tally.findings[found.key] = (index, found)
                print(f"{front.name}: new in case {index}: {found.key}", file=sys.stderr, flush=True)
                if keep:
                    _keep(front, minimise(front, seeds, case(front, seeds, number, index), found), found)
        yield


def _keep(front: Front, data: bytes, finding: Finding) -> None:
    if len(data) > _LARGEST_KEPT:
        return
    words = re.sub(r"\W+", "_", f"{finding.stage} {finding.where}").strip("_").lower()
    path = FINDINGS / front.name / f"{words[:60]}_{zlib.crc32(finding.key.encode()):08x}{front.suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def kept(front: Front) -> list[Path]:
    """The regression inputs of a front."""
    return sorted((FINDINGS / front.name).glob("*")) if (FINDINGS / front.name).is_dir() else []
