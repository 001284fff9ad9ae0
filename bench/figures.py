"""Figures other than latency: start-up, peak memory, program size and build time."""

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
from bench.files import BUILD, onnx_file
from bench.models import Model
from bench.results import OURS

STARTS = 10
ONCE = ("onnxruntime", "tract", "rten")
MEASURED = ("tiny_mlp", "dgaintel", "magika", "mnist_cnn", "lstm", "mobilenet_v2", "resnet50", "mobilenet_v2_int8")
"""The models for which these figures are measured."""
BUILT = ("dgaintel", "resnet50")
"""The models whose build is timed: a small one and the largest."""


@dataclass(frozen=True)
class Figures:
    """The figures of a program that loads a model, predicts one row and exits."""

    model: str
    engine: str
    start_ns: float
    """Median CPU time of the process, which writes the outputs to a file."""
    peak_bytes: int
    """Peak resident memory, including the program and its libraries."""
    weights_bytes: int
    """Weights in the file; for generated crates, packed weights in the program."""
    program_bytes: int
    """The stripped program without its weights, plus the shared library that it loads."""
    workspace_bytes: int | None = None
    build_seconds: float | None = None
    """``cargo build --release`` of a generated crate from an empty target folder."""


def measure_ours(model: Model) -> Figures:
    """Measures the ``predict`` example of the crate."""
    crate = crates.crate(model)
    packed = _packed_bytes(runner.build(crate, "--example", "predict", "--message-format=json"))
    seconds = _clean_build(crate) if model.name in BUILT else None
    built = runner.program("examples") / "predict"
    return _figures(model, OURS, built, (), packed, build_seconds=seconds)


def _packed_bytes(messages: str) -> int:
    """The size of the blobs that build scripts wrote, from cargo's JSON messages."""
    found = [json.loads(line) for line in messages.splitlines() if line.startswith("{")]
    folders = [Path(message["out_dir"]) for message in found if message["reason"] == "build-script-executed"]
    return sum(blob.stat().st_size for blob in (folder / "weights.bin" for folder in folders) if blob.exists())


def measure_other(model: Model, engine: str) -> Figures | None:
    """Measures the harness program of another engine. Returns None if the engine cannot run the model."""
    try:
        return _figures(model, engine, runner.program(f"once_{engine}"), (onnx_file(model),), 0)
    except runner.ProgramError:
        return None


def _figures(
    model: Model, engine: str, built: Path, arguments: tuple[Path, ...], inside: int, build_seconds: float | None = None
) -> Figures:
    """Strips a copy of a program and runs it. ``inside`` is the number of bytes of weights in the program."""
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
    """The workspace in bytes that ``predict`` reports."""
    said = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return int(said.split()[0])


def _clean_build(crate: Path) -> float:
    """Seconds of a release build with all dependencies on all cores."""
    with tempfile.TemporaryDirectory(dir=BUILD) as target:
        environment = {**os.environ, "CARGO_TARGET_DIR": target}
        start = time.perf_counter()
        subprocess.run(["cargo", "build", "--release", "--quiet", "--offline"], cwd=crate, env=environment, check=True)
        return time.perf_counter() - start
