"""Writes the results as Markdown and JSON."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from textwrap import shorten
from typing import Any

from bench.figures import Figures
from bench.goals import NAMES, RIVALS, RUNTIME, Goal, float_ratios, goals, scaling
from bench.limits import Limits
from bench.results import (
    OURS,
    OWN_CHOICE,
    Comparison,
    Row,
    as_json,
    compare,
    compare_all,
    geometric_mean,
    percentiles,
)

_HEAD = """# Benchmark

`make bench` writes this page. Unless a table says otherwise, every engine uses one thread on the same core, and the
engines take turns. Times are medians, for one prediction of the whole batch.
"""
_TIME = """## Time

*Of peak*: operations per second, relative to the rate of multiply-adds in registers. *Of memory*: bytes of all
weights per second, relative to the rate at which the core reads memory; it exceeds 100 % if the weights are in a
cache, or if an Embedding reads few of them. *Ours is*: how many times faster tf2rust is, with the same or with all
instructions. One thread.
"""
_THREADS = """## Two threads

Every engine has two threads on two cores; our crates have the feature `rayon`. Times are wall-clock times. *Scaling*:
how many times faster tf2rust is than with one thread. *Ratio*: the time of the best other engine, relative to ours.
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
_REASON = 200
"""Characters of a reason. Messages of engines may list every node."""
_FIGURE_HEADS = ("model", "engine", "start", "peak memory", "weights", "workspace", "program", "clean build")
_RATIO_HEADS = (
    "model",
    "batch",
    *(f"against {NAMES.get(rival, rival)}" for rival in RIVALS),
    "AVX2 only, against ONNX Runtime on AVX2",
)
_TIMES = ("p10", "median", "p90", "rows/s", "GFLOP/s", "of peak", "of memory", "ours is")
_TIME_HEADS = ("model", "batch", "engine", "instructions", *_TIMES)


@dataclass(frozen=True)
class Problem:
    """Why an engine was not timed on a model, for one batch and number of threads."""

    engine: str
    model: str
    where: str
    why: str


@dataclass
class Report:
    """The results of a run of the bench so far."""

    machine: dict[str, str]
    versions: dict[str, str]
    weights: dict[str, int] = field(default_factory=dict)
    """The size of the weights of each model in bytes."""
    widest: str = ""
    """The instruction set that crates select by default."""
    rows: list[Row] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    limits: list[Limits] = field(default_factory=list)
    figures: list[Figures] = field(default_factory=list)

    def goals(self) -> list[Goal]:
        return goals(self.rows, self.widest, self.limits, self.figures)

    def best(self, threads: int = 1) -> list[Comparison]:
        """Our crate beside the fastest other engine, for each model and batch."""
        return compare_all(self.rows, self.widest, RIVALS, threads)

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
    single = [row for row in report.rows if row.threads == 1]
    parts = [
        _HEAD,
        *_summary(report),
        f"## Goals\n\n{sum(goal.met for goal in met)} of {len(met)} are met.\n" if met else "",
        _table(("missed", "bound", "found", "by"), (_goal(goal) for goal in met if not goal.met)),
        _folded("All goals that are met", ("goal", "bound", "found"), (_goal(goal)[:3] for goal in met if goal.met)),
        "## Machine and engines\n",
        _table(("", ""), [*report.machine.items(), *report.versions.items()]),
        *_two_threads(report),
        "## Ratios\n\nThe other engine's median divided by ours; above 1, tf2rust is faster.\n",
        _table(_RATIO_HEADS, _ratios(report)),
        _TIME,
        _table(_TIME_HEADS, (_time(row, report) for row in single)),
        _problems(report.problems),
        "## Rows per second at the best batch size\n",
        _table(
            ("model", "engine", "instructions", "batch", "rows/s"),
            ((r.model, r.engine, r.isa, str(r.batch), f"{r.rows_per_second:,.0f}") for r in _best(single)),
        ),
    ]
    if report.limits:
        parts += ["## Limits of the core\n", _limits(report.limits)]
    if report.figures:
        parts += [_FIGURES, _table(_FIGURE_HEADS, map(_figure, report.figures))]
    return "\n".join(part for part in (*parts, notes) if part).rstrip() + "\n"


