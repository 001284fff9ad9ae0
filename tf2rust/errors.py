"""The errors a user can act on."""

from __future__ import annotations

from collections.abc import Iterable


class ConversionError(Exception):
    """The model cannot be converted; ``reasons`` holds every reason found, one sentence each.

    A reason says what is wrong, where (file, layer or node), why, and what to do about it.
    """

    def __init__(self, reasons: str | Iterable[str]) -> None:
        self.reasons: tuple[str, ...] = (reasons,) if isinstance(reasons, str) else tuple(reasons)
        super().__init__("\n".join(self.reasons))


class InternalError(ConversionError):
    """A fault of tf2rust itself, which the user can only report; ``__cause__`` is what went wrong."""


class UsageError(Exception):
    """The command was called with arguments that do not fit together."""
