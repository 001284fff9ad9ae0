"""How crates are compiled for each target, and what runs them there."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.crates import TF_LAYERS
from tests.emulated.debian import UnavailableError, find


@dataclass(frozen=True)
class Target:
    """A processor and its system, by the name that rustc uses."""

    triple: str

    def install(self) -> None:
        """Installs the standard library of the target. Raises UnavailableError if rustup cannot."""
        try:
            command = ["rustup", "target", "add", self.triple]
            done = subprocess.run(command, cwd=TF_LAYERS, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            raise UnavailableError(
                "rustup, which installs standard libraries for other processors, is missing; install Rust with it."
            ) from None
        if done.returncode:
            raise UnavailableError(f"`{' '.join(command)}` fails: {done.stderr.strip().splitlines()[-1]}")

    def environment(self, root: Path) -> dict[str, str]:
        """The environment variables with which a plain ``cargo test`` compiles for the target and runs there."""
        linker, flags, runner = self._tools(root)
        tools = {"LINKER": linker, "RUNNER": runner}
        prefix = f"CARGO_TARGET_{self.triple.replace('-', '_').upper()}"
        # The linker is a program of this machine, whose libraries were unpacked, too.
        folders = {str(library.parent) for library in root.glob("usr/lib/*/libbfd-*")}
        given = os.environ.get("LD_LIBRARY_PATH")
        return {
            "LD_LIBRARY_PATH": os.pathsep.join([*folders, *([given] if given else [])]),
            "CARGO_BUILD_TARGET": self.triple,
            "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),
            "CARGO_ENCODED_RUSTDOCFLAGS": "\x1f".join(flags),
            **{f"{prefix}_{name}": value for name, value in tools.items() if value},
        }

    def _tools(self, root: Path) -> tuple[str, list[str], str]:
        """The linker, the compiler's flags, and the program that runs the tests; all are empty for bare targets."""
        if self == AARCH64:
            linker = find(root, "usr/bin/aarch64-linux-gnu-gcc-[0-9]*")
            # Static, because the emulated system has no libraries.
            return str(linker), ["-Ctarget-feature=+crt-static"], str(find(root, "usr/bin/qemu-aarch64-static"))
        if self == WASM32:
            return "", ["-Ctarget-feature=+simd128"], f"{sys.executable} {Path(__file__).with_name('wasi.py')}"
        return "", [], ""


AARCH64 = Target("aarch64-unknown-linux-gnu")
WASM32 = Target("wasm32-wasip1")
BARE = (Target("thumbv7em-none-eabihf"), Target("wasm32-unknown-unknown"))
"""Targets without an operating system, for which crates are only compiled."""
