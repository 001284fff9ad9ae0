"""``python -m bench`` converts the models, builds the programs, times all engines and writes the results."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rich.console import Console

from bench import crates, figures, limits, runner
from bench.files import BUILD, ROOT, onnx_file
from bench.flops import flops
from bench.goals import RUNTIME
from bench.models import MODELS, Model
from bench.picture import pictures
from bench.report import Problem, Report, markdown
from bench.results import OURS, Row, percentiles

FOLDER = Path(__file__).resolve().parent
THREADS = (1, 2)
ROUNDS = 40
QUICK_ROUNDS = 15
MINUTES = 35.0
"""How long the measurements may take."""
_MOST_SECONDS, _LEAST_SECONDS = 30.0, 5.0
"""How long the engines of a row are timed, if they are not slow."""
_START_SECONDS = 4.0
"""How long the engines of a row take to start."""
_AVX2_SHARE = 0.2
"""The part of a row's time that goes to the engines that are limited to AVX2."""
_TIMES_SHARE = 0.85
"""The part of the minutes that goes to times. The rest is for limits, start, memory, size and build."""
_LARGE_FLOPS = 100_000_000_000
"""Rows with more operations come last, because one prediction takes seconds."""

console = Console(stderr=True)


@dataclass(frozen=True)
class Task:
    """The rows of one model, batch and number of threads."""

    model: Model
    batch: int
    threads: int

    @property
    def where(self) -> str:
        """The batch and the number of threads."""
        return f"batch {self.batch}" if self.threads == 1 else f"batch {self.batch} with {self.threads} threads"

    @property
    def cost(self) -> float:
        """The seconds that it takes, roughly: a fixed part, and a few predictions with each of eight engines."""
        return 15 + self.flops / 3e9

    @property
    def flops(self) -> int:
        return self.batch * _flops_of_row(self.model.base or self.model.name)


@cache
def _flops_of_row(name: str) -> int:
    """The operations of one row of a float model. A quantized one counts as many."""
    return flops(onnx_file(next(model for model in MODELS if model.name == name)), 1)


def main() -> None:
    """Runs the whole benchmark, or the part that the arguments select."""
    arguments = _arguments()
    whole = set(arguments.engines) == set(runner.OTHERS) and set(arguments.threads) == set(THREADS)
    whole = whole and not arguments.only and not arguments.quick
    output = arguments.output or (FOLDER if whole else BUILD / "part")
    models = [model for model in MODELS if not arguments.only or model.name in arguments.only]
    start = time.monotonic()

    def progress(text: str) -> None:
        console.print(f"{time.monotonic() - start:5.0f} s  {text}", highlight=False)

    # The harness is built with all models.
    for model in MODELS:
        crates.provide(model, progress)
    progress("Building the harness")
    runner.build_harness(threads=arguments.threads != [1], burn="burn" in arguments.engines)
    report = Report(_machine(), runner.versions(), {model.name: crates.weights_bytes(model) for model in models})
    deadline = time.monotonic() + 60 * arguments.minutes * (1 if arguments.quick else _TIMES_SHARE)
    tasks = _tasks(models, arguments.threads)
    for index, task in enumerate(tasks):
        left = deadline - time.monotonic()
        if left <= 0:
            report.problems += [
                Problem("all", late.model.name, late.where, "no time was left") for late in tasks[index:]
            ]
            break
        share = left * task.cost / sum(later.cost for later in tasks[index:])
        seconds = min(max(share - _START_SECONDS, _LEAST_SECONDS), _MOST_SECONDS)
        progress(f"Timing {task.model.name}, {task.where}, for {seconds:.0f} s")
        try:
            _time(task, arguments.engines, QUICK_ROUNDS if arguments.quick else ROUNDS, seconds, report)
        except runner.ProgramError as error:
            report.problems.append(Problem("all", task.model.name, task.where, str(error).replace(f"{ROOT}/", "")))
            continue
        _write(report, output)
    if not arguments.quick:
        progress("Measuring the core")
        report.limits += [limits.measure(isa) for isa in limits.instruction_sets(report.widest)]
        _write(report, output)
        for figure in _figures(models, arguments.engines, progress):
            report.figures.append(figure)
            _write(report, output)
    _write(report, output)
    progress(f"Done; the results are in {output}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples, and nothing but times")
    parser.add_argument(
        "--minutes",
        type=float,
        default=MINUTES,
        help="how long the measurements may take; conversions and builds come on top (default: %(default)g)",
    )
    parser.add_argument("--only", nargs="*", choices=[model.name for model in MODELS], metavar="NAME", help="models")
    parser.add_argument("--engines", nargs="*", choices=runner.OTHERS, default=runner.OTHERS)
    parser.add_argument("--threads", nargs="*", type=int, choices=THREADS, default=list(THREADS))
    parser.add_argument(
        "--output", type=Path, help="where the results are written (default: bench/, or build/bench/part for a part)"
    )
    return parser.parse_args()


