"""The measurements as rows of numbers, and ratios of them."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

OURS = "tf2rust"
OWN_CHOICE = "its own choice"
"""The instruction set of an engine that selects it itself."""


@dataclass(frozen=True)
class Row:
    """The nanoseconds that an engine takes for one prediction of a whole batch."""

    model: str
    batch: int
    engine: str
    version: str
    isa: str
    threads: int
    """Times of one thread are CPU times, others are wall-clock times."""
    median_ns: float
    p10_ns: float
    p90_ns: float
    samples: int
    flops: int

    @property
    def rows_per_second(self) -> float:
        return self.batch / self.median_ns * 1e9

    @property
    def gflops(self) -> float:
        """GFLOP/s."""
        return self.flops / self.median_ns


def percentiles(samples: Sequence[float]) -> tuple[float, float, float]:
    """The 10th, 50th and 90th percentiles."""
    if len(samples) < 2:
        return samples[0], samples[0], samples[0]
    tenths = statistics.quantiles(samples, n=10, method="inclusive")
    return tenths[0], statistics.median(samples), tenths[-1]


@dataclass(frozen=True)
class Comparison:
    """Our crate beside the fastest of some other engines, for one model, batch and number of threads."""

    ours: Row
    other: Row

    @property
    def ratio(self) -> float:
        """How many times faster our crate is."""
        return self.other.median_ns / self.ours.median_ns


def compare(
    rows: Iterable[Row],
    model: str,
    batch: int,
    isa: str,
    rivals: Sequence[str],
    theirs: str = OWN_CHOICE,
    threads: int = 1,
) -> Comparison | None:
    """Compares our crate with ``isa`` and the fastest of ``rivals`` with the instructions ``theirs``.

    Returns None if one of the two was not timed.
    """
    here = [row for row in rows if (row.model, row.batch, row.threads) == (model, batch, threads)]
    ours = [row for row in here if row.engine == OURS and row.isa == isa]
    others = [row for row in here if row.engine in rivals and row.isa == theirs]
    return Comparison(ours[0], min(others, key=lambda row: row.median_ns)) if ours and others else None


def compare_all(rows: Sequence[Row], isa: str, rivals: Sequence[str], threads: int = 1) -> list[Comparison]:
    """Comparisons for all models and batches."""
    pairs = dict.fromkeys((row.model, row.batch) for row in rows)
    found = (compare(rows, model, batch, isa, rivals, threads=threads) for model, batch in pairs)
    return [comparison for comparison in found if comparison is not None]


def geometric_mean(values: Sequence[float]) -> float:
    """The n-th root of the product of n ratios."""
    return math.exp(sum(map(math.log, values)) / len(values))


def as_json(row: Row) -> dict[str, Any]:
    """The row in ``results.json``."""
    return asdict(row) | {"rows_per_second": row.rows_per_second, "gflops": row.gflops}
