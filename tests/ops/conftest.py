"""The tables of all test modules that are to run, built in one cargo workspace."""

from __future__ import annotations

import pytest

from tests.ops.cases import Outcome, run_tables

Outcomes = dict[tuple[str, str], Outcome]


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """What the cases of the collected modules' ``TABLES`` became, by table and case."""
    modules = dict.fromkeys(item.module for item in request.session.items if isinstance(item, pytest.Function))
    tables = [table for module in modules for table in getattr(module, "TABLES", ())]
    return run_tables(tables, tmp_path_factory.mktemp("ops"))