def _tasks(models: Sequence[Model], threads: Sequence[int]) -> list[Task]:
    """What to time, the most important first: time may run out."""
    tasks = [Task(model, batch, count) for count in threads for model in models for batch in model.batches]
    return sorted(tasks, key=lambda task: (max(task.flops, _LARGE_FLOPS), task.batch > 1, task.threads))


def _isas(widest: str) -> list[str]:
    return [widest, "avx2"] if widest.startswith(("avx512", "amx")) else [widest]


def _time(task: Task, engines: Sequence[str], rounds: int, seconds: float, report: Report) -> None:
    """Adds the rows of a task to the report."""
    model, batch, threads = task.model, task.batch, task.threads
    selected = [engine for engine in engines if _applies(engine, task)]
    narrow = [engine for engine in engines if engine in RUNTIME] if threads == 1 else []
    share = _AVX2_SHARE if narrow else 0
    timings = runner.time(model, batch, selected, rounds, seconds=(1 - share) * seconds, threads=threads)
    (widest,) = {timing.isa for timing in timings if timing.engine == OURS}
    report.widest = widest
    for isa in _isas(widest)[1:] if narrow else ():
        timings += runner.time(model, batch, narrow, rounds, isa, seconds=share * seconds)
    for timing in timings:
        if timing.problem is not None:
            report.problems.append(
                Problem(timing.engine, model.name, task.where, timing.problem.replace(f"{ROOT}/", ""))
            )
            continue
        p10, median, p90 = percentiles(timing.samples)
        version = runner.versions()[timing.engine]
        head = (model.name, batch, timing.engine, version, timing.isa, threads)
        report.rows.append(Row(*head, median, p10, p90, len(timing.samples), task.flops))
    # Stable: what was measured first comes first, which is the widest instruction set.
    order = [model.name for model in MODELS]
    report.rows.sort(key=lambda row: (row.threads, order.index(row.model), row.batch))


def _applies(engine: str, task: Task) -> bool:
    """Whether an engine is timed: ndarray implements one model, and the cost of a call from Python is constant."""
    if engine == "ndarray":
        return task.model.name == "tiny_mlp" and task.threads == 1
    return engine != "onnxruntime_python" or (task.batch == 1 and task.threads == 1)


def _write(report: Report, output: Path) -> None:
    """Writes the results so far."""
    notes = (FOLDER / "notes.md").read_text(encoding="utf-8")
    texts = {"RESULTS.md": markdown(report, notes), "results.json": json.dumps(report.json(), indent=1) + "\n"}
    output.mkdir(parents=True, exist_ok=True)
    for name, text in {**texts, **pictures(report.json())}.items():
        (output / name).write_text(text, encoding="utf-8")


def _figures(
    models: Sequence[Model], engines: Sequence[str], progress: Callable[[str], None]
) -> Iterator[figures.Figures]:
    for model in models:
        if model.name not in figures.MEASURED:
            continue
        progress(f"Start, memory, size and build of {model.name}")
        yield figures.measure_ours(model)
        for engine in figures.ONCE:
            other = figures.measure_other(model, engine) if engine in engines else None
            if other is not None:
                yield other


def _machine() -> dict[str, str]:
    """The processor, system and compiler."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        fields = dict(line.split(":", 1) for line in info.read_text().splitlines() if ":" in line)
        named = {key.strip(): value.strip() for key, value in fields.items()}
        cpu = f"{named.get('model name', cpu)} (family {named.get('cpu family')}, model {named.get('model')})"
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    return {"CPU": cpu, "system": platform.platform(), "compiler": rustc}


if __name__ == "__main__":
    main()
