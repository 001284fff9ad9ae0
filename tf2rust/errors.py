"""The errors a user can act on."""

from __future__ import annotations

# The command imports this first of all: what is slow to import would keep Ctrl-C from being handled.
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_LONGEST = 1500
"""Characters of a sentence; only names and values from the model make it longer."""


def one_line(text: str) -> str:
    """``text`` on one line, without characters that a terminal obeys or does not show: names come from the model."""
    joined = " ".join(line.strip() for line in text.splitlines())
    return "".join(c if c.isprintable() else f"\\u{{{ord(c):x}}}" for c in joined)


def _sentence(text: str) -> str:
    """A sentence for the terminal; of a very long one the middle is left out, as what to do stands at its end."""
    line = one_line(text)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST * 2 // 3]} … {line[-_LONGEST // 3 :]}"


class ConversionError(Exception):
    """The model cannot be converted; ``reasons`` holds every reason found, one sentence each.

    A reason says what is wrong, where (file, layer or node), why, and what to do about it.
    """

    def __init__(self, reasons: str | Iterable[str]) -> None:
        given = (reasons,) if isinstance(reasons, str) else reasons
        self.reasons: tuple[str, ...] = tuple(_sentence(reason) for reason in given)
        super().__init__("\n".join(self.reasons))


class InternalError(ConversionError):
    """A fault of tf2rust itself, which the user can only report; ``__cause__`` is what went wrong."""


class UsageError(Exception):
    """The command was called with arguments that do not fit together."""

    def __init__(self, reason: str) -> None:
        super().__init__(_sentence(reason))
