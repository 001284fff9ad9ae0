"""Memory and time limits of a conversion."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.errors import UsageError

_MEMORY = re.compile(r"(\d{1,15})([KMGT]?)(?:i?B)?", re.IGNORECASE | re.ASCII)
_SHARE = 0.75
"""The default memory limit as a share of the machine's memory."""
_SECONDS = 3600.0
"""The default time limit in seconds."""


@dataclass(frozen=True)
class Limits:
    """The limits of a conversion; ``None`` means no limit.

    ``memory`` limits the resident memory of the process and its children, in bytes; the default is three quarters of
    the machine's memory. ``seconds`` is wall-clock time.
    """

    memory: int | None = 0
    seconds: float | None = _SECONDS

    @classmethod
    def of(cls, memory: str | None, seconds: str | None) -> Limits:
        """The limits from ``--max_memory`` and ``--time_limit``, or the defaults. Raises UsageError."""
        return cls(0 if memory is None else memory_limit(memory), _SECONDS if seconds is None else time_limit(seconds))

    def bytes(self) -> int | None:
        """The memory limit on this machine in bytes."""
        if self.memory != 0:
            return self.memory
        import psutil

        return int(_SHARE * psutil.virtual_memory().total)


def memory_limit(text: str) -> int | None:
    """Parses ``8G``, ``500M``, a number of bytes, or ``none`` for no limit. Raises UsageError."""
    if text.lower() == "none":
        return None
    found = _MEMORY.fullmatch(text.strip())
    size = int(found[1]) << 10 * " KMGT".index(found[2].upper() or " ") if found else 0
    if size == 0:
        raise UsageError(f"--max_memory {text[:40]}: expected a size such as 8G or 500M, or none")
    return size


def time_limit(text: str) -> float | None:
    """Parses a positive number of seconds, or ``none`` for no limit. Raises UsageError."""
    if text.lower() == "none":
        return None
    if not re.fullmatch(r"\d{1,9}(\.\d{1,9})?", text.strip(), re.ASCII) or float(text) == 0:
        raise UsageError(f"--time_limit {text[:40]}: expected a positive number of seconds, or none")
    return float(text)


def limits_in(arguments: Sequence[str]) -> Limits:
    """The limits on a command line. Invalid values are ignored here, because the command itself rejects them."""
    found: dict[str, str] = {}
    for i, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name.startswith("--"):
            found[name.replace("-", "_")] = value if equals else "".join(arguments[i + 1 : i + 2])
    try:
        return Limits.of(found.get("__max_memory"), found.get("__time_limit"))
    except UsageError:
        return Limits()
