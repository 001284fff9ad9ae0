"""``python -m tests.fuzz`` runs cases until the time is over, and stores findings."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from contextlib import closing

from tests.fuzz.campaign import Tally, kept, run_cases
from tests.fuzz.fronts import FRONTS
from tests.fuzz.oracle import ISOLATED, Finding
from tests.fuzz.worker import run_alone

_LIVE_SECONDS = 5.0
_ROUND = 1000
"""The number of cases of one front before the next front runs."""


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 1 if there was a finding."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--front", action="append", choices=sorted(FRONTS), help="may be repeated; default: all")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="for how long; default: without end")
    parser.add_argument("--count", type=int, help="cases of each front; default: without end")
    parser.add_argument("--seed", type=int, default=1, help="the run's number: the same cases for the same number")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--keep", action="store_true", help="store findings, made small, in tests/fuzz/findings")
    parser.add_argument("--replay", action="store_true", help="first run what is stored there")
    options = parser.parse_args(arguments)
    tallies = [Tally(FRONTS[name]) for name in options.front or FRONTS]
    failures = [failure for tally in tallies for failure in (_replay(tally) if options.replay else ())]
    try:
        _run(tallies, options)
    except KeyboardInterrupt:
        print(file=sys.stderr)
    print("\n".join([*failures, *(tally.report() for tally in tallies)]))
    return int(bool(failures) or any(tally.failures for tally in tallies))


def _run(tallies: list[Tally], options: argparse.Namespace) -> None:
    """Takes turns between the fronts until the time is over or all cases have run."""
    until, printed = time.monotonic() + options.seconds, time.monotonic()
    for start in itertools.count(0, _ROUND):
        stop = start + _ROUND if options.count is None else min(start + _ROUND, options.count)
        if stop <= start:
            return
        for tally in tallies:
            with closing(run_cases(tally, options.seed, range(start, stop), options.workers, options.keep)) as cases:
                for _ in cases:
                    if time.monotonic() - printed > _LIVE_SECONDS:
                        printed = time.monotonic()
                        print(tally.line(), file=sys.stderr, flush=True)
                    if time.monotonic() > until:
                        return


def _replay(tally: Tally) -> list[str]:
    """The stored findings that still occur."""
    tally.front.prepare()
    found = [(path, run_alone(tally.front, path.read_bytes())) for path in kept(tally.front)]
    return [
        f"{path.name}: {outcome.key}\n{outcome.detail}"
        for path, outcome in found
        if isinstance(outcome, Finding) and outcome.kind not in ISOLATED
    ]


if __name__ == "__main__":
    sys.exit(main())
