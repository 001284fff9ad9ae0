"""One folder put in the place of another: in one step where the system has one."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import glob
import os
import shutil
import sys
import uuid
from pathlib import Path

from tf2rust.publish.marker import read_marker

_AT_FDCWD = -100
_RENAME_EXCHANGE = 2  # Linux, <linux/fs.h>
_RENAME_SWAP = 2  # macOS, <sys/stdio.h>
_NO_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)
"""Errors of a system or a file system that does not know how to exchange."""


def exchange(one: Path, other: Path) -> bool:
    """Exchanges two folders or files in one step that nothing can interrupt; False where the system cannot."""
    names = os.fsencode(one), os.fsencode(other)
    if os.name != "posix":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if hasattr(libc, "renameat2"):
        failed = libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _RENAME_EXCHANGE)
    elif sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        failed = libc.renamex_np(*names, _RENAME_SWAP)
    else:
        return False
    if failed:
        code = ctypes.get_errno()
        if code in _NO_EXCHANGE:
            return False
        raise OSError(code, os.strerror(code), str(other))
    return True


def put(new: Path, target: Path) -> None:
    """Puts ``new`` where ``target`` is, and what was there, if anything, where ``new`` was.

    If that takes two steps and the second fails, the first is undone; if the process is killed between them,
    :func:`restore` undoes it.
    """
    if not os.path.lexists(target):
        os.rename(new, target)
        return
    if exchange(new, target):
        return
    aside = target.with_name(f"{_aside(target)}{uuid.uuid4().hex[:8]}")
    try:
        os.rename(target, aside)
        os.rename(new, target)
    finally:
        if not os.path.lexists(target):
            os.rename(aside, target)
        elif not os.path.lexists(new):
            with contextlib.suppress(OSError):
                os.rename(aside, new)


def take_back(new: Path, target: Path) -> None:
    """Undoes :func:`put`."""
    if os.path.lexists(new):
        put(new, target)
    else:
        os.rename(target, new)
        restore(target)


def restore(target: Path) -> None:
    """Undoes what a killed process left of :func:`put`: brings back what was moved aside, if nothing took its place.

    Only what is marked as ours is touched, or lies in a folder that is.
    """
    for aside in sorted(target.parent.glob(f"{glob.escape(_aside(target))}????????")):
        if read_marker(aside) is None and read_marker(target.parent) is None:
            continue
        with contextlib.suppress(OSError):
            if os.path.lexists(target):
                shutil.rmtree(aside)
            else:
                os.rename(aside, target)


def _aside(target: Path) -> str:
    return f".{target.name}-old-"
