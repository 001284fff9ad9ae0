"""Starts conversions in a child process, watches it and cleans up after it.

Models can come from anyone, and the libraries that read them are written in C++: a model can crash them, fill the
memory or never end. In a child process, this becomes a message and an exit code. The processes share only the files of
the run: the current stage, the folders being written, the output of native code, and the result of a call.

Memory is sampled instead of capped, because libraries reserve far more address space than they use. A process can
exceed its limit by what it allocates in a tenth of a second.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from tf2rust.errors import ConversionError
from tf2rust.process.crash_report import LOG, RUN_FOLDER, write_report
from tf2rust.process.limits import Limits, limits_in
from tf2rust.stages import STAGE_FILE, stage_in

STAGE, STAGING, CALL, RESULT = "stage", "staging", "call", "result"
"""The files of a run: the current stage, the folders being written, a Python call and its result."""

COMPLETION = "_TF2RUST_COMPLETE"
"""The environment variable by which a shell asks for completions."""

_SMALLER = ", or give fewer samples or smaller dimensions with --path_to_fv and --dim"
_BUILDING = ("verify", "run", "profile", "bundle")
"""The commands that convert nothing."""
_INTERVAL = 0.1  # seconds between two memory samples
_GRACE = 2.0  # seconds that a child gets to finish a folder swap before it is killed
_INTERRUPTED, _TERMINATED = 130, 143
_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class _Stopped(BaseException):
    """A signal asked this process to end."""


@dataclass(frozen=True)
class _Ended:
    """How a child ended: its exit code, or the reason why it has none."""

    code: int
    reason: str = ""


def main() -> NoReturn:
    """Runs ``tf2rust``. Exits with the child's code, or with 1 and a message if the child did not exit by itself."""
    arguments = sys.argv[1:]
    if COMPLETION in os.environ:
        _complete()
    try:
        for name in ("SIGTERM", "SIGHUP"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), _stop)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        with _run_folder() as folder:
            ended = _supervise(["command", *arguments], folder, limits_in(arguments))
    except KeyboardInterrupt:
        ended = _Ended(_INTERRUPTED, "interrupted")
    except _Stopped:
        ended = _Ended(_TERMINATED, "ended by a signal")
    if ended.reason and sys.stderr is not None:  # None if the caller closed it
        sys.stderr.write(f"error: {ended.reason}\n" if ended.code == 1 else f"{ended.reason}\n")
        sys.stderr.flush()
    sys.exit(ended.code)


def _complete() -> NoReturn:
    """Prints completions for a shell in this process: they read no model, and the user waits for them."""
    from tf2rust.cli import run

    run()
    sys.exit(0)


def convert_supervised(arguments: Mapping[str, Any], limits: Limits) -> Any:
    """Runs ``conversion.convert_file(**arguments)`` in a child; raises its errors, and ConversionError for a crash."""
    from tf2rust.process.transport import dump, load

    with _run_folder() as folder:
        dump(folder / CALL, dict(arguments))
        ended = _supervise(["call"], folder, limits)
        if ended.reason or not (folder / RESULT).is_file():
            raise ConversionError(
                ended.reason
                or f"The conversion ended with exit code {ended.code} and no result; this is a bug in tf2rust: please "
                "report it."
            )
        result = load(folder / RESULT)
    if isinstance(result, Exception):
        raise result
    return result


def _stop(number: int, frame: object) -> NoReturn:
    raise _Stopped


@contextlib.contextmanager
def _run_folder() -> Iterator[Path]:
    """A folder for one run. Deletes it afterwards, with all partial output of the child."""
    folder = Path(tempfile.mkdtemp(prefix="tf2rust-"))
    try:
        yield folder
    finally:
        remove_run(folder)


