"""The stages of a conversion, and the one place where an unexpected exception becomes a sentence.

A stage lets ``ConversionError`` and ``UsageError`` pass. Everything else that leaves it is turned into one of them,
with the name of the stage and, where it is known, of the node. A process that watches this one learns the present
stage from a file, so that it can name the stage of a process that died.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tf2rust.errors import ConversionError, InternalError, UsageError, one_line

STAGE_FILE = "TF2RUST_STAGE_FILE"
"""The environment variable that names the file to write the present stage to."""

_LONGEST = 300  # characters of a foreign message in a sentence

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Running:
    """A stage that has begun, and the time (of ``time.time``) by which it is to end."""

    name: str
    deadline: float | None = None


_running: list[Running] = []
"""The stage of this process, and those that it is a part of in front."""


def silent(name: str) -> None:
    """Progress that nobody is told of."""


@contextlib.contextmanager
def stage(name: str, progress: Progress = silent, seconds: float | None = None) -> Iterator[None]:
    """Run the block as the stage ``name``, such as "matching layers"; ``progress`` is told that it begins.

    The supervisor ends a stage that takes longer than ``seconds``, if they are given. Raises ConversionError,
    UsageError or InternalError, and no other ``Exception``.
    """
    progress(name[0].upper() + name[1:])
    _running.append(Running(name, None if seconds is None else time.time() + seconds))
    _tell()
    try:
        yield
    except (ConversionError, UsageError):
        raise
    except MemoryError as error:
        raise ConversionError(
            f"There was not enough memory for {name}{_where(error)}; use a machine with more, or give smaller samples "
            "in --path_to_fv."
        ) from error
    except RecursionError as error:
        raise ConversionError(
            f"The model is nested too deeply for {name}{_where(error)}; export it with fewer nested functions, loops "
            "and branches."
        ) from error
    except OSError as error:
        path = "" if error.filename is None else f" of {brief(str(error.filename))}"
        raise ConversionError(
            f"The operating system refused an access{path} while {name} ({brief(error.strerror or str(error))}); check "
            "the path, its permissions and the free space."
        ) from error
    except Exception as error:
        raise InternalError(
            f"tf2rust itself failed while {name}{_where(error)} ({type(error).__name__}: {brief(str(error))}); "
            "this is a fault of tf2rust: please report it, with the model if you can share it."
        ) from error
    finally:
        _running.pop()
        _tell()


@contextlib.contextmanager
def at_node(name: str) -> Iterator[None]:
    """Remember the node ``name`` for whatever the block raises."""
    try:
        yield
    except Exception as error:
        vars(error).setdefault("node", name)
        raise


def brief(text: str) -> str:
    """The first line of a foreign message, cut to a length that fits into a sentence."""
    line = one_line((text.strip().splitlines() or ["no message"])[0])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _where(error: BaseException) -> str:
    node = getattr(error, "node", None)
    return f" at node `{brief(node)}`" if isinstance(node, str) else ""


def _tell() -> None:
    file = os.environ.get(STAGE_FILE)
    if file is not None and _running:
        now = _running[-1]
        with contextlib.suppress(OSError):
            # Whoever reads it meanwhile gets the stage before.
            Path(f"{file}.new").write_text(f"{now.deadline or ''}\n{now.name}", encoding="utf-8")
            os.replace(f"{file}.new", file)


def stage_in(file: Path) -> Running:
    """The stage that another process told of in ``file``."""
    try:
        deadline, _, name = file.read_text(encoding="utf-8").partition("\n")
        return Running(name, float(deadline) if deadline else None) if name else Running("starting")
    except (OSError, ValueError):
        return Running("starting")
