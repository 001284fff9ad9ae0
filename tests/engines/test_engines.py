"""The recipes of examples/engines on a million rows: all scores equal one call of the model; rows per second."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.crates import ROOT
from tests.engines.figures import record
from tests.engines.model import MODULE, write
from tests.targets.conftest import PRODUCTS, run

pytestmark = pytest.mark.engines

RECIPES = ROOT / "examples" / "engines"
HERE = Path(__file__).parent
ENVIRONMENT = ROOT / "build" / "engines"
ROWS = 1_000_000
# Two float32 implementations of the model: the sums of at most 32 products have another order.
TOLERANCE = 1e-6
SECONDS = 240
"""The time limit of a run. Spark and Ray start processes, which takes 20 seconds on a quiet machine."""
PAIRS, ENOUGH = 7, 40
"""Runs of both programs, and the seconds after which no more begin."""

ENGINES = {
    "score_pandas": ("pandas", 1),
    "score_polars": ("polars", 1),
    "score_datafusion": ("datafusion", 1),
    "score_duckdb": ("duckdb", 1),
    "score_spark": ("pyspark", 2),
    "score_spark_udf": ("pyspark", 2),
    "score_ray": ("ray", 2),
}
"""Recipes, the packages whose versions the table shows, and the processes that score."""

EXPECTED = """
import sys, churn, numpy as np, pyarrow.parquet as pq
table = pq.read_table(sys.argv[1]).drop_columns("id")
rows = np.column_stack([column.to_numpy() for column in table.columns])
np.save(sys.argv[2], churn.Model().predict(rows)[:, 0])
"""


@pytest.fixture(scope="session")
def python() -> Path:
    """The interpreter of an environment with the engines and the package of the model."""
    interpreter = ENVIRONMENT / "bin" / "python"
    if not interpreter.exists():
        run([sys.executable, "-m", "venv", ENVIRONMENT], ROOT)
    pip = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    run([*pip, "--requirement", HERE / "requirements.txt"], ROOT)
    shutil.rmtree(ROOT / "build" / "engines-model", ignore_errors=True)
    package = write(ROOT / "build" / "engines-model")
    run([*pip, "--force-reinstall", "--no-deps", package], ROOT, {"CARGO_TARGET_DIR": str(PRODUCTS)})
    return interpreter


@pytest.fixture(scope="session")
def rows(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Parquet file of rows; the scores of all rows from one call of the model are in ``expected.npy`` beside it."""
    path = tmp_path_factory.mktemp("rows") / "rows.parquet"
    run([python, RECIPES / "make_rows.py", path, str(ROWS)], path.parent)
    run([python, "-c", EXPECTED, path, path.with_name("expected.npy")], path.parent)
    return path


@dataclass
class Program:
    """``measure.py`` with a recipe and one of the modules called ``churn``."""

    process: subprocess.Popen[str]
    errors: Path

    def begin(self) -> None:
        """Begins a run of the recipe."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the answer shows why the program has ended
            self.process.stdin.write("\n")
            self.process.stdin.flush()

    def end(self) -> float:
        """Waits for the end of the run; returns the seconds that it took."""
        return float(self._answer())

    def seconds(self) -> float:
        self.begin()
        return self.end()

    def compared(self) -> dict[str, Any]:
        """Ends the program; returns how its scores differ from the expected ones."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        found: dict[str, Any] = json.loads(self._answer())
        return found

    def _answer(self) -> str:
        assert self.process.stdout is not None
        readable, _, _ = select.select([self.process.stdout], [], [], SECONDS)
        line = self.process.stdout.readline() if readable else ""
        assert line, f"{'ended' if readable else f'no answer in {SECONDS} s'}\n{self.errors.read_text('utf-8')}"
        return line


@contextlib.contextmanager
def started(python: Path, rows: Path, target: Path, recipe: str, folder: Path | None) -> Iterator[Program]:
    """Starts ``measure.py``. A folder has a module that replaces the generated package."""
    environment = {
        **os.environ,
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(str(path) for path in (folder, RECIPES) if path),
        "CHURN_ONNX": str(ROOT / "build" / "engines-model" / f"{MODULE}.onnx"),
    }
    command = [python, HERE / "measure.py", recipe, rows, target, rows.with_name("expected.npy")]
    errors = target.with_suffix(".log")
    with (
        errors.open("w", encoding="utf-8") as log,
        subprocess.Popen(
            command,
            cwd=target.parent,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield Program(process, errors)
            process.wait(SECONDS)
        finally:
            # The engine's own processes, if they are left.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.parametrize("recipe", ENGINES)
def test_scores_and_speed(python: Path, rows: Path, tmp_path: Path, recipe: str) -> None:
    """Runs the recipe with both packages in turns, so that other programs slow down both alike."""
    with (
        started(python, rows, tmp_path / "rust.parquet", recipe, None) as rust,
        started(python, rows, tmp_path / "onnx.parquet", recipe, HERE / "onnx_runtime") as onnx,
    ):
        # The first runs start the engines.
        rust.begin()
        onnx.begin()
        rust.end()
        onnx.end()
        start, times = time.monotonic(), []
        while len(times) < PAIRS and time.monotonic() - start < ENOUGH:
            times.append((rust.seconds(), onnx.seconds()))
        own, other = rust.compared(), onnx.compared()
    for found in (own, other):
        assert found["ids"], "the scores belong to other rows"
        assert found["dtype"] == "float32"
        assert found["difference"] <= TOLERANCE
    assert own["ulps"] == 0
    package, _ = ENGINES[recipe]
    version = run([python, "-c", f"from importlib.metadata import version; print(version('{package}'))"], ROOT)
    record(recipe, version.strip(), *(ROWS / min(seconds) for seconds in zip(*times, strict=True)))


@pytest.mark.parametrize("recipe", ENGINES)
def test_all_workers_score(python: Path, rows: Path, tmp_path: Path, recipe: str) -> None:
    with started(python, rows, tmp_path / "workers.parquet", recipe, HERE / "process_id") as program:
        program.seconds()
        found = program.compared()
    assert found["ids"]
    _, processes = ENGINES[recipe]
    assert found["distinct"] == processes
