"""``tf2rust check``: compares a converted folder with what a new conversion writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tf2rust import __version__
from tf2rust.classifier.thresholds import Thresholds
from tf2rust.codegen.crate import CRATE, THRESHOLDS
from tf2rust.config import RECORD, RUNS_CODE, SAMPLES_AND_LABELS, Record, given, read_record
from tf2rust.converted.folder import find_document
from tf2rust.errors import ConversionError, UsageError
from tf2rust.publish.marker import MARKER, digest, read_marker
from tf2rust.source import sha256
from tf2rust.targets import TARGETS

REPORT_VERSION = 1
MEASURED = ("/report.html", f"{CRATE}/README.md", f"{CRATE}/testdata/features.npz")
"""Files with results of the source framework, whose last digits depend on the processor."""


@dataclass(frozen=True)
class Deviation:
    """A file that is not what a new conversion writes, and why: ``edited``, ``missing``, ``outdated``, ``new`` (it was
    not written before) or ``no longer written``.
    """

    file: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}: {self.reason}"


def read_options(folder: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    """The options of the conversion in ``folder`` as values of the command line, except for ``changes``.

    Raises ConversionError if ``folder`` is no conversion, and UsageError if a file that the conversion read is not
    given, because the record has only its name, or if an option is not given that lets code run: others may have
    written the record.
    """
    record = read_conversion(folder)
    changes = {name: value for name, value in changes.items() if value is not None}
    if untrusted := [name for name in RUNS_CODE if record.options.get(name) and name not in changes]:
        raise UsageError(
            f"{folder} was converted with options that let code run, which must be given again if you trust it: "
            + ", ".join(f"--{name}" for name in untrusted)
        )
    if missing := [name for name in SAMPLES_AND_LABELS if name in record.options and name not in changes]:
        listed = ", ".join(f"--{name} ({_shown(record.options[name])})" for name in missing)
        raise UsageError(f"{folder} was converted with files that must be given again: {listed}")
    options = {name: value for name, value in record.options.items() if name not in SAMPLES_AND_LABELS}
    if added := sorted({name.split("/")[0] for name in read_marker(folder) or ()} & TARGETS.keys()):
        options["with"] = added
    return {**given(options, str(folder), folder), **changes}


def causes(folder: Path, model: Path) -> list[str]:
    """Why a new conversion may write other files: another model, or another version of tf2rust."""
    record = read_conversion(folder)
    found = []
    if model.exists() and sha256(model) != record.sha256:
        found.append(f"{model} is not the model of this crate, {record.model} with the SHA-256 {record.sha256[:12]}…")
    if record.tf2rust != __version__:
        found.append(f"the crate was written by tf2rust {record.tf2rust}, and this is {__version__}")
    return found


def compare(folder: Path, fresh: Path) -> list[Deviation]:
    """The files of the conversion in ``folder`` that differ from those of a new one in ``fresh``.

    Files that the user added do not count, nor do edited thresholds that the conversion leaves to the user, nor
    measured results that another processor would have given.
    """
    written, new = read_marker(folder), read_marker(fresh)
    assert written is not None
    assert new is not None
    found = []
    for name in sorted({*written, *new}):
        path = folder / name
        if name == THRESHOLDS and name in written and path.is_file() and _are_placeholders(fresh / name):
            continue
        if not path.is_symlink() and not path.is_file():
            if name in new:
                found.append(Deviation(name, "missing" if name in written else "new"))
            continue
        if name.endswith(MEASURED) and digest(path) == written.get(name):
            continue
        if name not in new:
            found.append(Deviation(name, "no longer written"))
        elif (current := digest(path)) != new[name]:
            found.append(Deviation(name, "outdated" if current == written.get(name) else "edited"))
    return found


def as_json(folder: Path, deviations: Sequence[Deviation], reasons: Sequence[str]) -> dict[str, Any]:
    """The report of ``tf2rust check --json``."""
    return {
        "version": REPORT_VERSION,
        "folder": str(folder),
        "same": not deviations,
        "files": [asdict(deviation) for deviation in deviations],
        "causes": list(reasons),
    }


def read_conversion(folder: Path) -> Record:
    """The record of the conversion in ``folder``. Raises ConversionError if there is none."""
    if read_marker(folder) is None:
        raise ConversionError(
            f"{folder} is not the output of a conversion: it has no {MARKER} of this version of tf2rust; give the "
            "folder that was --path_to_save."
        )
    return read_record(find_document(folder, RECORD))


def _are_placeholders(path: Path) -> bool:
    """Whether the thresholds are zeros, which the user replaces."""
    content: object = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
    return content == Thresholds().as_json()


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
