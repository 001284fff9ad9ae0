"""A Rust compiler for other processors, with linkers and an emulator: packages of Debian, unpacked into a folder.

Nothing is installed. A package is taken from where this machine's apt takes it, in any release that has a compiler new
enough; the standard library comes as source, and cargo compiles it for each target.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.crates import TF_LAYERS

# What is used by its path, and so has to lie in the folder, whatever this machine has installed.
_OURS = re.compile(r"rust|llvm|^lld|-aarch64-linux-gnu|-arm64-cross|^qemu|^wasi-libc")
# A preprocessor and what sanitizers want at run time: nobody calls them.
_UNUSED = re.compile(r"^cpp-|^lib(asan|atomic|gomp|hwasan|itm|lsan|tsan|ubsan|stdc\+\+)\d")
# Ends the preparation, and names what was unpacked.
_COMPLETE = "packages.txt"


class UnavailableError(Exception):
    """The toolchain cannot be had here; the sentence says why and what would help."""


def toolchain(folder: Path) -> Path:
    """The folder that the packages are unpacked in, by this call or by one before."""
    root = folder / "root"
    if (root / _COMPLETE).exists():
        return root
    for tool in ("apt-get", "apt-cache", "dpkg-deb", "dpkg-query"):
        if shutil.which(tool) is None:
            raise UnavailableError(f"The compilers and emulators are packages of Debian, but {tool} is missing here.")
    suffix = _compiler()
    rust = [f"rustc{suffix}", f"rust{suffix}-src"]
    names = _closure([*rust, "gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross", "qemu-user-static", "wasi-libc"])
    # The linker is of the same release as the compiler's back end, whose object files it reads.
    llvm = [name.removeprefix("libllvm") for name in names if re.fullmatch(r"libllvm\d+", name)]
    names |= _closure([f"lld-{release}" for release in llvm])
    wanted = sorted(name for name in names - _installed() if not _UNUSED.match(name))
    packages, partial = folder / "packages", folder / "partial"
    for path in (packages, partial, root):
        shutil.rmtree(path, ignore_errors=True)
    packages.mkdir(parents=True)
    # As root, apt would rather download as a user who may not be able to write here.
    _run(["apt-get", "-o", "APT::Sandbox::User=root", "download", *wanted], packages)
    for package in sorted(packages.iterdir()):
        _run(["dpkg-deb", "--extract", str(package), str(partial)], folder)
    (partial / _COMPLETE).write_text("".join(f"{package.name}\n" for package in sorted(packages.iterdir())))
    partial.rename(root)
    shutil.rmtree(packages)
    return root


def find(root: Path, pattern: str) -> Path:
    """The one file or folder of the toolchain, or the last of several by name."""
    found = sorted(root.glob(pattern))
    if not found:
        raise UnavailableError(f"The packages that were fetched have no {pattern}; remove {root} to fetch them anew.")
    return found[-1]


def _compiler() -> str:
    """What Debian appends to the names of the packages of a compiler that is new enough."""
    text = (TF_LAYERS / "Cargo.toml").read_text(encoding="utf-8")
    (needed,) = re.findall(r'^rust-version = "([\d.]+)"', text, re.MULTILINE)
    found = _compilers()
    if not found:
        # A fresh machine, or a container whose lists were removed.
        _run(["apt-get", "update"], TF_LAYERS)
        found = _compilers()
    for suffix, version in found.items():
        if _numbers(version) >= _numbers(needed):
            return suffix
    offered = ", ".join(found.values()) or "none"
    raise UnavailableError(f"tf-layers needs Rust {needed}; Debian's packages here offer {offered}.")


def _compilers() -> dict[str, str]:
    found = {}
    for suffix in ("", "-web"):
        policy = _run(["apt-cache", "policy", f"rustc{suffix}"], TF_LAYERS)
        if match := re.search(r"Candidate: (\d[\d.]*)", policy):
            found[suffix] = match[1]
    return found


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")[:2]]


def _closure(packages: Sequence[str]) -> set[str]:
    """The packages and what they depend on."""
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
