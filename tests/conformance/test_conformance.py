"""ONNX' conformance suites: the results equal the checked-in list.

``python -m tests.conformance --update`` rewrites the list; review its changes.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest

from tests.conformance.judge import OUT_OF_SCOPE, PASS, difference, judge
from tests.conformance.operators import page
from tests.conformance.results import read
from tests.conformance.suite import load
from tests.crates import ROOT


def test_every_case_does_as_listed() -> None:
    known = read()
    with tempfile.TemporaryDirectory() as folder:  # more than a gigabyte, which pytest would keep
        found = judge(load(), Path(folder))
    lost = [f"{key}: {found[key].reason}" for key in found if known[key].status == PASS != found[key].status]
    gained = [key for key in found if found[key].status == PASS != known[key].status]
    other = [key for key in found if key not in lost + gained and found[key] != known[key]]
    assert not lost, "no longer pass: " + "\n".join(lost)
    assert not gained + other, "run: python -m tests.conformance --update, for\n" + "\n".join(gained + other)


def test_page_of_operators_is_up_to_date() -> None:
    assert (ROOT / "docs" / "onnx-operators.md").read_text(encoding="utf-8") == page(), (
        "run: python -m tests.conformance --update"
    )


def test_whatever_is_out_of_scope_has_a_reason() -> None:
    assert all(result.reason for result in read().values() if result.status == OUT_OF_SCOPE)


@pytest.mark.parametrize(
    ("found", "expected", "differs"),
    [
        ([1.0, 2.0], [1.0, 2.0], False),
        ([1.0, 2.00001], [1.0, 2.0], False),
        ([1.0, 2.1], [1.0, 2.0], True),
        ([1.0, np.nan], [1.0, np.nan], False),
        ([1.0, np.inf], [1.0, -np.inf], True),
        ([1.0, 2.0], [1.0, np.nan], True),
        ([1.0, np.nan], [1.0, 2.0], True),
        ([[1.0, 2.0]], [1.0, 2.0], True),
    ],
)
def test_differences_are_seen(found: list[float], expected: list[float], differs: bool) -> None:
    arrays = [np.asarray(a, np.float32) for a in (found, expected)]
    assert (difference(*arrays, rtol=1e-7, atol=1e-7) is not None) == differs


def test_whole_numbers_are_compared_exactly() -> None:
    assert difference(np.asarray([1]), np.asarray([2]), 1.0, 1.0) is not None
    assert difference(np.asarray([1], np.int32), np.asarray([1], np.int64), 1.0, 1.0) is not None
