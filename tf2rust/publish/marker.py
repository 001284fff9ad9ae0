"""``.tf2rust``: the file that marks a folder as written by tf2rust, with the hashes of its contents.

{"version": 1, "tf2rust": "0.1.0", "files": {"rust_generated_code/Cargo.toml": "<SHA-256>", …}}
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from tf2rust import __version__

MARKER = ".tf2rust"
_VERSION = 1
_MAX_SIZE = 64 << 20
"""The maximum size of a marker in bytes."""


def write_marker(folder: Path, files: Mapping[str, str]) -> None:
    """Marks ``folder``; ``files`` are the SHA-256 hashes of its files, by path."""
    content = {"version": _VERSION, "tf2rust": __version__, "files": dict(sorted(files.items()))}
    (folder / MARKER).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8", newline="\n")


def read_marker(folder: Path) -> dict[str, str] | None:
    """The files that were written into ``folder``, by path; None if it has no marker."""
    path = folder / MARKER
    if path.is_symlink() or not path.is_file() or path.stat().st_size > _MAX_SIZE:
        return None
    try:
        content = json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError):
        return None
    files = content.get("files") if isinstance(content, dict) and content.get("version") == _VERSION else None
    is_complete = isinstance(files, dict) and all(isinstance(digest, str) for digest in files.values())
    return files if is_complete else None


def digest(path: Path) -> str:
    """The SHA-256 of a file, or of a link's target path. Pipes, sockets and devices have none."""
    found = hashlib.sha256()
    if path.is_symlink():
        found.update(os.fsencode(os.readlink(path)))
        return f"link {found.hexdigest()}"
    if path.exists() and not path.is_file():  # Opening a pipe would wait for its other end.
        return "special"
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            found.update(chunk)
    return found.hexdigest()


def is_unchanged(path: Path, written: str) -> bool:
    """Whether there is a file with the digest ``written`` at ``path``."""
    return (path.is_symlink() or path.is_file()) and digest(path) == written


def digests(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file in ``folder`` except the marker, by path."""
    return {name: digest(folder / name) for name in files_in(folder) if name != MARKER}


def walk(folder: Path) -> Iterator[tuple[Path, list[str], list[str]]]:
    """``os.walk``, except that an unreadable folder is an error, so that its contents do not count as absent."""

    def fail(error: OSError) -> None:
        raise error

    for root, folders, files in os.walk(folder, onerror=fail):
        yield Path(root), folders, files


def files_in(folder: Path) -> Iterator[str]:
    """The paths of all files and links in ``folder``, with ``/``; links are not followed."""
    for here, folders, files in walk(folder):
        links = [name for name in folders if (here / name).is_symlink()]
        for name in sorted([*files, *links]):
            yield (here / name).relative_to(folder).as_posix()
