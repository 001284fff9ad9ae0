"""The file with the report of a model without its crate."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import Any

from tf2rust.codegen.report.page import read_report, render_report
from tf2rust.errors import UsageError, one_line

SUFFIX = ".report.html"


def default_file(model: Path) -> Path:
    """The file in the current folder that has the name of the model: ``resnet.report.html``."""
    return Path(f"{model.absolute().stem}{SUFFIX}")


def check_file(path: Path) -> None:
    """Raises UsageError if a report cannot be written to ``path``, or would replace any other file."""
    if not path.absolute().parent.is_dir():
        raise UsageError(f"--output {path}: the folder {path.absolute().parent} does not exist; create it")
    if os.path.lexists(path) and not _is_replaceable(path):
        raise UsageError(
            f"--output {path}: the file exists and is not the report of a model without its crate; give another path "
            "or remove the file"
        )


def write_file(path: Path, data: dict[str, Any]) -> None:
    """Writes the report in one step: afterwards the file is complete, or as it was before. Raises UsageError."""
    check_file(path)
    text = render_report(data)
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(prefix=".tf2rust-", suffix=SUFFIX, dir=path.absolute().parent)
        with open(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
        # A temporary file is private; a report gets the usual permissions.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        reason = one_line(error.strerror or str(error))
        raise UsageError(f"--output {path}: the report cannot be written ({reason}); give another path") from error


def _is_replaceable(path: Path) -> bool:
    """Whether the file is the report of a model without its crate. Links are not followed."""
    if path.is_symlink() or not path.is_file():
        return False
    try:
        return "unmatched" in read_report(path)
    except (OSError, ValueError, RecursionError):
        return False
