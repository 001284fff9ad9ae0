"""Builds a generated crate, runs its tests, and reports the largest difference of every output."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tf2rust.codegen.crate import THRESHOLDS
from tf2rust.converted.cargo import TEST, build_failure, find_crate, runner
from tf2rust.errors import ConversionError, one_line
from tf2rust.publish.marker import is_unchanged, read_marker
from tf2rust.stages import Progress, brief, silent, stage
from tf2rust.text_file import read_text

REPORT_VERSION = 1

_FIGURE = re.compile(
    r'largest difference of "(?P<output>.*)" from (?P<reference>.*?)(?P<magnified> where rounding is magnified)?: '
    r"(?P<largest>[-+.\w]+), tolerance (?P<tolerance>[-+.\w]+)$",
    re.MULTILINE,
)
"""What the crate's tests print for each output. The test harness may print in front of it on the same line."""
_SAMPLES = re.compile(r"^(?P<steps>/// The number of steps.*\n)?const SAMPLES: usize = (?P<count>\d+);$", re.MULTILINE)
"""The number of samples or steps in the crate's tests."""
_FAILED = re.compile(r"^element \d+ of .*$", re.MULTILINE)


@dataclass(frozen=True)
class Measured:
    """The largest difference of an output of the Rust crate from its reference, and the tolerance.

    ``is_magnified`` says that only those elements count in which the model magnifies rounding errors; otherwise, only
    the others count. ``samples`` is the number of samples that were compared, or of ``steps`` in sequence for a model
    with a state.
    """

    output: str
    reference: str
    largest: float
    tolerance: float
    is_magnified: bool = False
    samples: int = 1
    unit: str = "sample"

    def __str__(self) -> str:
        where = " in elements where the model magnifies rounding errors" if self.is_magnified else ""
        count = f"{self.samples} {self.unit}{'s' * (self.samples != 1)}"
        return (
            f"`{one_line(self.output)}`: the Rust crate differs from {self.reference} by at most "
            f"{self.largest:.1e}{where} on {count} (tolerance {self.tolerance:.1e})"
        )


def verify(folder: Path, progress: Progress = silent) -> list[Measured]:
    """Builds the crate in ``folder``, the output folder of a conversion or the crate itself, and runs its tests.

    Cargo needs no registry for this. Raises ConversionError if cargo is missing, if the crate does not compile, or if a
    prediction differs from the reference by more than its tolerance.
    """
    crate = find_crate(folder)
    with stage("building and testing the crate", progress):
        done = runner(crate).cargo("test", "--test", TEST, "--", "--nocapture", "--test-threads", "1")
        if done.returncode:
            raise ConversionError(_failure(done.stdout + done.stderr, crate))
        samples = _SAMPLES.search(read_text(crate / "tests" / f"{TEST}.rs", "it is the test of the crate"))
        count, unit = (1, "sample") if samples is None else (int(samples["count"]), _unit(samples))
        return [replace(measured, samples=count, unit=unit) for measured in _merged(_FIGURE.finditer(done.stdout))]


def as_json(folder: Path, found: Iterable[Measured]) -> dict[str, Any]:
    """The report of ``tf2rust verify --json``."""
    return {
        "version": REPORT_VERSION,
        "crate": str(find_crate(folder)),
        "outputs": [asdict(measured) for measured in found],
    }


def _unit(samples: re.Match[str]) -> str:
    return "sample" if samples["steps"] is None else "step"


def _failure(output: str, crate: Path) -> str:
    """The sentence for a failed build or test."""
    if wrong := _FAILED.search(output):
        edited = _edited(crate)
        cause = (
            f"{edited[0]} was edited after the conversion: undo the change, or convert the model again."
            if edited
            else "this is a bug in tf2rust: please report it, with the model if you can share it."
        )
        return f"The Rust crate differs from its reference by more than the tolerance: {brief(wrong[0])}; {cause}"
    return build_failure(output, crate, "cargo test --release")


def _edited(crate: Path) -> list[str]:
    """The files of the crate that were changed or deleted after the conversion, except for thresholds."""
    written = read_marker(crate.parent) or {}
    names = [name for name in written if name.startswith(f"{crate.name}/") and name != THRESHOLDS]
    return [name for name in names if not is_unchanged(crate.parent / name, written[name])]


def _merged(found: Iterable[re.Match[str]]) -> list[Measured]:
    """The largest of the figures that several tests print for an output."""
    figures: dict[tuple[str, bool], Measured] = {}
    for match in found:
        key = match["output"], match["magnified"] is not None
        one = Measured(key[0], match["reference"], float(match["largest"]), float(match["tolerance"]), key[1])
        known = figures.setdefault(key, one)
        figures[key] = replace(known, largest=max(known.largest, one.largest))
    return list(figures.values())
