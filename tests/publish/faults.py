"""Faults in every step that reads or changes files: Python reports each by an audit event in advance."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tf2rust.publish.marker import MARKER, files_in

_STEPS = ("open", "os.", "shutil.", "tempfile.", "ctypes.dlsym")


class _Faults:
    """What happens at which step; audit hooks cannot be removed, so all tests share one."""

    def __init__(self) -> None:
        self.left = -1
        self.act: Callable[[], None] = lambda: None
        self.lasting = False
        sys.addaudithook(self._hook)

    def _hook(self, event: str, arguments: Any) -> None:
        if self.left < 0 or not event.startswith(_STEPS):
            return
        if self.left > 0:
            self.left -= 1
            return
        if not self.lasting:
            self.left = -1
        self.act()


_faults: list[_Faults] = []


@contextlib.contextmanager
def fault(step: int, act: Callable[[], None], *, lasting: bool = False) -> Iterator[_Faults]:
    """Runs ``act`` instead of step number ``step`` and, if ``lasting``, of all later ones."""
    if not _faults:
        _faults.append(_Faults())
    faults = _faults[0]
    faults.left, faults.act, faults.lasting = step, act, lasting
    try:
        yield faults
    finally:
        faults.left = -1


def snapshot(folder: Path) -> dict[str, str]:
    """All files in ``folder`` except the marker, with their contents."""
    return {
        name: os.readlink(folder / name) if (folder / name).is_symlink() else (folder / name).read_text("utf-8")
        for name in files_in(folder)
        if name != MARKER
    }


def write(folder: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
