"""``python -m tests.emulated``: tf-layers and generated crates on emulated processors.

For 64-bit Arm (NEON) and for WebAssembly (simd128, addresses of 32 bits), it runs the tests of tf-layers with debug
assertions and overflow checks, and then the tests of generated crates, compiled as users compile them. For processors
without an operating system, the crates are only compiled. A table shows the number of tests and the time.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich import print as show
from rich.table import Table

from tests.crates import ROOT, TARGET, TF_LAYERS, Crates
from tests.emulated.debian import UnavailableError, toolchain
from tests.emulated.targets import AARCH64, BARE, WASM32, Target
from tests.models import graphs
from tf2rust.source import open_onnx

MODELS = {"mlp": graphs.mlp, "two_inputs": graphs.two_inputs, "image": graphs.image}
# Tests of kernels of every kind; without `std`, the instruction set is known at compile time.
ALLOC = ("--no-default-features", "--features", "alloc")
WITHOUT_STD = (*ALLOC, "--lib", "--test", "dense", "--test", "functions", "--test", "windows")


@dataclass
class Run:
    """The result of one step."""

    target: str
    what: str
    passed: int
    failed: int
    seconds: float


def main() -> int:
    """Runs all steps. Returns 0 if none failed, and 2 if the toolchain is not available."""
    start = time.monotonic()
    try:
        root = toolchain(ROOT / "build" / "emulated")
        targets = (AARCH64, WASM32, *BARE)
        for target in targets:
            target.install()
        environments = {target: target.environment(root) for target in targets}
    except UnavailableError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{time.monotonic() - start:.0f} s for the toolchain in {root}", flush=True)
    runs = []
    for target in (AARCH64, WASM32):
        test = partial(cargo, environments[target], "test", "--profile", "checked", "--no-fail-fast")
        runs.append(run(target, "tf-layers", test))
        runs.append(run(target, "tf-layers without std", partial(test, *WITHOUT_STD)))
    with tempfile.TemporaryDirectory() as folder:
        crates = generated(Path(folder))
        for target, environment in environments.items():
            crates.environment = environment
            if target in BARE:
                build = partial(crates.build, "build", "--lib", "--no-default-features")
                runs.append(run(target, "generated crates without alloc, compiled", build))
                continue
            test = partial(crates.build, "test", "--lib", "--tests", "--no-fail-fast")
            runs.append(run(target, "generated crates", test))
            runs.append(run(target, "generated crates without std", partial(test, *ALLOC)))
    report(runs)
    return int(any(run.failed for run in runs))


def run(target: Target, what: str, work: Callable[[], str]) -> Run:
    """Runs one step, and shows its output if it fails."""
    start = time.monotonic()
    print(f"{target.triple}: {what}", flush=True)
    broken = False
    try:
        output = work()
    except AssertionError as error:
        output, broken = str(error), True
        print(output, flush=True)
    passed, failed = (sum(map(int, re.findall(rf"(\d+) {kind};", output))) for kind in ("passed", "failed"))
    # A program that does not compile or aborts reports no counts.
    return Run(target.triple, what, passed, max(failed, broken), time.monotonic() - start)


def cargo(environment: dict[str, str], *arguments: str) -> str:
    """Runs cargo in tf-layers and returns its output. Raises AssertionError with the output if it fails."""
    done = subprocess.run(
        ["cargo", *arguments],
        cwd=TF_LAYERS,
        env={**os.environ, "CARGO_TARGET_DIR": str(TARGET), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    return output


def generated(folder: Path) -> Crates:
    """The crates of all models, not yet compiled."""
    crates = Crates(folder)
    for name, model in MODELS.items():
        crates.add(name, open_onnx(graphs.save(model(), folder / f"{name}.onnx")))
    text = (crates.converted["image"].crate / "src" / "model.rs").read_text(encoding="utf-8")
    assert "WinogradConv2d" in text
    return crates


def report(runs: list[Run]) -> None:
    table = Table("target", "what", "passed", "failed", "s")
    for run in runs:
        table.add_row(run.target, run.what, str(run.passed), str(run.failed), f"{run.seconds:.0f}")
    show(table)
    print(f"{sum(run.passed for run in runs)} passed, {sum(run.failed for run in runs)} failed")


if __name__ == "__main__":
    sys.exit(main())
