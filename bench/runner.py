"""Builds the Rust programs that time the engines, and runs them on chosen cores."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from bench.crates import inputs, weights_file
from bench.files import ROOT, onnx_file, tflite_file
from bench.models import Model
from bench.results import OURS

FOLDER = ROOT / "bench" / "harness"
LOCK = FOLDER / "Cargo.lock"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "build" / "target"))
OTHERS = ("onnxruntime", "openvino", "litert", "tract", "rten", "burn", "ndarray", "onnxruntime_python")

TOLERANCES = {"f32": 1e-3, "f16": 5e-3, "bf16": 5e-2, "int8": 0.25}
"""The largest difference between the outputs of two engines, relative to the largest output. Quantized models in ONNX
and in TFLite are quantized by different tools."""


@dataclass(frozen=True)
class Timing:
    """The measurements of an engine for one model and batch, or why there are none."""

    model: str
    batch: int
    engine: str
    isa: str
    threads: int
    samples: tuple[float, ...] = ()
    """Nanoseconds of one prediction, per sample."""
    problem: str | None = None


class ProgramError(Exception):
    """A program of the harness failed. It has written the reason to stderr."""


def build(crate: Path, *arguments: str) -> str:
    """Runs ``cargo build --release`` and returns its standard output."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}
    done = subprocess.run(
        ["cargo", "build", "--release", *arguments],
        cwd=crate,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"cargo build in {crate} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def program(name: str) -> Path:
    """The path of a program of the harness."""
    return TARGET / "release" / name


def build_harness(threads: bool, burn: bool) -> None:
    """Builds the harness: ``harness`` for one thread, ``harness-rayon`` for several, and the worker with burn.

    Cargo updates the lock file, because the versions of the generated crates contain hashes of their models. All other
    versions stay; afterwards, the lock file has no hashes, so that it does not change with the models.
    """
    try:
        if threads:
            build(FOLDER, "--package", "harness", "--features", "rayon")
            shutil.copy2(program("harness"), program("harness-rayon"))
        build(FOLDER)
        if burn:
            build(FOLDER, "--package", "worker-burn")
    finally:
        LOCK.write_text(without_hashes(LOCK.read_text(encoding="utf-8")), encoding="utf-8")


def without_hashes(lock: str) -> str:
    """The text of a lock file without the hashes of models in the versions of generated crates."""
    return re.sub(r'^(version = "[^"+]*)\+[0-9a-f]{12}"$', r'\1"', lock, flags=re.MULTILINE)


def run(
    *command: str | Path,
    isa: str | None = None,
    threads: int = 1,
    variables: Mapping[str, str] | None = None,
    quiet: bool = False,
) -> str:
    """Runs a program on as many cores as threads and returns its standard output.

    It gets the paths of ONNX Runtime and of Python, and further environment variables. Raises ProgramError if it fails.
    """
    paths = {"ORT_DYLIB_PATH": str(onnxruntime_library()), "BENCH_PYTHON": sys.executable, "PYTHONPATH": str(ROOT)}
    environment = {**os.environ, **paths, **(variables or {})}
    environment.pop("TF_LAYERS_ISA", None)
    if isa is not None:
        environment["TF_LAYERS_ISA"] = isa
    allowed = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()
    try:
        if allowed:
            # Child processes inherit it.
            os.sched_setaffinity(0, sorted(allowed)[-threads:])
        stderr = subprocess.DEVNULL if quiet else None
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True, check=False)
    finally:
        if allowed:
            os.sched_setaffinity(0, allowed)
    if done.returncode:
        raise ProgramError(f"{' '.join(map(str, command))} failed.")
    return done.stdout


def time(
    model: Model,
    batch: int,
    engines: Sequence[str],
    rounds: int,
    isa: str | None = None,
    *,
    seconds: float = 60,
    threads: int = 1,
) -> list[Timing]:
    """Times the crate and ``engines`` in turn, in ``rounds`` samples of each, or fewer if they take too many seconds.

    With the ``isa`` "avx2", all engines are limited to AVX2.
    """
    harness = program("harness" if threads == 1 else "harness-rayon")
    others = [engine for engine in engines if engine in OTHERS]
    files = (onnx_file(model), inputs(model, batch))
    plan = [str(number) for number in (TOLERANCES[model.precision], rounds, seconds, threads)]
    variables = {
        "BENCH_PRECISION": model.precision,
        "BENCH_TFLITE": str(tflite_file(model, batch)),
        "BENCH_WEIGHTS": str(weights_file(model)),
    }
    said = run(harness, model.name, *files, *plan, *others, isa=isa, threads=threads, variables=variables)
    found = json.loads(said)
    return [
        Timing(
            model.name,
            batch,
            row["engine"],
            found["isa" if row["engine"] == OURS else "others"],
            threads,
            tuple(row.get("samples", ())),
            row.get("problem"),
        )
        for row in found["rows"]
    ]


def onnxruntime_library() -> Path:
    """The shared library in the installed wheel."""
    import onnxruntime

    folder = Path(onnxruntime.__file__).parent / "capi"
    for pattern in ("libonnxruntime.so.*", "libonnxruntime.*.dylib", "onnxruntime.dll"):
        for path in folder.glob(pattern):
            return path
    sys.exit(f"There is no shared library of ONNX Runtime in {folder}.")


@cache
def versions() -> dict[str, str]:
    """The version of each engine."""
    import onnxruntime

    import tf2rust

    lock = LOCK.read_text(encoding="utf-8")
    locked = dict(re.findall(r'name = "(.*)"\nversion = "(.*)"', lock))
    return {
        OURS: tf2rust.__version__,
        "onnxruntime": onnxruntime.__version__,
        "tract": locked["tract-onnx"],
        "rten": locked["rten"],
        "burn": locked["burn"],
        "ndarray": locked["ndarray"],
        "openvino": version("openvino"),
        "litert": version("ai-edge-litert"),
        "onnxruntime_python": onnxruntime.__version__,
    }
