"""The recipes of examples/engines on a million rows: all scores equal one call of the model; rows per second."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

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

ENGINES = {
    "score_pandas": "pandas",
    "score_polars": "polars",
    "score_datafusion": "datafusion",
    "score_duckdb": "duckdb",
    "score_spark": "pyspark",
    "score_spark_udf": "pyspark",
    "score_ray": "ray",
}
"""Recipes, and the packages whose versions the table shows."""

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


@pytest.mark.parametrize("recipe", ENGINES)
def test_recipes(python: Path, rows: Path, tmp_path: Path, recipe: str) -> None:
    own, other = (_measured(python, rows, tmp_path / name, recipe, name == "rust") for name in ("rust", "onnx"))
    for found in (own, other):
        assert found["ids"], "the scores belong to other rows"
        assert found["dtype"] == "float32"
        assert found["difference"] <= TOLERANCE
    assert own["ulps"] == 0
    package = ENGINES[recipe]
    version = run([python, "-c", f"from importlib.metadata import version; print(version('{package}'))"], ROOT)
    record(recipe, version.strip(), *(ROWS / found["seconds"] for found in (own, other)))


def _measured(python: Path, rows: Path, target: Path, recipe: str, rust: bool) -> dict:
    """What ``measure.py`` found for a recipe with the generated package or with ONNX Runtime in its place."""
    paths = [RECIPES] if rust else [HERE / "onnx_runtime", RECIPES]
    environment = {
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "CHURN_ONNX": str(ROOT / "build" / "engines-model" / f"{MODULE}.onnx"),
    }
    command = [
        python,
        HERE / "measure.py",
        recipe,
        rows,
        target.with_suffix(".parquet"),
        rows.with_name("expected.npy"),
    ]
    return json.loads(run(command, target.parent, environment).splitlines()[-1])
