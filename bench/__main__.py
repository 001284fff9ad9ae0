"""``python -m bench`` converts the models, builds the programs, times all engines and writes the results."""

from __future__ import annotations

import argparse
import json
import platform
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from bench import crates, figures, limits, runner
from bench.flops import flops
from bench.goals import RUNTIME
from bench.models import MODELS, Model
from bench.picture import pictures
from bench.report import Report, markdown
from bench.results import OURS, Row, percentiles

FOLDER = Path(__file__).resolve().parent
ROUNDS = 40
QUICK_ROUNDS = 15
LARGE_FLOPS = 500_000_000  # a prediction of several milliseconds needs fewer rounds
LARGE_ROUNDS = 20

console = Console(stderr=True)


def main() -> None:
    """Runs the whole benchmark, or the part that the arguments select."""
    arguments = _arguments()
    models = [model for model in MODELS if not arguments.models or model.name in arguments.models]
    start = time.monotonic()

    def progress(text: str) -> None:
        console.print(f"{time.monotonic() - start:5.0f} s  {text}", highlight=False)

    # The harness is built with all models.
    for model in MODELS:
        crates.provide(model, progress)
    progress("Building the harness")
    runner.build(runner.FOLDER, "--workspace", "--locked")
    rows, problems = [], []
    for model in models:
        for batch in model.batches:
            progress(f"Timing {model.name}, batch {batch}")
            found, why = _time(model, batch, arguments.engines, arguments.quick)
            rows += found
            problems += why
    widest = next(row.isa for row in rows if row.engine == OURS)
    progress("Measuring the core")
    bounds = [limits.measure(isa) for isa in _isas(widest)]
    others = [] if arguments.quick else _figures(models, arguments.engines, progress)
    progress("Done")
    report = Report(
        _machine(),
        runner.versions(),
        widest,
        rows,
        problems,
        bounds,
        others,
        {m.name: crates.weights_bytes(m) for m in models},
    )
    notes = (FOLDER / "notes.md").read_text(encoding="utf-8")
    text = markdown(report, notes)
    output = arguments.output
    output.mkdir(parents=True, exist_ok=True)
    (output / "RESULTS.md").write_text(text, encoding="utf-8")
    (output / "results.json").write_text(json.dumps(report.json(), indent=1) + "\n", encoding="utf-8")
    for name, picture in pictures(report.json()).items():
        (output / name).write_text(picture, encoding="utf-8")
    print(text)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer samples, and nothing but times")
    parser.add_argument("--models", nargs="*", choices=[model.name for model in MODELS])
    parser.add_argument("--engines", nargs="*", choices=runner.OTHERS, default=runner.OTHERS)
    parser.add_argument("--output", type=Path, default=FOLDER, help="where RESULTS.md and results.json are written")
    return parser.parse_args()


def _isas(widest: str) -> list[str]:
    return [widest, "avx2"] if widest.startswith("avx512") else [widest]


def _time(model: Model, batch: int, engines: Sequence[str], quick: bool) -> tuple[list[Row], list[str]]:
    operations = flops(crates.onnx_file(model), batch)
    rounds = QUICK_ROUNDS if quick else LARGE_ROUNDS if operations > LARGE_FLOPS else ROUNDS
    # The ndarray code implements one model.
    engines = [engine for engine in engines if engine != "ndarray" or model.name == "tiny_mlp"]
    timings = runner.time(model, batch, engines, rounds)
    (widest,) = {timing.isa for timing in timings if timing.engine == OURS}
    for isa in _isas(widest)[1:]:
        timings += runner.time(model, batch, [engine for engine in engines if engine in RUNTIME], rounds, isa)
    rows, problems = [], []
    for timing in timings:
        if timing.problem is not None:
            problems.append(f"{timing.engine}, {model.name}, batch {batch}: {timing.problem}")
            continue
        p10, median, p90 = percentiles(timing.samples)
        version = runner.versions()[timing.engine]
        head = (model.name, batch, timing.engine, version, timing.isa, 1)
        rows.append(Row(*head, median, p10, p90, len(timing.samples), operations))
    return rows, problems


def _figures(models: Sequence[Model], engines: Sequence[str], progress: Callable[[str], None]) -> list[figures.Figures]:
    found = []
    for model in models:
        progress(f"Start, memory, size and build of {model.name}")
        found.append(figures.measure_ours(model))
        for engine in figures.ONCE:
            other = figures.measure_other(model, engine) if engine in engines else None
            if other is not None:
                found.append(other)
    return found


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


main()
