"""Writes a result beside its place and puts it there in one step."""

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
"""What Python raises of a path or a disk: ValueError of a NUL in it, RuntimeError of links that go round in circles."""


@dataclass(frozen=True)
class Published:
    """What became of files that the user had changed: those that stay as they are, and the new names of the others."""

    kept: list[str]
    renamed: dict[str, str]

    def notes(self) -> list[str]:
        """A sentence on each file."""
        return [
            *(f"{name} was edited and stays as it is; delete it to have it written anew." for name in self.kept),
            *(f"{name} was edited; what it held is now in {new}." for name, new in self.renamed.items()),
        ]


def check_target(folder: Path) -> None:
    """Refuses a folder that holds anything but an earlier result, or that cannot be written.

    What a killed conversion moved aside is brought back first.
    """
    try:
        _check(resolved(folder))
    except _REFUSALS as error:
        raise _unwritable(folder, error) from error


def publish(folder: Path, fill: Callable[[Path], None], keep: Collection[str] = ()) -> Published:
    """Puts what ``fill`` writes into an empty folder where ``folder`` is.

    Files that the user added to an earlier result stay. A file that the user changed and that is to be written again
    stays if it is in ``keep``; else it is renamed. Raises ConversionError, having changed nothing, if the disk is full
    or refuses. After any other exception, ``folder`` is either what it was or what it was to become.
    """
    try:
        target = resolved(folder)
        earlier = _check(target)
        with staging_folder(target) as staging:
            fill(staging)
            written = digests(staging)
            _inherit_mode(staging, target)
            published = Published([], {})
            if earlier is not None:
                published = Published(*carry_over(target, staging, earlier, keep))
            write_marker(staging, written)
            _put(staging, target)
            if staging.is_dir():
                with contextlib.suppress(OSError):  # they can be built again
                    move_build_products(staging, target)
            return published
    except _REFUSALS as error:
        raise _unwritable(folder, error) from error


def resolved(folder: Path) -> Path:
    """``folder`` with links and ``..`` in the path above it resolved."""
    folder = folder.absolute()
    return folder.resolve() if folder.name in ("", "..") else folder.parent.resolve() / folder.name


def _check(folder: Path) -> dict[str, str] | None:
    """The files of an earlier result in ``folder``, as they were written; None if it is not there or empty."""
    if folder.is_symlink():
        raise ConversionError(
            f"{folder} is a symbolic link to {os.readlink(folder)}; give --path_to_save the folder itself."
        )
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        folder.lstat()
    nearest = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
    if not nearest.is_dir():
        raise ConversionError(f"{nearest} is not a folder; give --path_to_save a folder that is new or in a folder.")
    if nearest != folder and not os.access(nearest, os.W_OK | os.X_OK):
        raise ConversionError(f"{nearest} is read-only, so {folder} cannot be made; choose another --path_to_save.")
    restore(folder)
    if not folder.is_dir():
        return None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConversionError(f"{folder} is read-only; give --path_to_save another folder.")
    names = sorted(path.name for path in folder.iterdir() if not is_staging(path))
    written = read_marker(folder)
    if names and written is None:
        raise ConversionError(
            f"{folder} holds other things ({', '.join(names[:3])}) and no {MARKER}, by which this version of tf2rust "
            "knows its own; give --path_to_save an empty or a new folder."
        )
    for name in sorted({name.split("/")[0] for name in written or ()}):
        restore(folder / name)
        if (folder / name).is_symlink():
            raise ConversionError(f"{folder / name} is a symbolic link; delete it, or put the folder itself there.")
    return written


def _put(staging: Path, target: Path) -> None:
    """Puts ``staging`` where ``target`` is or, if ``target`` must stay, its parts one by one: all of them or none.

    Only if the process is killed between two parts is one new and the other old; each is whole then, and has the
    user's files.
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
    """Gives ``staging``, which nobody else may read so far, the mode of ``target`` or that of a new folder."""
    like = target if target.is_dir() else next((path for path in staging.iterdir() if path.is_dir()), None)
    if like is not None:
        shutil.copymode(like, staging)


def _unwritable(folder: Path, error: Exception) -> ConversionError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return ConversionError(f"{folder} cannot be written ({reason}); check --path_to_save and the free space.")
