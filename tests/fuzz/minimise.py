"""Minimises a finding: first its mutations, then the parts of the file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.fuzz.front import Case, Front
from tests.fuzz.oracle import Finding
from tests.fuzz.worker import run_alone

SECONDS = 30.0
"""The time in seconds after which minimising stops."""


def minimise(front: Front, seeds: Sequence[bytes], found: Case, finding: Finding) -> bytes:
    """A small file with the same finding."""
    until = time.monotonic() + SECONDS

    def same(data: bytes) -> bool:
        outcome = run_alone(front, data)
        return isinstance(outcome, Finding) and outcome.key == finding.key

    fewer = _fewer_steps(front, seeds, found, same)
    data = fewer.data(front, seeds)
    if not same(data):
        return data  # it needs the cases before it, or luck
    smaller = True
    while smaller and time.monotonic() < until:
        smaller = False
        for part in front.parts(data):
            if time.monotonic() > until:
                break
            if len(part) < len(data) and same(part):
                data, smaller = part, True
                break
    return data


def _fewer_steps(front: Front, seeds: Sequence[bytes], found: Case, same: Callable[[bytes], bool]) -> Case:
    for i in reversed(range(len(found.steps))):
        without = replace(found, steps=found.steps[:i] + found.steps[i + 1 :])
        if same(without.data(front, seeds)):
            found = without
    return found
