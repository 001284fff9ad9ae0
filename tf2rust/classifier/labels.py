"""The class names of a classifier."""

from __future__ import annotations

from pathlib import Path

from tf2rust.errors import ConversionError
from tf2rust.text_file import parse_json, read_text

_WANTED = "--labels expects class names, one per line or as a JSON list"


def read_labels(path: Path) -> tuple[str, ...]:
    """Returns class names by index: the lines of a text file or the strings of a JSON list."""
    text = read_text(path, _WANTED)
    if not text.lstrip().startswith("["):
        return tuple(line.strip() for line in text.strip().splitlines())
    names = parse_json(text, path, _WANTED)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ConversionError(f"{path} must be a JSON list of strings: the class names by index.")
    if halves := [i for i, name in enumerate(names) if any("\ud800" <= c <= "\udfff" for c in name)]:
        raise ConversionError(
            f"The name of class {halves[0]} in {path} is not valid text: it contains an unpaired surrogate, "
            f"{names[halves[0]]!a}; write the character itself, or both surrogates."
        )
    return tuple(names)


def check_labels(path: Path, names: tuple[str, ...], classes: int | None) -> tuple[str, ...]:
    """Returns ``names`` if their number is ``classes``. Raises ConversionError otherwise; ``classes`` is None for other
    outputs.
    """
    if classes is None:
        raise ConversionError(
            "--labels needs a model with a single output whose last dimension is the number of classes; this model "
            "has none."
        )
    if len(names) != classes or not all(names):
        raise ConversionError(
            f"{path} has {len(names)} lines with {sum(map(bool, names))} class names, but the model has {classes} "
            "classes."
        )
    return names
