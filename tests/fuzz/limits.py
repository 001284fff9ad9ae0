"""Limits of time and memory for a process that runs cases."""

from __future__ import annotations

import contextlib
import resource
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class OutOfTimeError(BaseException):
    """A case exceeded its processor time. ``except Exception`` does not catch it."""


@contextlib.contextmanager
def processor_seconds(limit: float) -> Iterator[None]:
    """Raises OutOfTimeError in the ``with`` block after ``limit`` seconds of processor time, if Python runs again."""

    def stop(number: int, frame: Any) -> None:
        raise OutOfTimeError(f"more than {limit} s of processor time")

    previous = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, previous)


def end_after(seconds: float) -> None:
    """Lets the system end this process by SIGXCPU after ``seconds`` more of processor time.

    This stops native code, which does not return to Python's signal handlers.
    """
    used, (_, hard) = time.process_time(), resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used + seconds) + 1, hard))


def limit_memory(more: int) -> None:
    """Limits this process to ``more`` bytes of address space beyond what it has."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + more, hard))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
