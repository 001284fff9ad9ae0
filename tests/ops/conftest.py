"""The tables of all test modules that are to run, built in one cargo workspace."""

from __future__ import annotations

from types import ModuleType

import pytest

from tests.conformance.judge import Result
from tests.ops.cases import Outcome, run_tables
from tests.ops.nodes import run_nodes

Outcomes = dict[tuple[str, str], Outcome]
Results = dict[str, Result]


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcomes:
    """The results of the ``TABLES`` in the collected modules, by table and case."""
    tables = [table for module in _modules(request) for table in getattr(module, "TABLES", ())]
    return run_tables(tables, tmp_path_factory.mktemp("ops"))


@pytest.fixture(scope="session")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The results of the ``NODES`` in the collected modules, by module and node."""
    found = {module.TABLE_NAME: module.NODES for module in _modules(request) if hasattr(module, "TABLE_NAME")}
    return run_nodes(found, tmp_path_factory.mktemp("nodes"))


def _modules(request: pytest.FixtureRequest) -> list[ModuleType]:
    return list(dict.fromkeys(item.module for item in request.session.items if isinstance(item, pytest.Function)))
