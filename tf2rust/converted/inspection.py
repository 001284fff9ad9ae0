"""The report of a converted folder, and the summary that it contains."""

from __future__ import annotations

from pathlib import Path

from tf2rust.codegen.crate import REPORT
from tf2rust.codegen.report.page import read_report
from tf2rust.codegen.summary import Summary
from tf2rust.converted.folder import find_document
from tf2rust.errors import UsageError


def find_report(folder: Path) -> Path:
    """The report of a converted folder. Raises UsageError if there is none."""
    return find_document(folder, REPORT)


def summary_of_folder(folder: Path) -> Summary:
    """The summary of a converted folder, from its report. Raises UsageError if it cannot be read."""
    path = find_report(folder)
    try:
        return Summary.from_json(read_report(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); convert the model again") from error