def _summary(report: Report) -> Iterable[str]:
    """The picture, the geometric means, and our crate beside the fastest other engine for every model and batch."""
    found = report.best()
    if not found:
        return
    yield _PICTURE
    ratios, floats = [each.ratio for each in found], float_ratios(found)
    means = f"The geometric mean of the ratios is {geometric_mean(ratios):.2f}"
    means += f", and {geometric_mean(floats):.2f} for the models in float32" if 0 < len(floats) < len(ratios) else ""
    ahead = sum(ratio >= 1 for ratio in ratios)
    yield f"{means}. tf2rust is the fastest in {ahead} of {len(ratios)} rows.\n"
    yield _table(("model", "batch", "tf2rust", "best other", "which", "ratio"), map(_comparison, found))


def _comparison(found: Comparison) -> tuple[str, ...]:
    ours, other, ratio = found.ours, found.other, f"{found.ratio:.2f}"
    which = NAMES.get(other.engine, other.engine)
    head = (ours.model, str(ours.batch), duration(ours.median_ns), duration(other.median_ns), which)
    return (*head, f"**{ratio}**" if found.ratio < 1 else ratio)


def _two_threads(report: Report) -> Iterable[str]:
    found = report.best(threads=2)
    if not found:
        return
    yield _THREADS
    yield f"The geometric mean of the ratios is {geometric_mean([each.ratio for each in found]):.2f}.\n"
    medians = {(row.model, row.batch, row.engine): row.median_ns for row in report.rows if row.threads == 2}
    rows = []
    for each in found:
        model, batch = each.ours.model, each.ours.batch
        more = scaling(report.rows, model, batch, each.ours.isa)
        times = (medians.get((model, batch, engine)) for engine in (OURS, *RIVALS))
        cells = ["" if time is None else duration(time) for time in times]
        cells.insert(1, "" if more is None else f"{more:.2f} ×")
        rows.append((model, str(batch), *cells, _comparison(each)[-1]))
    yield _table(("model", "batch", OURS, "scaling", *(NAMES.get(rival, rival) for rival in RIVALS), "ratio"), rows)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table. Empty if it would have no rows."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines) if len(lines) > 2 else ""


def _folded(summary: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    table = _table(heads, rows)
    return f"<details><summary>{summary}</summary>\n\n{table}\n</details>\n" if table else ""


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
    found = compare(report.rows, row.model, row.batch, isa, (row.engine,), row.isa)
    compared = "" if row.engine == OURS or found is None else f"{found.ratio:.2f} ×"
    head = (row.model, str(row.batch), row.engine, row.isa)
    return (*head, *spread, f"{row.rows_per_second:,.0f}", f"{row.gflops:.1f}", *shares, compared)


def _ratios(report: Report) -> Iterable[tuple[str, ...]]:
    rows, widest = report.rows, report.widest
    for model, batch in dict.fromkeys((row.model, row.batch) for row in rows):
        found = [compare(rows, model, batch, widest, (rival,)) for rival in RIVALS]
        found.append(compare(rows, model, batch, "avx2", RUNTIME, "avx2"))
        yield (model, str(batch), *("" if x is None else f"{x.ratio:.2f}" for x in found))


def _best(rows: Sequence[Row]) -> list[Row]:
    best: dict[tuple[str, str, str], Row] = {}
    for row in rows:
        key = (row.model, row.engine, row.isa)
        if key not in best or row.rows_per_second > best[key].rows_per_second:
            best[key] = row
    return list(best.values())


def _limits(limits: Sequence[Limits]) -> str:
    kernels = list(dict.fromkeys(name for limit in limits for name in limit.kernels))
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
            *(f"{limit.kernels[k].share:.0%}" if k in limit.kernels else "" for k in kernels),
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
        goal.missed_by,
    )


def _problems(problems: Iterable[Problem]) -> str:
    """A line for each engine and reason, with the models."""
    places: dict[tuple[str, str], dict[str, list[str]]] = {}
    for each in problems:
        models = places.setdefault((each.engine, shorten(each.why, _REASON)), {})
        models.setdefault(each.model, []).append(each.where)
    lines = []
    for (engine, why), models in places.items():
        found = "; ".join(f"{model}, {', '.join(wheres)}" for model, wheres in models.items())
        lines.append(f"- {engine}: {why}: {found}\n")
    return "Not timed:\n\n" + "".join(lines) if lines else ""


def duration(nanoseconds: float) -> str:
    """A duration with three digits and a unit."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return (
                f"{nanoseconds / size:.3g} {unit}" if nanoseconds < 1000 * size else f"{nanoseconds / size:.0f} {unit}"
            )
    return f"{nanoseconds:.3g} ns"
