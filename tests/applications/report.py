"""``python -m tests.applications.report [NAME …]`` writes docs/applications.md: every network at full size, as a table.

Each network is converted from both kinds of file, built, tested and then deleted, because it takes a gigabyte of disk.
Without names, this takes an hour; with names, the rows of other networks are kept.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import onnx

from tests.applications.families import FAMILIES
from tests.crates import ROOT, Crates
from tf2rust.codegen.crate import CRATE, TENSORFLOW_MODEL_INFO

TABLE = ROOT / "docs" / "applications.md"
_HEAD = """# keras.applications, at full size

All networks of keras.applications with random weights and the default input size. `python -m
tests.applications.report` writes this page.

- *converted*: seconds from the exported ONNX graph to the finished crate, including the runs of the samples by
  TensorFlow and ONNX Runtime, on two cores that were shared with other work.
- *error*: the largest absolute difference between the predictions of the crate and those of TensorFlow.
- *of*: the largest magnitude of TensorFlow's predictions.
- *tolerance*: the largest absolute difference that the crate's own tests accept.

| network | file | weights, MB | nodes | layers | converted, s | crate's tests | error | of | tolerance |
|---|---|---|---|---|---|---|---|---|---|
"""


@dataclass(frozen=True)
class Row:
    """The result of one network."""

    name: str
    route: str
    megabytes: float
    nodes: int
    layers: int
    converted: float
    passed: bool
    error: float
    largest: float
    tolerance: float

    def text(self) -> str:
        """The row of the table."""
        cells = [
            self.name,
            self.route,
            f"{self.megabytes:.0f}",
            f"{self.nodes:,}",
            f"{self.layers:,}",
            f"{self.converted:.1f}",
            "pass" if self.passed else "**fail**",
            f"{self.error:.1e}",
            f"{self.largest:.1e}",
            f"{self.tolerance:.1e}",
        ]
        return f"| {' | '.join(cells)} |\n"


def measure(name: str, saved_model: bool, work: Path) -> Row:
    """Converts the network in a separate process, builds the crate in ``work``, runs its tests and a prediction."""
    folder, crate = work / name.lower(), name.lower()
    command = [sys.executable, "-m", "tests.applications", name, str(folder), "--full"]
    command += ["--saved_model"] if saved_model else []
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (converted,) = re.findall(r"converted ([\d.]+) s", told)
    documents = folder / TENSORFLOW_MODEL_INFO
    given = json.loads((documents / "model_architecture.json").read_text(encoding="utf-8"))
    megabytes = (documents / "model_weights.npz").stat().st_size / 1e6
    nodes = len(onnx.load(documents / "model.onnx").graph.node)
    crates = Crates(work)
    crates.include(crate, folder / CRATE)
    crates.build()
    try:
        passed = "test result: ok" in crates.test(crate)
    except AssertionError:
        passed = False
    features = np.load(folder / CRATE / "testdata" / "features.npz")
    tests = (folder / CRATE / "tests" / "predictions.rs").read_text(encoding="utf-8")
    (tolerance,) = re.findall(r"TOLERANCE_1: f64 = (\S+);", tests)
    shape = json.loads(re.sub(r".*SHAPE_1: \[usize; 4\] = (\[.*?\]);.*", r"\1", tests, flags=re.DOTALL))
    np.savez(work / "in.npz", **{given["inputs"][0]["name"]: features["inputs"].reshape(shape)})
    ends = [str(work / "in.npz"), str(work / "out.npz")]
    crates.cargo("run", "--release", "-p", crate, "--example", "predict", "--", *ends)
    (found,) = np.load(work / "out.npz").values()
    expected = features["predictions"].astype(np.float64)
    error = float(np.abs(found.reshape(expected.shape) - expected).max())
    crates.cargo("clean", "--release", "-p", crate)
    route = "SavedModel" if saved_model else "`.keras`"
    largest, layers = float(np.abs(expected).max()), len(given["layers"])
    return Row(name, route, megabytes, nodes, layers, float(converted), passed, error, largest, float(tolerance))


def main(names: list[str]) -> None:
    """Measures the networks in ``names``, or all, and writes the table after each."""
    kept = ROOT / "build" / "applications.json"
    kept.parent.mkdir(exist_ok=True)
    known = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else []
    rows = {(row["name"], row["route"]): Row(**row) for row in known}
    for name in names or FAMILIES:
        for saved_model in (False, True):
            with tempfile.TemporaryDirectory() as work:
                row = measure(name, saved_model, Path(work))
            rows[row.name, row.route] = row
            print(row.text(), end="", flush=True)
            kept.write_text(json.dumps([asdict(r) for r in rows.values()], indent=2), encoding="utf-8")
            order = sorted(rows.values(), key=lambda r: ([*FAMILIES].index(r.name), r.route != "`.keras`"))
            TABLE.write_text(_HEAD + "".join(r.text() for r in order), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
