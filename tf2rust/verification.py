"""Builds a generated crate, runs its tests, and reports the largest difference of every output."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from tf2rust.codegen.crate import CRATE
from tf2rust.errors import ConversionError, one_line
from tf2rust.stages import Progress, brief, silent, stage

_FIGURE = re.compile(
    r'largest difference of "(?P<output>.*)" from (?P<reference>.*?)(?P<magnified> where rounding is magnified)?: '
    r"(?P<largest>[-+.\w]+), tolerance (?P<tolerance>[-+.\w]+)$",
    re.MULTILINE,
)
"""What the crate's tests print for each output. The test harness may print in front of it on the same line."""
_FAILED = re.compile(r"^element \d+ of .*$", re.MULTILINE)
_NAME = re.compile(r'^name = "(.*)"$', re.MULTILINE)
_DEPENDENCY = re.compile(r'^tf-layers = \{ path = "(.*?)"(, package = ".*?")?', re.MULTILINE)
_PROFILE = "[profile.release]\ncodegen-units = 1\n"
"""The part of a manifest of a crate with large weights that cargo reads only from the root of a workspace."""


@dataclass(frozen=True)
class Measured:
    """The largest difference of an output of the Rust crate from its reference, and the tolerance.

    ``is_magnified`` says that only those elements count in which the model magnifies rounding errors; otherwise, only
    the others count.
    """

    output: str
    reference: str
    largest: float
    tolerance: float
    is_magnified: bool = False

    def __str__(self) -> str:
        where = " in elements where the model magnifies rounding errors" if self.is_magnified else ""
        return (
            f"`{one_line(self.output)}`: the Rust crate differs from {self.reference} by at most "
            f"{self.largest:.1e}{where} (tolerance {self.tolerance:.1e})"
        )


def verify(folder: Path, progress: Progress = silent) -> list[Measured]:
    """Builds the crate in ``folder``, the output folder of a conversion or the crate itself, and runs its tests.

    Cargo needs no registry for this. Raises ConversionError if cargo is missing, if the crate does not compile, or if a
    prediction differs from the reference by more than its tolerance.
    """
    crate = folder / CRATE if (folder / CRATE).is_dir() else folder
    if not (crate / "Cargo.toml").is_file() or not (crate / "tests" / "predictions.rs").is_file():
        raise ConversionError(
            f"{folder} has no crate that tf2rust generated; give the folder that was --path_to_save of a conversion."
        )
    cargo = shutil.which("cargo")
    if cargo is None:
        raise ConversionError(
            "cargo was not found, so the crate cannot be built; install Rust from https://rustup.rs and try again."
        )
    with stage("building and testing the crate", progress), tempfile.TemporaryDirectory() as package:
        (Path(package) / "Cargo.toml").write_text(_manifest(crate.resolve()), encoding="utf-8")
        done = subprocess.run(
            [cargo, "test", "--release", "--test", "predictions", "--", "--nocapture", "--test-threads", "1"],
            cwd=package,
            env={"CARGO_TARGET_DIR": str(crate.resolve() / "target"), **os.environ},
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
    if done.returncode:
        raise ConversionError(_failure(done.stdout + done.stderr, crate))
    return _merged(_FIGURE.finditer(done.stdout))


def _manifest(crate: Path) -> str:
    """The manifest of a package that only runs the crate's tests, without the dependencies of its benchmarks."""
    text = (crate / "Cargo.toml").read_text(encoding="utf-8")
    name, tf_layers = _NAME.search(text), _DEPENDENCY.search(text)
    if name is None or tf_layers is None:
        raise ConversionError(
            f"{crate / 'Cargo.toml'} has no name or no dependency on tf-layers; convert the model again, or run "
            "cargo test --release in the crate."
        )
    tests = crate / "tests" / "predictions.rs"
    return (
        '[package]\nname = "tf2rust-verify"\nversion = "0.0.0"\nedition = "2024"\n\n[workspace]\n\n'
        f"[dependencies]\n{name[1]} = {{ path = {_quoted(crate)} }}\n"
        f"tf-layers = {{ path = {_quoted(crate / tf_layers[1])}{tf_layers[2] or ''} }}\n\n"
        f'[[test]]\nname = "predictions"\npath = {_quoted(tests)}\n\n{_PROFILE if _PROFILE in text else ""}'
    )


def _quoted(path: Path) -> str:
    """The path as a TOML string."""
    escaped = path.as_posix().replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _failure(output: str, crate: Path) -> str:
    """The sentence for a failed build or test."""
    if wrong := _FAILED.search(output):
        return (
            f"The Rust crate differs from its reference by more than the tolerance: {brief(wrong[0])}; this is a bug "
            "in tf2rust: please report it, with the model if you can share it."
        )
    errors = [line for line in output.splitlines() if line.startswith(("error", "Error"))]
    return (
        f"cargo cannot build or test the crate ({brief(errors[0] if errors else output[-200:])}); run "
        f"cargo test --release in {crate} for all messages."
    )


def _merged(found: Iterable[re.Match[str]]) -> list[Measured]:
    """The largest of the figures that several tests print for an output."""
    figures: dict[tuple[str, bool], Measured] = {}
    for match in found:
        key = match["output"], match["magnified"] is not None
        one = Measured(key[0], match["reference"], float(match["largest"]), float(match["tolerance"]), key[1])
        known = figures.setdefault(key, one)
        figures[key] = replace(known, largest=max(known.largest, one.largest))
    return list(figures.values())
