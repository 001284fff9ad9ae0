"""Errors that a user can act on."""

from __future__ import annotations

# The command imports this module first. A slow import would delay the handling of Ctrl-C.
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 1500
"""The maximum length of a sentence in characters; only names and values from the model make sentences longer."""


def one_line(text: str) -> str:
    """``text`` on one line, without control or invisible characters: names come from untrusted models."""
    joined = " ".join(line.strip() for line in text.splitlines())
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in joined)


def _sentence(text: str) -> str:
    """One sentence for the terminal. A very long sentence loses its middle, because the advice is at the end."""
    line = one_line(text)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST * 2 // 3]} … {line[-_LONGEST // 3 :]}"


class ConversionError(Exception):
    """The model cannot be converted; ``reasons`` holds every reason, one sentence each.

    A reason says what is wrong, where (file, layer or node), why, and what to do about it.
    """

    def __init__(self, reasons: str | Iterable[str]) -> None:
        given = (reasons,) if isinstance(reasons, str) else reasons
        self.reasons: tuple[str, ...] = tuple(_sentence(reason) for reason in given)
        super().__init__("\n".join(self.reasons))


class UnmatchedError(ConversionError):
    """Nodes of the model match no rule. ``advice`` is a sentence on how to see them in the graph, or empty."""

    advice = ""


class InternalError(ConversionError):
    """A bug in tf2rust, which the user can only report; ``__cause__`` is the original error."""


class UsageError(Exception):
    """The command has invalid or conflicting arguments."""

    def __init__(self, reason: str) -> None:
        super().__init__(_sentence(reason))
