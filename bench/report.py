"""Writes the results as Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.figures import Figures
from bench.goals import PURE_RUST, RIVALS, RUNTIME, Goal, best_ratios, geometric_mean, goals
from bench.limits import Limits
from bench.results import OURS, OWN_CHOICE, Row, as_json, percentiles, ratio

_TIME = """## Time

*Of peak*: operations per second, relative to the rate of multiply-adds in registers. *Of memory*: bytes of all
weights per second, relative to the rate at which the core reads memory; it exceeds 100 % if the weights are in a
cache, or if an Embedding reads few of them. *Ours is*: how many times faster tf2rust is, with the same or with all
instructions.
"""
_FIGURES = """## Start, memory, size, build

Each engine runs a program that loads the model, predicts one sample and exits; for our crates this is the `predict`
example. *Start* is the CPU time of the process from start to exit. *Peak memory* is the maximum resident memory,
including libraries and weights. *Program* is the size of the stripped program without the packed weights, plus ONNX
Runtime's shared library if it is used. *Clean build* is measured for a small crate and for the largest.
"""
_PICTURE = """<picture>
  <source media="(prefers-color-scheme: dark)" srcset="speed-dark.svg">
  <img src="speed-light.svg" alt="Bar chart of the ratios in the table below.">
</picture>
"""
_FIGURE_HEADS = ("model", "engine", "start", "peak memory", "weights", "workspace", "program", "clean build")
_RATIO_HEADS = (
    "model",
    "batch",
    "against ONNX Runtime",
    "against OpenVINO",
    "against LiteRT",
    "against the faster of tract and rten",
    "against the best",
    "AVX2 only, against ONNX Runtime on AVX2",
)
_TIMES = ("p10", "median", "p90", "rows/s", "GFLOP/s", "of peak", "of memory", "ours is")
_TIME_HEADS = ("model", "batch", "engine", "instructions", *_TIMES)


@dataclass(frozen=True)
class Report:
    """The results of a run of the bench."""

    machine: dict[str, str]
    versions: dict[str, str]
    widest: str
    """The instruction set that crates select by default."""
    rows: Sequence[Row]
    problems: Sequence[str] = ()
    """A sentence for each row that was not timed."""
    limits: Sequence[Limits] = ()
    figures: Sequence[Figures] = ()
    weights: dict[str, int] = field(default_factory=dict)
    """The size of the weights of each model in bytes."""

    def goals(self) -> list[Goal]:
        return goals(self.rows, self.widest, self.limits, self.figures)

    def json(self) -> list[dict[str, Any]]:
        """The content of ``results.json``: an entry for each row and each kernel."""
        limits = {limit.isa: limit for limit in self.limits}
        figures = {(figure.model, figure.engine): asdict(figure) for figure in self.figures}
        entries = []
        for row in (*self.rows, *_kernel_rows(self.limits, self.versions[OURS])):
            entry = as_json(row) | figures.get((row.model, row.engine), {}) | {"machine": self.machine}
            limit = limits.get(row.isa) or limits.get(self.widest)
            if limit is not None:
                entry |= {"peak_gflops": limit.gflops, "memory_gbytes_per_second": limit.gigabytes}
            entries.append(entry)
        return entries


def _kernel_rows(limits: Iterable[Limits], version: str) -> Iterable[Row]:
    for limit in limits:
        for name, kernel in limit.kernels.items():
            p10, median, p90 = percentiles(kernel.samples)
            operations = round(kernel.samples[0] * kernel.gflops[0])
            yield Row(name, 1, OURS, version, limit.isa, 1, median, p10, p90, len(kernel.samples), operations)


def markdown(report: Report, notes: str = "") -> str:
    """The content of ``RESULTS.md``."""
    met = report.goals()
    parts = [
        "# Benchmark\n\n`make bench` writes this page. Every engine uses one thread on the same core, and the engines "
        "take turns. Times are for one prediction of the whole batch.\n",
        _PICTURE if best_ratios(report.rows, report.widest) else "",
        _summary(report),
        _table(("", ""), [*report.machine.items(), *report.versions.items()]),
        "## Ratios\n\nThe other engine's median divided by ours; above 1, tf2rust is faster.\n",
        _table(_RATIO_HEADS, _ratios(report)),
        _TIME,
        _table(
            _TIME_HEADS,
            (_time(row, report) for row in report.rows),
        ),
        _problems(report.problems),
        "## Rows per second at the best batch size\n",
        _table(
            ("model", "engine", "instructions", "batch", "rows/s"),
            ((r.model, r.engine, r.isa, str(r.batch), f"{r.rows_per_second:,.0f}") for r in _best(report.rows)),
        ),
    ]
    if report.limits:
        parts += ["## Limits of the core\n", _limits(report.limits)]
    if report.figures:
        parts += [_FIGURES, _table(_FIGURE_HEADS, map(_figure, report.figures))]
    parts += [
        f"## Goals\n\n{sum(goal.met for goal in met)} of {len(met)} are met.\n",
        _table(("goal", "bound", "found", "met", "missed by"), map(_goal, met)),
        notes,
    ]
    return "\n".join(part for part in parts if part).rstrip() + "\n"


def _summary(report: Report) -> str:
    """The geometric mean over all models, and the models where another engine is faster."""
    found = best_ratios(report.rows, report.widest)
    if not found:
        return ""
    behind = sorted((best, model, batch) for (model, batch), best in found.items() if best < 1)
    rows = [
        ("geometric mean against the best other engine", f"{geometric_mean(list(found.values())):.2f}"),
        ("rows where tf2rust is the fastest", f"{len(found) - len(behind)} of {len(found)}"),
        *((f"{model}, batch {batch}", f"{best:.2f}") for best, model, batch in behind),
    ]
    return _table(("summary", ""), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def _time(row: Row, report: Report) -> tuple[str, ...]:
    spread = (duration(ns) for ns in (row.p10_ns, row.median_ns, row.p90_ns))
    by_isa = {limit.isa: limit for limit in report.limits}
    # Other engines select their instructions themselves, so the widest instruction set is their limit.
    limit = by_isa.get(row.isa) or by_isa.get(report.widest)
    shares = ("", "")
    if limit is not None:
        read = report.weights.get(row.model, 0) / row.median_ns
        shares = (f"{row.gflops / limit.gflops:.0%}", f"{read / limit.gigabytes:.0%}")
    isa = report.widest if row.isa == OWN_CHOICE else row.isa
    ours = ratio(report.rows, row.model, row.batch, isa, (row.engine,), row.isa)
    compared = "" if row.engine == OURS or ours is None else f"{ours:.2f} ×"
    head = (row.model, str(row.batch), row.engine, row.isa)
    return (*head, *spread, f"{row.rows_per_second:,.0f}", f"{row.gflops:.1f}", *shares, compared)


def _ratios(report: Report) -> Iterable[tuple[str, ...]]:
    rows, widest = report.rows, report.widest
    for model, batch in dict.fromkeys((row.model, row.batch) for row in rows):
        found = (
            ratio(rows, model, batch, widest, RUNTIME),
            ratio(rows, model, batch, widest, ("openvino",)),
            ratio(rows, model, batch, widest, ("litert",)),
            ratio(rows, model, batch, widest, PURE_RUST),
            ratio(rows, model, batch, widest, RIVALS),
            ratio(rows, model, batch, "avx2", RUNTIME, "avx2"),
        )
        yield (model, str(batch), *("" if x is None else f"{x:.2f}" for x in found))


def _best(rows: Sequence[Row]) -> list[Row]:
    best: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        key = (row.model, row.engine, row.isa)
        if key not in best or row.rows_per_second > best[key].rows_per_second:
            best[key] = row
    return list(best.values())


def _limits(limits: Sequence[Limits]) -> str:
    kernels = list(limits[0].kernels)
    heads = (
        "instructions",
        "multiply-adds in registers",
        "reads from memory",
        *(f"{name}, of peak" for name in kernels),
    )
    rows = (
        (
            limit.isa,
            f"{limit.gflops:.0f} GFLOP/s",
            f"{limit.gigabytes:.1f} GB/s",
            *(f"{limit.kernels[k].share:.0%}" for k in kernels),
        )
        for limit in limits
    )
    return _table(heads, rows)


def _figure(figure: Figures) -> tuple[str, ...]:
    workspace = "" if figure.workspace_bytes is None else f"{figure.workspace_bytes / 1e6:.2f} MB"
    seconds = "" if figure.build_seconds is None else f"{figure.build_seconds:.1f} s"
    return (
        figure.model,
        figure.engine,
        duration(figure.start_ns),
        f"{figure.peak_bytes / 1e6:.1f} MB",
        f"{figure.weights_bytes / 1e6:.2f} MB",
        workspace,
        f"{figure.program_bytes / 1e3:,.0f} kB",
        seconds,
    )


def _goal(goal: Goal) -> tuple[str, ...]:
    sign = "≥" if goal.at_least else "≤"
    return (
        goal.what,
        f"{sign} {goal.bound:g} {goal.unit}",
        f"{goal.found:.3g} {goal.unit}",
        "yes" if goal.met else "no",
        goal.missed_by,
    )


def _problems(problems: Sequence[str]) -> str:
    return "" if not problems else "Not timed:\n\n" + "".join(f"- {problem}\n" for problem in problems)


def duration(nanoseconds: float) -> str:
    """A duration with three digits and a unit."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return (
                f"{nanoseconds / size:.3g} {unit}" if nanoseconds < 1000 * size else f"{nanoseconds / size:.0f} {unit}"
            )
    return f"{nanoseconds:.3g} ns"
