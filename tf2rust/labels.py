"""The names of a classifier's classes."""

from __future__ import annotations

from pathlib import Path

from tf2rust.errors import ConversionError
from tf2rust.text_file import parse_json, read_text

_WANTED = "--labels wants class names, one a line or as a JSON list"


def read_labels(path: Path) -> tuple[str, ...]:
    """Class names by index: the lines of a text file, or the strings of a JSON list."""
    text = read_text(path, _WANTED)
    if not text.lstrip().startswith("["):
        return tuple(line.strip() for line in text.strip().splitlines())
    names = parse_json(text, path, _WANTED)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConversionError(f"{path} must be a JSON list of strings, the class names by index.")
    if halves := [i for i, name in enumerate(names) if any("\ud800" <= c <= "\udfff" for c in name)]:
        raise ConversionError(
            f"The name of class {halves[0]} in {path} is no text: it holds one half of a surrogate pair, "
            f"{names[halves[0]]!a}; write the character itself, or both halves."
        )
    return tuple(names)


def check_labels(path: Path, names: tuple[str, ...], classes: int | None) -> tuple[str, ...]:
    """``names``, if there is one for each of the model's ``classes``; None where its output has none."""
    if classes is None:
        raise ConversionError("--labels: the model has no single output whose last dimension counts classes.")
    if len(names) != classes or not all(names):
        raise ConversionError(
            f"{path} names {sum(map(bool, names))} classes in {len(names)} places; the model has {classes}."
        )
    return names