def remove_run(folder: Path) -> None:
    """Deletes the folder of a run, and the run's partial output."""
    staging = folder / STAGING
    # The text after the last NUL is an incomplete path.
    for path in staging.read_bytes().split(b"\0")[:-1] if staging.is_file() else []:
        shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _supervise(arguments: list[str], folder: Path, limits: Limits) -> _Ended:
    """Runs ``tf2rust.process.child`` with ``arguments`` until it ends or reaches a limit."""
    # The child must import from the same paths as this process; `python -m` and `-c` would add the current folder.
    program = f"import sys; sys.path[:] = {sys.path!r}; from tf2rust.process.child import main; main()"
    environment = {
        **os.environ,
        RUN_FOLDER: str(folder),
        STAGE_FILE: str(folder / STAGE),
        "TF2RUST_STAGING_FILE": str(folder / STAGING),
        # Temporary files of libraries are deleted with the run.
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)),
    }
    child = None
    try:
        # A signal between the start of the child and this assignment would leave the child running.
        with _signals_held():
            child = subprocess.Popen(
                [sys.executable, "-c", program, *arguments],
                env=environment,
                # This process handles Ctrl-C, because a library in the child may be interrupted at any point.
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        reason = _watch(child, limits, folder / STAGE, converts=not set(arguments[1:2]) & set(_BUILDING))
    except BaseException:
        if child is not None:
            _end(child)
        raise
    if reason:
        _end(child)
        return _Ended(1, reason)
    if child.returncode < 0 or child.returncode > 255:  # the latter are crashes on Windows
        return _Ended(1, _crash(child.returncode, folder))
    return _Ended(child.returncode)


@contextlib.contextmanager
def _signals_held() -> Iterator[None]:
    """Blocks the signals that end this process. A child that starts in the block must call :func:`let_signals`."""
    if os.name != "posix":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_signals() -> None:
    """Unblocks the signals that were blocked when this process started."""
    if os.name == "posix":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def _watch(child: subprocess.Popen[bytes], limits: Limits, stage: Path, *, converts: bool) -> str:
    """Waits for the child. Returns a message if the child exceeded a limit."""
    subject, smaller = ("The conversion", _SMALLER) if converts else ("The command", "")
    waiter = threading.Thread(target=child.wait, daemon=True)
    waiter.start()
    # The child starts while psutil is imported.
    import psutil

    memory, begin = limits.bytes(), time.monotonic()
    try:
        process = psutil.Process(child.pid)
    except psutil.NoSuchProcess:
        process = None
    while True:
        waiter.join(_INTERVAL)
        if not waiter.is_alive():
            return ""
        now = stage_in(stage)
        if memory is not None and process is not None and _resident(process) > memory:
            return (
                f"{subject} exceeded its memory limit of {memory / 2**30:.2g} GiB while {now.name}; raise the "
                f"limit with --max_memory{smaller}."
            )
        if now.deadline is not None and time.time() > now.deadline:
            return (
                f"The time limit for {now.name} was exceeded: the file is damaged or malicious; save the model again."
            )
        if limits.seconds is not None and time.monotonic() - begin > limits.seconds:
            return (
                f"{subject} exceeded its time limit of {limits.seconds:g} s while {now.name}; raise the limit "
                f"with --time_limit{smaller}."
            )


def _resident(process: Any) -> int:
    """The resident memory of a process and its children in bytes; 0 if the process has ended."""
    import psutil

    total = 0
    with contextlib.suppress(psutil.Error):
        total = process.memory_info().rss
        for child in process.children(recursive=True):
            total += child.memory_info().rss
    return total


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends the child and all its children."""
    import psutil

    with contextlib.suppress(psutil.Error):
        family = psutil.Process(child.pid).children(recursive=True)
        child.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(_GRACE)
        for process in family:
            with contextlib.suppress(psutil.Error):
                process.kill()
    child.kill()
    child.wait()


def _crash(code: int, folder: Path) -> str:
    """The message for a child that crashed."""
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"exit code {code}"
    stage = stage_in(folder / STAGE).name
    if name == "SIGKILL":
        return (
            f"The operating system killed the conversion while {stage}, probably because memory ran out; use a "
            "machine with more memory, or give fewer samples or smaller dimensions with --path_to_fv and --dim."
        )
    report = write_report(f"{name} while {stage}\n\n", folder / LOG)
    return (
        f"A library that tf2rust uses crashed ({name}) while {stage}: the model is damaged, or the library has a "
        f"bug; check the model, export it again, or report the crash with {report}."
    )
