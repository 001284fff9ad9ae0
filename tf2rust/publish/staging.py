"""The folder that a result is written to before it is put in its place."""

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
"""The environment variable that names a file which gets the path of each staging folder, ended by a NUL.

A path may hold any other byte, newlines too. Whoever may kill this process learns from it what to delete.
"""
_STALE = 24 * 60 * 60
"""The seconds after which nobody writes to a staging folder any more."""
_INSIDE = ".tf2rust-"


def is_staging(path: Path) -> bool:
    """Whether ``path`` is a staging folder inside of a target."""
    return path.name.startswith(_INSIDE) and path.is_dir() and not path.is_symlink()


def is_replaceable(target: Path) -> bool:
    """Whether an existing folder can be replaced as a whole, which a mount point cannot.

    The folder in which the user stands is not to be pulled from under them; its contents are replaced.
    """
    return os.access(target.parent, os.W_OK | os.X_OK) and not os.path.ismount(target) and target != Path.cwd()


@contextlib.contextmanager
def staging_folder(target: Path) -> Iterator[Path]:
    """An empty folder on the file system of ``target``, marked as ours: beside it, or in it if it must stay.

    It is deleted in the end with whatever is in it. The folders above ``target`` that had to be made for it stay only
    if ``target`` is there then.
    """
    inside = target.is_dir() and not is_replaceable(target)
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
            with contextlib.suppress(OSError):  # what cannot be deleted now is stale tomorrow
                shutil.rmtree(folder)
    finally:
        if not target.is_dir():
            for parent in made:
                with contextlib.suppress(OSError):
                    parent.rmdir()


def _make(folder: Path) -> list[Path]:
    """Makes ``folder`` and those above it that are missing; gives those it made, the innermost first."""
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
    """Deletes what conversions that were killed left behind."""
    for path in where.glob(f"{glob.escape(prefix)}????????"):
        with contextlib.suppress(OSError):
            if read_marker(path) is not None and time.time() - path.stat().st_mtime > _STALE:
                shutil.rmtree(path)
