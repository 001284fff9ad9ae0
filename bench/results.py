"""The measurements as rows of numbers."""

from __future__ import annotations

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


def ratio(
    rows: Iterable[Row], model: str, batch: int, isa: str, rivals: Sequence[str], theirs: str = OWN_CHOICE
) -> float | None:
    """How many times faster our crate is with ``isa`` than the fastest of ``rivals`` with the instructions ``theirs``.

    None if one of the two was not timed.
    """
    here = [row for row in rows if row.model == model and row.batch == batch]
    ours = [row.median_ns for row in here if row.engine == OURS and row.isa == isa]
    others = [row.median_ns for row in here if row.engine in rivals and row.isa == theirs]
    return min(others) / ours[0] if ours and others else None


def as_json(row: Row) -> dict[str, Any]:
    """The row in ``results.json``."""
    return asdict(row) | {"rows_per_second": row.rows_per_second, "gflops": row.gflops}
