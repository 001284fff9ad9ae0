"""``tf2rust doctor``: the programs and packages that are installed, and what needs those that are missing."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from tf2rust import __version__
from tf2rust.codegen.vendor import resource

REPORT_VERSION = 1

CONVERSIONS = "conversions"
TENSORFLOW = "from-tf"
CRATES = "building crates"

_NAME = re.compile(r"[\w.-]+")
_MINIMUM = re.compile(r">=\s*([\d.]+)")
_RUST_VERSION = re.compile(r'^rust-version = "([\d.]+)"', re.MULTILINE)
_VERSION = re.compile(r"\d+(?:\.\d+)+")
_TF_EXTRA = re.compile(r"""extra\s*==\s*['"]tf['"]""")

_TARGETS = (
    ("x86_64-unknown-linux-musl", "static programs"),
    ("aarch64-unknown-linux-gnu", "programs for 64-bit Arm"),
    ("wasm32-unknown-unknown", "WebAssembly"),
    ("thumbv7em-none-eabihf", "firmware for Cortex-M4F and M7"),
    ("thumbv6m-none-eabi", "firmware for Cortex-M0+"),
    ("riscv32imac-unknown-none-elf", "firmware for RISC-V"),
)
_PROGRAMS = (
    ("cc", "C libraries and linking", "install a C compiler such as gcc"),
    ("maturin", "Python wheels", "run pip install maturin"),
    ("node", "testing WebAssembly", "install Node.js"),
    ("chromium", "testing web pages", "install Chromium"),
    ("qemu-system-arm", "testing firmware", "install QEMU"),
    ("qemu-system-riscv32", "testing firmware for RISC-V", "install QEMU"),
)


@dataclass(frozen=True)
class Check:
    """A program or package: its version or path if it is installed, what needs it, and what to do if it is missing.

    ``found`` is empty if it is missing; ``minimum`` is empty if any version will do. ``remedy`` is empty if it is
    installed and not too old.
    """

    name: str
    found: str
    minimum: str
    needed_for: str
    remedy: str

    @property
    def is_ok(self) -> bool:
        """Whether it is installed and not too old."""
        return not self.remedy

    def __str__(self) -> str:
        if self.is_ok:
            return f"ok       {self.name} {self.found} (for {self.needed_for})"
        if not self.found:
            return f"missing  {self.name}, for {self.needed_for}: {self.remedy}"
        return f"too old  {self.name} {self.found}, for {self.needed_for}: {self.minimum} is needed; {self.remedy}"


def examine() -> list[Check]:
    """All checks, those of conversions first."""
    return [*_python(), *_rust(), *_targets(), *_programs()]


def can_convert(checks: Iterable[Check]) -> bool:
    """Whether nothing is missing that every conversion needs."""
    return all(check.is_ok for check in checks if check.needed_for == CONVERSIONS)


def as_json(checks: Iterable[Check]) -> dict[str, Any]:
    """The report of ``tf2rust doctor --json``."""
    found = [{**asdict(check), "ok": check.is_ok} for check in checks]
    return {"version": REPORT_VERSION, "tf2rust": __version__, "platform": platform.platform(), "checks": found}


def _python() -> Iterator[Check]:
    try:
        about: Any = metadata.metadata("tf2rust")
    except metadata.PackageNotFoundError:
        yield _check("tf2rust", "", "", CONVERSIONS, "run pip install tf2rust; this one runs from a folder of sources")
        return
    python = "install a newer Python"
    yield _check("Python", platform.python_version(), _minimum(about["Requires-Python"]), CONVERSIONS, python)
    for line in about.get_all("Requires-Dist") or []:
        requirement, _, condition = line.partition(";")
        name = _NAME.match(requirement)
        is_tensorflow = bool(_TF_EXTRA.search(condition))
        # Other conditions are those of developers and of old versions of Python.
        if name is None or (condition and not is_tensorflow):
            continue
        try:
            found = metadata.version(name[0])
        except metadata.PackageNotFoundError:
            found = ""
        use = TENSORFLOW if is_tensorflow else CONVERSIONS
        remedy = "run pip install 'tf2rust[tf]'" if is_tensorflow else f"run pip install --upgrade {name[0]}"
        yield _check(name[0], found, _minimum(requirement), use, remedy)


def _rust() -> Iterator[Check]:
    manifest = (resource("tf-layers") / "Cargo.toml").read_text(encoding="utf-8")
    minimum = _RUST_VERSION.search(manifest)
    for program in ("cargo", "rustc"):
        remedy = "install Rust from https://rustup.rs, or run rustup update"
        found = _VERSION.search(_output(program, "--version"))
        yield _check(program, found[0] if found else "", minimum[1] if minimum else "", CRATES, remedy)


def _targets() -> Iterator[Check]:
    """Rust's standard libraries of other targets, which rustup installs; other installations can have them too."""
    sysroot = _output("rustc", "--print", "sysroot").strip()
    for target, use in _TARGETS:
        is_installed = bool(sysroot) and (Path(sysroot) / "lib" / "rustlib" / target / "lib").is_dir()
        yield _check(target, "installed" if is_installed else "", "", use, f"run rustup target add {target}")


def _programs() -> Iterator[Check]:
    for program, use, remedy in _PROGRAMS:
        yield _check(program, shutil.which(program) or "", "", use, remedy)


def is_recent(found: str, minimum: str) -> bool:
    """Whether the version ``found`` is at least ``minimum``; False if it is empty."""
    return bool(found) and (not minimum or _numbers(found) >= _numbers(minimum))


def _check(name: str, found: str, minimum: str, needed_for: str, remedy: str) -> Check:
    return Check(name, found, minimum, needed_for, "" if is_recent(found, minimum) else remedy)


def _minimum(requirement: str) -> str:
    found = _MINIMUM.search(requirement)
    return found[1] if found else ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version.partition("+")[0])[:3]))


def _output(*command: str) -> str:
    """The output of a program; empty if it is missing, fails or hangs."""
    if shutil.which(command[0]) is None:
        return ""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""
