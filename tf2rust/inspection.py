"""The summary and the report of a model or of a converted folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tf2rust.codegen.crate import CRATE, MODEL_INFO, REPORT, TENSORFLOW_MODEL_INFO
from tf2rust.codegen.interface import refuse_bundle
from tf2rust.codegen.model import build
from tf2rust.codegen.report.page import read_report
from tf2rust.codegen.summary import Summary, summarise
from tf2rust.conversion import match_layers
from tf2rust.errors import ConversionError, UsageError
from tf2rust.ops.core.dims import Size
from tf2rust.publish.marker import MARKER
from tf2rust.source import Source


def is_converted(path: Path) -> bool:
    """Whether ``path`` is the output folder of a conversion."""
    return (path / MARKER).is_file()


def find_report(folder: Path) -> Path:
    """The report of a converted folder. Raises UsageError if there is none, and ConversionError for a bundle."""
    for model_info in (MODEL_INFO, TENSORFLOW_MODEL_INFO):
        path = folder / model_info / REPORT
        if path.is_file():
            return path
    refuse_bundle(folder / CRATE)
    if is_converted(folder):
        raise UsageError(f"{folder} has no {REPORT}: an earlier version of tf2rust wrote it; convert the model again")
    raise UsageError(f"{folder} is not the output folder of a conversion: give the folder of --path_to_save")


def summary_of_folder(folder: Path) -> Summary:
    """The summary of a converted folder, from its report. Raises UsageError if it cannot be read."""
    path = find_report(folder)
    try:
        return Summary.from_json(read_report(path))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); convert the model again") from error


def summary_of_source(source: Source, dims: Mapping[str, Size]) -> Summary:
    """The summary of a model, for the sizes in ``dims`` and otherwise 1. Raises ConversionError for unmatched nodes."""
    found, graph = match_layers(source, dims)
    if found.unmatched:
        raise ConversionError([item.sentence() for item in found.unmatched if item.blocked_by is None])
    return summarise(build(graph, inplace=True, memdrop=True), graph, {})
