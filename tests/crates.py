"""Generated crates under test, in one cargo workspace, so that shared dependencies are compiled once."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tf2rust.codegen.names import crate_name
from tf2rust.conversion import Converted, Options, convert
from tf2rust.source import Source

ROOT = Path(__file__).resolve().parents[1]
TF_LAYERS = ROOT / "tf-layers"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "build" / "target"))

CARGO_PROFILE = """
[profile.release]
opt-level = 1
debug = false
incremental = false

[profile.release.package.tf-layers]
opt-level = 3
"""
_WORKSPACE = '[workspace]\nresolver = "3"\nmembers = [{members}]\n' + CARGO_PROFILE


@dataclass
class Crates:
    """A folder of generated crates that are built together."""

    folder: Path
    converted: dict[str, Converted] = field(default_factory=dict)
    included: dict[str, Path] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    """Additional environment variables for cargo."""

    def add(self, name: str, source: Source, **options: object) -> Converted:
        """Converts a model into a member of the workspace."""
        given = Options(self.folder / crate_name(name), name, tf_layers=TF_LAYERS, **options)  # type: ignore[arg-type]
        self.converted[name] = convert(source, given)
        return self.converted[name]

    def include(self, name: str, crate: Path) -> None:
        """Adds an existing crate in the folder to the workspace."""
        self.included[name] = crate

    def build(self, *arguments: str) -> str:
        """Compiles all crates and their tests, or runs cargo with ``arguments``; fails on warnings.

        Examples are left out: all are called ``predict``, and cargo would write them over each other.
        Also fails if rustfmt would change a crate or, under ``make zoo-lint``, if clippy reports anything.
        """
        crates = [*(c.crate for c in self.converted.values()), *self.included.values()]
        _check_format(crates)
        members = ", ".join(f'"{crate.relative_to(self.folder).as_posix()}"' for crate in crates)
        (self.folder / "Cargo.toml").write_text(_WORKSPACE.format(members=members))
        shutil.copy(ROOT / "tests" / "Cargo.lock", self.folder / "Cargo.lock")
        if os.environ.get("TF2RUST_ZOO_LINT"):
            self.cargo("clippy", "--release", "--workspace", "--all-targets", "--", "-D", "warnings")
        return self.cargo(*(arguments or ("test", "--no-run", "--lib", "--tests")), "--release", "--workspace")

    def test(self, name: str) -> str:
        """Runs one crate's own tests and returns their output; raises if one fails."""
        return self.cargo("test", "--release", "--lib", "--tests", "-p", crate_name(name))

    def cargo(self, *arguments: str, home: Path | None = None) -> str:
        """Runs cargo in the workspace; raises AssertionError with its output if it fails."""
        environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET), "RUSTFLAGS": "-D warnings"} | self.environment
        if home is not None:
            environment["CARGO_HOME"] = str(home)
        done = subprocess.run(
            ["cargo", *arguments], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"cargo {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done.stdout + done.stderr


def _check_format(crates: Iterable[Path]) -> None:
    """Asserts that generated files are formatted like rustfmt; crates can have tests that are not generated."""
    names = ["build.rs", "src/lib.rs", "benches/benchmarks.rs", "examples/predict.rs", "tests/predictions.rs"]
    names += ["weights/*/build.rs", "weights/*/src/lib.rs"]
    files = [path for crate in crates for name in names for path in crate.glob(name)]
    rustfmt = ["rustfmt", "--check", "--edition", "2024", "--color", "never", *map(str, files)]
    done = subprocess.run(rustfmt, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"rustfmt would change\n{done.stdout}\n{done.stderr}"
