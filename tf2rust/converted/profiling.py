"""``tf2rust profile``: builds a crate's benchmark with the feature ``profile`` and reads the time of every layer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tf2rust.converted.cargo import BENCHMARK, PROFILE, build_failure, find_crate, has_profile, runner
from tf2rust.errors import ConversionError, one_line
from tf2rust.stages import Progress, brief, silent, stage

REPORT_VERSION = 1
_FILE = "profile.json"
_HEADINGS = ("layer", "kind", "µs", "share", "", "GFLOP/s", "GB/s")
_WIDEST = 40
"""The maximum width of a name in the table."""
_BAR = 16
"""The width of the bar of a layer that takes all the time."""


@dataclass(frozen=True)
class LayerTime:
    """The time of a layer in ``calls`` calls together, their multiply-adds, and the bytes that they read and write."""

    name: str
    kind: str
    calls: int
    seconds: float
    multiply_adds: int
    bytes: int


@dataclass(frozen=True)
class Run:
    """The layers of predictions of ``batch`` samples."""

    batch: int
    layers: tuple[LayerTime, ...]

    def as_text(self) -> str:
        """A table of the layers: time per call, share of the total time, and achieved rates."""
        total = sum(layer.seconds for layer in self.layers) or 1.0
        lines = [_HEADINGS, *(_cells(layer, total) for layer in self.layers)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(_HEADINGS))]
        return "\n".join([f"batch {self.batch}", *("  ".join(_aligned(line, widths)).rstrip() for line in lines)])


def profile(folder: Path, progress: Progress = silent) -> list[Run]:
    """Builds and runs the benchmark of the crate in ``folder``, the output folder of a conversion or the crate itself.

    Raises ConversionError if cargo is missing, if the crate does not compile, or if it has no feature ``profile``.
    """
    crate = find_crate(folder)
    if not has_profile(crate):
        raise ConversionError(
            f"The crate in {folder} has no feature `{PROFILE}`: an earlier version of tf2rust wrote it; convert the "
            "model again."
        )
    with stage("building and measuring the crate", progress):
        package = runner(crate)
        path = package.manifest.parent / _FILE
        path.unlink(missing_ok=True)
        done = package.cargo("bench", "--bench", BENCHMARK, "--features", PROFILE)
        if done.returncode:
            raise ConversionError(build_failure(done.stderr, crate, f"cargo bench --features {PROFILE}"))
        return _read(path)


def as_json(folder: Path, runs: Sequence[Run]) -> dict[str, Any]:
    """The report of ``tf2rust profile --json``."""
    return {"version": REPORT_VERSION, "crate": str(find_crate(folder)), "runs": [asdict(run) for run in runs]}


def _read(path: Path) -> list[Run]:
    if not path.is_file():
        raise ConversionError("The crate has no layers whose time can be measured.")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return [Run(run["batch"], tuple(LayerTime(**layer) for layer in run["layers"])) for run in found["runs"]]
    except (ValueError, KeyError, TypeError) as error:
        raise ConversionError(
            f"The benchmark of the crate wrote a profile that cannot be read ({brief(str(error))}); convert the model "
            "again."
        ) from error


def _cells(layer: LayerTime, total: float) -> tuple[str, ...]:
    name = one_line(layer.name)
    share = layer.seconds / total
    flops = 2 * layer.multiply_adds / layer.seconds / 1e9 if layer.seconds else 0.0
    rate = layer.bytes / layer.seconds / 1e9 if layer.seconds else 0.0
    return (
        name if len(name) <= _WIDEST else f"{name[: _WIDEST - 1]}…",
        layer.kind,
        f"{layer.seconds / max(layer.calls, 1) * 1e6:,.2f}",
        f"{share:.1%}",
        "█" * round(share * _BAR),
        f"{flops:.1f}" if layer.multiply_adds else "",
        f"{rate:.1f}" if layer.bytes else "",
    )


def _aligned(line: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    for column, (text, width) in enumerate(zip(line, widths, strict=True)):
        yield text.ljust(width) if column in (0, 1, 4) else text.rjust(width)
