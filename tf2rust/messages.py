"""What a command prints besides its result: the running stage, notes, and with ``--verbose`` the times of stages."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console

from tf2rust.errors import UsageError, one_line
from tf2rust.stages import Progress


@dataclass(frozen=True)
class Messages:
    """Messages on stderr. ``quiet`` drops all but errors, and ``verbose`` adds the stages with their times."""

    console: Console
    quiet: bool = False
    verbose: bool = False

    def __post_init__(self) -> None:
        """Raises UsageError if both are set."""
        if self.quiet and self.verbose:
            raise UsageError("give --quiet or --verbose, not both")

    def print(self, text: str) -> None:
        """Prints a line."""
        if not self.quiet:
            self.console.print(one_line(text), markup=False)

    @contextlib.contextmanager
    def working(self, first: str) -> Iterator[Progress]:
        """Shows the stage that runs in the block, which begins with ``first`` and reports the others."""
        if self.quiet:
            yield lambda name: None
            return
        if not self.verbose:
            with self.console.status(first) as status:
                yield status.update
            return
        name, begin = first, time.perf_counter()

        def finish(following: str) -> None:
            nonlocal name, begin
            self.console.print(f"{time.perf_counter() - begin:7.2f} s  {name}", markup=False)
            name, begin = following, time.perf_counter()

        # A stage that fails was the last one to run; its time helps too.
        try:
            yield finish
        finally:
            finish("")
