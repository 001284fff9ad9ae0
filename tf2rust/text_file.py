"""Reads the small text files that users give: class names and thresholds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.stages import brief

_MAX_SIZE = 16 << 20  # bytes


def read_text(path: Path, wanted: str) -> str:
    """Returns the text of a UTF-8 file of at most 16 MiB. Raises ConversionError with ``wanted``, the expected
    contents.
    """
    if not path.exists():
        raise ConversionError(f"The file {path} does not exist; {wanted}.")
    if not path.is_file():
        raise ConversionError(f"{path} is not a regular file; {wanted}.")
    if path.stat().st_size > _MAX_SIZE:
        raise ConversionError(f"{path} is larger than {_MAX_SIZE >> 20} MiB; {wanted}.")
    try:
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ConversionError(f"{path} is not a UTF-8 text file ({brief(str(error))}); {wanted}.") from error
    return text


def parse_json(text: str, path: Path, wanted: str) -> Any:
    """Parses JSON without NaN and without duplicate keys; ``path`` is for messages. Raises ConversionError."""
    try:
        return json.loads(text, object_pairs_hook=_once, parse_constant=_refuse_constant)
    except RecursionError:
        raise ConversionError(f"{path} is not valid JSON (nested too deeply); {wanted}.") from None
    except ValueError as error:
        raise ConversionError(f"{path} is not valid JSON ({brief(str(error))}); {wanted}.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON number")
