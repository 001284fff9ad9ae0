"""Writes a result to a staging folder and moves it into place in one step."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from tf2rust.errors import ConversionError
from tf2rust.publish.kept import carry_over, move_build_products
from tf2rust.publish.marker import MARKER, digests, read_marker, write_marker
from tf2rust.publish.staging import is_staging, staging_folder
from tf2rust.publish.swap import put, restore, take_back

_REFUSALS = (OSError, ValueError, RuntimeError)
"""Errors that Python raises for paths and disks: ValueError for a NUL, RuntimeError for circular links."""


@dataclass(frozen=True)
class Published:
    """Files that the user had changed: those that were kept, and the new names of the others."""

    kept: list[str]
    renamed: dict[str, str]

    def notes(self) -> list[str]:
        """One sentence per file."""
        return [
            *(f"{name} was edited and is kept; delete it to have it written again." for name in self.kept),
            *(f"{name} was edited; the edited file is now {new}." for name, new in self.renamed.items()),
        ]


def check_target(folder: Path) -> None:
    """Raises ConversionError if the folder contains anything but an earlier result, or is not writable.

    First restores what a killed conversion moved aside.
    """
    try:
        _check(resolved(folder))
    except _REFUSALS as error:
        raise _unwritable(folder, error) from error


def publish(folder: Path, fill: Callable[[Path], None], keep: Collection[str] = (), *, adds: bool = False) -> Published:
    """Moves what ``fill`` writes into an empty folder to ``folder``.

    If it only ``adds`` to an earlier result, the files and folders in ``folder`` that ``fill`` does not write stay as
    they are.

    Files that the user added to an earlier result are kept. A file that the user changed and that is written again is
    kept if it is in ``keep``, and renamed otherwise. Raises ConversionError if the disk is full or an access is denied,
    and then changes nothing. After any other exception, ``folder`` is either the old or the new result.
    """
    try:
        target = resolved(folder)
        earlier = _check(target)
        if adds and earlier is None:
            raise ConversionError(f"{folder} is not the output folder of a conversion; give the path of one.")
        with staging_folder(target, inside=adds) as staging:
            fill(staging)
            written = digests(staging)
            _inherit_mode(staging, target)
            published = Published([], {})
            if earlier is not None:
                published = Published(*carry_over(target, staging, earlier, keep))
            if adds:
                parts = {path.name for path in staging.iterdir()}
                written |= {name: known for name, known in (earlier or {}).items() if name.split("/")[0] not in parts}
            write_marker(staging, written)
            _put(staging, target)
            if staging.is_dir():
                with contextlib.suppress(OSError):  # they can be built again
                    move_build_products(staging, target)
            return published
    except _REFUSALS as error:
        raise _unwritable(folder, error) from error


def resolved(folder: Path) -> Path:
    """``folder`` with links and ``..`` in its parent path resolved."""
    folder = folder.absolute()
    return folder.resolve() if folder.name in ("", "..") else folder.parent.resolve() / folder.name


def _check(folder: Path) -> dict[str, str] | None:
    """The files of an earlier result in ``folder``, as they were written; None if it is absent or empty."""
    if folder.is_symlink():
        raise ConversionError(
            f"{folder} is a symbolic link to {os.readlink(folder)}; give --path_to_save the folder itself."
        )
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        folder.lstat()
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise ConversionError(f"{nearest} is not a folder; give --path_to_save a new folder or a path inside a folder.")
    if nearest != folder and not os.access(nearest, os.W_OK | os.X_OK):
        raise ConversionError(f"{nearest} is read-only, so {folder} cannot be created; choose another --path_to_save.")
    restore(folder)
    for parent in folder.parents:
        if read_marker(parent) is not None:
            raise ConversionError(
                f"{folder} is inside {parent}, the output of an earlier conversion or bundle; give --path_to_save a "
                "folder outside of it."
            )
    if not folder.is_dir():
        return None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConversionError(f"{folder} is read-only; choose another --path_to_save.")
    names = sorted(path.name for path in folder.iterdir() if not is_staging(path))
    written = read_marker(folder)
    if names and written is None:
        raise ConversionError(
            f"{folder} contains other files ({', '.join(names[:3])}) and no {MARKER}, which marks the output of "
            "this version of tf2rust; give --path_to_save an empty or a new folder."
        )
    for name in sorted({name.split("/")[0] for name in written or ()}):
        restore(folder / name)
        if (folder / name).is_symlink():
            raise ConversionError(f"{folder / name} is a symbolic link; delete it, or replace it by the folder itself.")
    return written


def _put(staging: Path, target: Path) -> None:
    """Moves ``staging`` to ``target`` or, if ``target`` must stay, moves its parts one by one: all of them or none.

    Only if the process is killed between two parts, one is new and the other old. Each part is complete then, and has
    the user's files.
    """
    if staging.parent != target:
        put(staging, target)
        return
    inodes = {path.name: path.lstat().st_ino for path in staging.iterdir()}
    parts = sorted(inodes.keys() - {MARKER})
    try:
        for name in parts:
            put(staging / name, target / name)
        os.replace(staging / MARKER, target / MARKER)
    except BaseException:
        if not _is(target / MARKER, inodes[MARKER]):
            for name in parts:
                if _is(target / name, inodes[name]):
                    take_back(staging / name, target / name)
        raise


def _is(path: Path, inode: int) -> bool:
    return os.path.lexists(path) and path.lstat().st_ino == inode


def _inherit_mode(staging: Path, target: Path) -> None:
    """Gives ``staging``, which is private so far, the mode of ``target`` or of a new folder."""
    like = target if target.is_dir() else next((path for path in staging.iterdir() if path.is_dir()), None)
    if like is not None:
        shutil.copymode(like, staging)


def _unwritable(folder: Path, error: Exception) -> ConversionError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return ConversionError(f"{folder} cannot be written ({reason}); check --path_to_save and the free disk space.")
