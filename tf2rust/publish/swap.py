"""Exchanges two folders, atomically if the system supports it."""

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
"""The errors of systems and file systems that cannot exchange paths."""


def exchange(one: Path, other: Path) -> bool:
    """Exchanges two folders or files atomically; False if the system cannot."""
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
    """Moves ``new`` to ``target``, and what was there, if anything, to ``new``.

    If that takes two steps and the second fails, the first is undone. If the process is killed between them,
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
    """Undoes an interrupted :func:`put`: moves the old folder back if nothing replaced it.

    Only touches folders that tf2rust has marked, or that are inside one.
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
