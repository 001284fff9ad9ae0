"""The stages of a conversion, and the place where unexpected exceptions become messages.

A stage passes on ``ConversionError`` and ``UsageError``, and converts every other exception to one of them. The message
names the stage and, if known, the node. Each stage also writes its name to a file, so that a supervising process can
name the stage in which this process died.
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
"""The environment variable with the path of the file for the current stage."""

_LONGEST = 300  # The maximum length of a foreign message in a sentence, in characters.

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Running:
    """A running stage, and its deadline as ``time.time``."""

    name: str
    deadline: float | None = None


_running: list[Running] = []
"""The current stage of this process, after the stages that contain it."""


def silent(name: str) -> None:
    """Discards progress messages."""


@contextlib.contextmanager
def stage(name: str, progress: Progress = silent, seconds: float | None = None) -> Iterator[None]:
    """Runs the block as the stage ``name``, such as "matching layers", and reports it to ``progress``.

    If ``seconds`` is given, the supervisor ends a stage that takes longer. Raises only ConversionError, UsageError and
    InternalError, and no other ``Exception``.
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
            f"Out of memory while {name}{_where(error)}; use a machine with more memory, or give smaller samples "
            "in --path_to_fv."
        ) from error
    except RecursionError as error:
        raise ConversionError(
            f"The model is nested too deeply: the recursion limit was reached while {name}{_where(error)}; export "
            "it with fewer nested functions, loops and branches."
        ) from error
    except OSError as error:
        path = "" if error.filename is None else f" of {brief(str(error.filename))}"
        raise ConversionError(
            f"The operating system denied an access{path} while {name} ({brief(error.strerror or str(error))}); "
            "check the path, its permissions and the free disk space."
        ) from error
    except Exception as error:
        if ending := _ending(error):
            raise ending from None
        raise InternalError(
            f"An internal error occurred while {name}{_where(error)} ({type(error).__name__}: "
            f"{brief(str(error))}); this is a bug in tf2rust: please report it, with the model if you can share it."
        ) from error
    finally:
        _running.pop()
        _tell()


@contextlib.contextmanager
def at_node(name: str) -> Iterator[None]:
    """Adds the node ``name`` to errors from the block."""
    try:
        yield
    except Exception as error:
        vars(error).setdefault("node", name)
        raise


def brief(text: str) -> str:
    """The first line of a foreign message, shortened to fit into a sentence."""
    line = one_line((text.strip().splitlines() or ["no message"])[0])
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"


def _ending(error: BaseException | None) -> BaseException | None:
    """The exception of a signal that a library, such as the import of a native module, turned into ``error``."""
    while error is not None:
        if isinstance(error, SystemExit | KeyboardInterrupt):
            return error
        error = error.__cause__ or error.__context__
    return None


def _where(error: BaseException) -> str:
    node = getattr(error, "node", None)
    return f" at node `{brief(node)}`" if isinstance(node, str) else ""


def _tell() -> None:
    file = os.environ.get(STAGE_FILE)
    if file is not None and _running:
        now = _running[-1]
        with contextlib.suppress(OSError):
            # A concurrent reader sees the previous stage until then.
            Path(f"{file}.new").write_text(f"{now.deadline or ''}\n{now.name}", encoding="utf-8")
            os.replace(f"{file}.new", file)


def stage_in(file: Path) -> Running:
    """The stage that another process wrote to ``file``."""
    try:
        deadline, _, name = file.read_text(encoding="utf-8").partition("\n")
        return Running(name, float(deadline) if deadline else None) if name else Running("starting")
    except (OSError, ValueError):
        return Running("starting")
