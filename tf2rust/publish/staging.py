"""The folder that a result is written to before it is moved into place."""

from __future__ import annotations

import contextlib
import glob
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tf2rust.publish.marker import read_marker, write_marker

STAGING_FILE = "TF2RUST_STAGING_FILE"
"""The environment variable with the path of a file that gets the path of each staging folder, ended by a NUL.

A path can contain any other byte, including newlines. A process that kills this one reads the file to clean up.
"""
_STALE = 24 * 60 * 60
"""The age in seconds at which a staging folder counts as abandoned."""
_INSIDE = ".tf2rust-"


def is_staging(path: Path) -> bool:
    """Whether ``path`` is a staging folder inside of a target."""
    return path.name.startswith(_INSIDE) and path.is_dir() and not path.is_symlink()


def is_replaceable(target: Path) -> bool:
    """Whether an existing folder can be replaced as a whole; a mount point cannot.

    The user's current folder is not replaced either; only its contents are.
    """
    return os.access(target.parent, os.W_OK | os.X_OK) and not os.path.ismount(target) and target != Path.cwd()


@contextlib.contextmanager
def staging_folder(target: Path, *, inside: bool = False) -> Iterator[Path]:
    """An empty, marked folder on the file system of ``target``: beside it, or inside it if it must stay, or if
    ``inside`` is true.

    It is deleted at the end, with all its contents. Parent folders that were created for ``target`` stay only if
    ``target`` exists then.
    """
    inside = target.is_dir() and (inside or not is_replaceable(target))
    made = [] if inside else _make(target.parent)
    where, prefix = (target, _INSIDE) if inside else (target.parent, f".{target.name[:40]}-")
    try:
        _remove_stale(where, prefix)
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=where))
        try:
            _register(folder)
            write_marker(folder, {})
            yield folder
        finally:
            with contextlib.suppress(OSError):  # What cannot be deleted now counts as abandoned tomorrow.
                shutil.rmtree(folder)
    finally:
        if not target.is_dir():
            for parent in made:
                with contextlib.suppress(OSError):
                    parent.rmdir()


def _make(folder: Path) -> list[Path]:
    """Creates ``folder`` and its missing parents; returns the created ones, innermost first."""
    made: list[Path] = []
    missing = [path for path in (folder, *folder.parents) if not path.is_dir()]
    try:
        for path in reversed(missing):
            path.mkdir()
            made.insert(0, path)
    except BaseException:
        for path in made:
            path.rmdir()
        raise
    return made


def _register(folder: Path) -> None:
    if file := os.environ.get(STAGING_FILE):
        with open(file, "ab") as paths:
            paths.write(os.fsencode(folder) + b"\0")


def _remove_stale(where: Path, prefix: str) -> None:
    """Deletes staging folders of killed conversions."""
    for path in where.glob(f"{glob.escape(prefix)}????????"):
        with contextlib.suppress(OSError):
            if read_marker(path) is not None and time.time() - path.stat().st_mtime > _STALE:
                shutil.rmtree(path)
