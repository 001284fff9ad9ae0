"""Carries files that the user added to or changed in an earlier result over into the new one."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from tf2rust.publish.marker import MARKER, digest, walk
from tf2rust.publish.staging import is_staging

_CACHE_TAG = "CACHEDIR.TAG"
"""The file that cargo puts into its build folders. These can have gigabytes, so they are moved instead of copied."""


def carry_over(
    old: Path, new: Path, written: Mapping[str, str], keep: Collection[str]
) -> tuple[list[str], dict[str, str]]:
    """Copies into ``new`` each file of ``old`` that differs from what was ``written``, except build products.

    If ``new`` is inside ``old``, only those parts of ``old`` are compared that ``new`` has. A file that ``new`` has too
    is copied as ``NAME.old``, or replaces the new file if it is one to ``keep``. Returns the changed files that were
    kept, and the new names of the others.
    """
    kept: list[str] = []
    renamed: dict[str, str] = {}
    parts = {path.name for path in new.iterdir()} if new.parent == old else None
    for name in _entries(old, parts):
        source, target = old / name, new / name
        if source.is_dir() and not source.is_symlink():
            target.mkdir(parents=True, exist_ok=True)
            continue
        if name in written and digest(source) == written[name]:
            continue
        if name in keep and name in written and target.is_file():
            target.unlink()
            kept.append(name)
        elif os.path.lexists(target):
            if _same(source, target):
                continue
            renamed[name] = _unused(name, (old, new))
            target = new / renamed[name]
        target.parent.mkdir(parents=True, exist_ok=True)
        _copy(source, target)
    return kept, renamed


def move_build_products(old: Path, new: Path) -> None:
    """Moves cargo's build folders from ``old`` to the same paths in ``new``."""
    for here, folders, _ in walk(old):
        for name in [name for name in folders if _is_cache(here / name)]:
            folders.remove(name)
            target = new / here.relative_to(old) / name
            if not os.path.lexists(target) and target.parent.is_dir():
                os.rename(here / name, target)


def _entries(folder: Path, parts: Collection[str] | None) -> Iterator[str]:
    """The files, links and empty folders in ``folder``, except for its marker, build products and staging folders.

    If ``parts`` are given, only entries in these.
    """
    for here, folders, files in walk(folder):
        if here == folder:
            folders[:] = [f for f in folders if (parts is None or f in parts) and not is_staging(here / f)]
            files[:] = [f for f in files if (parts is None or f in parts) and f != MARKER]
        folders[:] = [name for name in folders if not _is_cache(here / name)]
        leaves = [name for name in folders if (here / name).is_symlink() or not any((here / name).iterdir())]
        for name in sorted([*files, *leaves]):
            yield (here / name).relative_to(folder).as_posix()


def _is_cache(folder: Path) -> bool:
    return (folder / _CACHE_TAG).is_file() and not folder.is_symlink()


def _same(one: Path, other: Path) -> bool:
    return (other.is_symlink() or not other.is_dir()) and digest(one) == digest(other)


def _unused(name: str, folders: Collection[Path]) -> str:
    """``NAME.old``, or ``NAME.old-2``, …: a name that none of the folders has."""
    names = (f"{name}.old" + (f"-{i}" if i > 1 else "") for i in itertools.count(1))
    return next(found for found in names if not any(os.path.lexists(folder / found) for folder in folders))


def _copy(source: Path, target: Path) -> None:
    """Hard-links ``target`` to ``source``, or copies it if the file system has no hard links."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)
