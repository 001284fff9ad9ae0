"""Figures beside latency: start, peak memory, size of the program, time to build it."""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from bench import crates, runner
from bench.crates import BUILD
from bench.models import Model
from bench.results import OURS

STARTS = 20
ONCE = ("onnxruntime", "tract", "rten")
BUILT = ("dgaintel", "resnet50")
"""Models of which the build is timed: a small one and the largest."""


@dataclass(frozen=True)
class Figures:
    """One program that loads one model, predicts once with batch 1 and ends."""

    model: str
    engine: str
    start_ns: float
    """Median of what the process had the core, from its start to its end, the answer written to a file."""
    peak_bytes: int
    """Largest of the resident memory, the program and its libraries included."""
    weights_bytes: int
    """Of the file; of our crates, as the program holds them, packed."""
    program_bytes: int
    """Of the stripped program less the weights in it, with the shared library that it loads."""
    workspace_bytes: int | None = None
    build_seconds: float | None = None
    """``cargo build --release`` from clean, for a crate of ours."""


def measure_ours(model: Model) -> Figures:
    """The ``predict`` example of the crate."""
    crate = crates.crate(model)
    packed = _packed_bytes(runner.build(crate, "--example", "predict", "--message-format=json"))
    seconds = _clean_build(crate) if model.name in BUILT else None
    built = runner.program("examples") / "predict"
    return _figures(model, OURS, built, (), packed, build_seconds=seconds)


def _packed_bytes(messages: str) -> int:
    """The bytes of the blobs that build scripts have written, from what cargo says of them."""
    found = [json.loads(line) for line in messages.splitlines() if line.startswith("{")]
    folders = [Path(message["out_dir"]) for message in found if message["reason"] == "build-script-executed"]
    return sum(blob.stat().st_size for blob in (folder / "weights.bin" for folder in folders) if blob.exists())


def measure_other(model: Model, engine: str) -> Figures | None:
    """The program of the harness that does what ``predict`` does; None if the engine cannot run the model."""
    try:
        return _figures(model, engine, runner.program(f"once_{engine}"), (crates.onnx_file(model),), 0)
    except runner.ProgramError:
        return None


def _figures(
    model: Model, engine: str, built: Path, arguments: tuple[Path, ...], inside: int, build_seconds: float | None = None
) -> Figures:
    """Strips a copy of a program and runs that; ``inside`` are the bytes of weights in it."""
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        stripped = Path(folder) / built.name
        shutil.copy(built, stripped)
        subprocess.run(["strip", str(stripped)], check=True)
        command = (stripped, *arguments, crates.inputs(model, 1), Path(folder) / "out.npz")
        found = json.loads(runner.run(runner.program("spawn"), str(STARTS), *command, quiet=True))
        workspace = _workspace(command) if engine == OURS else None
        size = stripped.stat().st_size - inside
    if engine == "onnxruntime":
        size += runner.onnxruntime_library().stat().st_size
    return Figures(
        model.name,
        engine,
        statistics.median(nanoseconds for nanoseconds, _ in found),
        max(peak for _, peak in found),
        inside or crates.weights_bytes(model),
        size,
        workspace,
        build_seconds,
    )


def _workspace(command: tuple[Path, ...]) -> int:
    """What ``predict`` says of its intermediate results."""
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return int(said.split()[0])


def _clean_build(crate: Path) -> float:
    """Seconds of a release build with nothing built before, dependencies included, on all cores."""
    with tempfile.TemporaryDirectory(dir=BUILD) as target:
        environment = {**os.environ, "CARGO_TARGET_DIR": target}
        start = time.perf_counter()
        subprocess.run(["cargo", "build", "--release", "--quiet", "--offline"], cwd=crate, env=environment, check=True)
        return time.perf_counter() - start
