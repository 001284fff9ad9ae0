"""How crates are compiled for each target, and what runs them there."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.emulated.debian import find

# The compiler itself, among the libraries that it needs.
_DRIVER = "usr/lib/*/librustc_driver-*.so"


@dataclass(frozen=True)
class Target:
    """One processor with its system, as rustc names them."""

    triple: str
    library: str = "std,panic_abort,test"
    """The parts of the standard library to compile."""

    def environment(self, root: Path) -> dict[str, str]:
        """The variables that make a plain ``cargo test`` compile for the target and run there."""
        libraries = [str(find(root, _DRIVER).parent), os.environ.get("LD_LIBRARY_PATH", "")]
        linker, flags, runner = self._tools(root)
        tools = {"LINKER": linker, "RUNNER": runner}
        prefix = f"CARGO_TARGET_{self.triple.replace('-', '_').upper()}"
        return {
            "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
            "RUSTC": str(root / "usr/bin/rustc"),
            "RUSTDOC": str(root / "usr/bin/rustdoc"),
            # A stable compiler does not build its own library unless told that it may.
            "RUSTC_BOOTSTRAP": "1",
            "CARGO_UNSTABLE_BUILD_STD": self.library,
            "CARGO_BUILD_TARGET": self.triple,
            "CARGO_ENCODED_RUSTFLAGS": "\x1f".join(flags),
            "CARGO_ENCODED_RUSTDOCFLAGS": "\x1f".join(flags),
            **{f"{prefix}_{name}": value for name, value in tools.items() if value},
        }

    def _tools(self, root: Path) -> tuple[str, list[str], str]:
        """The linker, the compiler's flags, and what runs a program; nothing where only libraries are compiled."""
        if self == AARCH64:
            linker = find(root, "usr/bin/aarch64-linux-gnu-gcc-[0-9]*")
            # Static, so that nothing is looked up in a system that is not there.
            return str(linker), ["-Ctarget-feature=+crt-static"], str(find(root, "usr/bin/qemu-aarch64-static"))
        if self == WASM32:
            libc = find(root, "usr/lib/wasm32-wasi")
            flags = [
                "-Ctarget-feature=+simd128",
                "-Clink-self-contained=no",
                f"-Lnative={libc}",
                f"-Clink-arg={libc / 'crt1-command.o'}",
                # A libc older than the compiler lacks stubs for threads, which are never started here; a call traps.
                "-Clink-arg=--unresolved-symbols=ignore-all",
            ]
            return (
                str(find(root, "usr/bin/wasm-ld-*")),
                flags,
                f"{sys.executable} {Path(__file__).with_name('wasi.py')}",
            )
        return "", [], ""


AARCH64 = Target("aarch64-unknown-linux-gnu")
WASM32 = Target("wasm32-wasip1")
# Without an operating system: what compiles for these asks for none.
BARE = (
    Target("thumbv7em-none-eabihf", "core,alloc"),
    Target("wasm32-unknown-unknown", "core,alloc"),
)
