"""A linker and an emulator for 64-bit Arm: packages of Debian, unpacked into a folder. Nothing is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.crates import TF_LAYERS

_PACKAGES = ("gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user-static")
_OURS = re.compile(r"-aarch64-linux-gnu|-arm64-cross|^qemu")
"""Packages that are used by their path: the folder must contain them even if they are installed."""
_UNUSED = re.compile(r"^cpp-|^lib(asan|atomic|gomp|hwasan|itm|lsan|tsan|ubsan|stdc\+\+)\d")
"""A preprocessor and the run-time libraries of sanitizers."""
_COMPLETE = "packages.txt"
"""The file that is written last. It lists the packages."""


class UnavailableError(Exception):
    """The toolchain is not available on this machine; the message has the reason and a remedy."""


def toolchain(folder: Path) -> Path:
    """The folder with the unpacked packages. The first call downloads them."""
    root = folder / "root"
    if (root / _COMPLETE).exists():
        return root
    for tool in ("apt-get", "apt-cache", "dpkg-deb", "dpkg-query"):
        if shutil.which(tool) is None:
            raise UnavailableError(f"The linker and the emulator are packages of Debian, but {tool} is not installed.")
    wanted = sorted(name for name in _closure(_PACKAGES) - _installed() if not _UNUSED.match(name))
    packages, partial = folder / "packages", folder / "partial"
    for path in (packages, partial, root):
        shutil.rmtree(path, ignore_errors=True)
    packages.mkdir(parents=True)
    # As root, apt downloads as another user by default, who may not be able to write to the folder.
    _run(["apt-get", "-o", "APT::Sandbox::User=root", "download", *wanted], packages)
    for package in sorted(packages.iterdir()):
        _run(["dpkg-deb", "--extract", str(package), str(partial)], folder)
    (partial / _COMPLETE).write_text("".join(f"{package.name}\n" for package in sorted(packages.iterdir())))
    partial.rename(root)
    shutil.rmtree(packages)
    return root


def find(root: Path, pattern: str) -> Path:
    """The file or folder of the toolchain that matches; of several, the last by name."""
    found = sorted(root.glob(pattern))
    if not found:
        raise UnavailableError(f"The packages that were fetched have no {pattern}; remove {root} to fetch them anew.")
    return found[-1]


def _closure(packages: Sequence[str]) -> set[str]:
    """The packages and their dependencies."""
    others = ("recommends", "suggests", "conflicts", "breaks", "replaces", "enhances")
    listed = _run(["apt-cache", "depends", "--recurse", *(f"--no-{kind}" for kind in others), *packages], TF_LAYERS)
    return {line for line in listed.splitlines() if re.match("[a-z0-9]", line)}


def _installed() -> set[str]:
    listed = _run(["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n"], TF_LAYERS)
    names = {line.split()[1] for line in listed.splitlines() if line.startswith("installed ")}
    return {name for name in names if not _OURS.search(name)}


def _run(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        why = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
        raise UnavailableError(
            f"`{' '.join(command[:3])} …` fails: {''.join(why)} "
            "(apt-get needs the network, and lists no older than its packages: `apt-get update` as root)"
        )
    return done.stdout
