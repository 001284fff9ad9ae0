"""The thresholds of a binary classifier: read from a file, or found from labelled samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf2rust.errors import ConversionError, UsageError
from tf2rust.stages import brief
from tf2rust.text_file import parse_json, read_text

LEVELS = ("bottom", "low", "medium", "high")
DEFAULT_RATES: Mapping[str, float] = {"bottom": 0.1, "low": 0.01, "medium": 0.001, "high": 0.0001}
FORMAT_VERSION = 1
_WANTED = "--thresholds expects a thresholds.json"
ZEROS = "thresholds.json holds zeros"
"""The start of every note about zero thresholds."""
_ENOUGH = 10
"""The number of false positives that a threshold should rest on: with 10, the error of the rate is about a third."""


@dataclass(frozen=True)
class Thresholds:
    """The lowest score of each confidence level: ascending float32 numbers from 0 to 1."""

    bottom: float = 0.0
    low: float = 0.0
    medium: float = 0.0
    high: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The contents of ``thresholds.json``."""
        return {"version": FORMAT_VERSION, "dirty": {level: getattr(self, level) for level in LEVELS}}


def read_thresholds(path: Path) -> Thresholds:
    """Reads ``{"version": 1, "dirty": {"bottom": …, "low": …, "medium": …, "high": …}}``; ``version`` is optional.

    Raises ConversionError for any other contents, for thresholds outside 0 to 1, and for thresholds that do not ascend.
    """
    content = parse_json(read_text(path, _WANTED), path, _WANTED)
    dirty = content.get("dirty") if isinstance(content, dict) else None
    if not isinstance(dirty, dict) or set(dirty) != set(LEVELS):
        raise ConversionError(
            f'{path} must contain {{"version": 1, "dirty": {{…}}}} with a number for each of {", ".join(LEVELS)}.'
        )
    version = content.get("version", FORMAT_VERSION)
    if type(version) is not int or version != FORMAT_VERSION or set(content) - {"version", "dirty"}:
        raise ConversionError(f"{path} must have exactly the keys `version` ({FORMAT_VERSION}) and `dirty`.")
    values = [dirty[level] for level in LEVELS]
    wrong = [level for level, value in zip(LEVELS, values, strict=True) if not _is_score(value)]
    if wrong:
        raise ConversionError(
            f"`{wrong[0]}` in {path} is {brief(repr(dirty[wrong[0]]))}; a threshold must be a number from 0 to 1."
        )
    if values != sorted(values):
        raise ConversionError(f"The thresholds in {path} are {values}; they must ascend from bottom to high.")
    return Thresholds(*map(float, values))


def _is_score(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 1


def check_rates(rates: Mapping[str, float]) -> None:
    """Raises UsageError unless each level has a false-positive rate between 0 and 1, and the rates descend."""
    numbers = (int, float, np.integer, np.floating)
    if set(rates) != set(LEVELS) or not all(isinstance(r, numbers) and 0 < r < 1 for r in rates.values()):
        raise UsageError(f"--fpr: give a rate between 0 and 1 for each of {', '.join(LEVELS)}")
    found = {level: rates[level] for level in LEVELS}
    if list(found.values()) != sorted(found.values(), reverse=True):
        listed = ", ".join(f"{level}={rate:g}" for level, rate in found.items())
        raise UsageError(f"--fpr: the rates must descend from bottom to high, but they are {listed}")


def find_thresholds(scores: np.ndarray, labels: np.ndarray, rates: Mapping[str, float]) -> tuple[Thresholds, list[str]]:
    """Returns the lowest thresholds that at most the given share of clean samples (label 0) reaches, with notes on
    them.
    """
    if not np.all((scores >= 0) & (scores <= 1)):
        return Thresholds(), [
            f"{ZEROS}: the scores are not all between 0 and 1; end the model with a sigmoid or a softmax, or give "
            "--binary_classification false."
        ]
    clean = np.sort(scores[labels == 0].astype(np.float32))[::-1]
    if not clean.size:
        return Thresholds(), [f"{ZEROS}: no sample has label 0, so false positives cannot be counted."]
    found, notes = [], []
    for level in LEVELS:
        rate = rates[level]
        allowed = math.floor(rate * clean.size)
        # The smallest float32 above the score of the first clean sample that would exceed the rate.
        threshold = float(np.nextafter(clean[allowed], np.float32(np.inf)))
        if threshold > 1:
            notes.append(
                f"threshold `{level}`: more than {rate:g} of the clean samples score 1, so no threshold achieves "
                "this rate."
            )
        found.append(min(threshold, 1.0))
        if rate * clean.size < _ENOUGH:
            wanted = math.ceil(_ENOUGH / rate)
            notes.append(
                f"threshold `{level}`: {clean.size} clean samples are too few for a false-positive rate of "
                f"{rate:g}; use {wanted} or more."
            )
    return Thresholds(*found), notes
