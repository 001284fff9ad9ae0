"""Files for bug reports."""

from __future__ import annotations

import contextlib
import os
import tempfile
import traceback
from pathlib import Path

RUN_FOLDER = "TF2RUST_RUN_FOLDER"
"""The environment variable with the folder of the current run."""
LOG = "log"
"""The file in that folder with the output of native code."""


def write_crash_report(error: BaseException) -> Path:
    """Writes the traceback of a bug in tf2rust to a file that outlives the run, and returns its path."""
    folder = Path(os.environ[RUN_FOLDER]) if RUN_FOLDER in os.environ else None
    text = "".join(traceback.format_exception(error))
    if folder is None:
        return write_report(text, Path(os.devnull))
    return write_report(text, folder / LOG, folder.parent)


def write_report(text: str, log: Path, folder: Path | None = None) -> Path:
    """Writes a file for a bug report to ``folder``: ``text``, and the end of the output of native code."""
    handle, name = tempfile.mkstemp(prefix="tf2rust-report-", suffix=".txt", dir=folder)
    with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
        with contextlib.suppress(OSError):
            file.write(log.read_text(encoding="utf-8", errors="replace")[-20_000:])
    return Path(name)
