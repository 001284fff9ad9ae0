"""Conversions run in a child process, which this module starts, watches and cleans up after.

Models come from anybody, and the libraries that read them are written in C++: a model may crash them, fill the memory
or never end. In a process of its own that becomes a sentence and an exit code. The child has no access to this process
beyond the files of its run: the stage that it is in, the folder that it writes to, what native code prints, and the
result of a call.

Memory is sampled, not capped: libraries reserve far more address space than they use. Between two samples a process can
exceed its limit by what it fills in a tenth of a second.
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
from tf2rust.limits import Limits, limits_in
from tf2rust.report import LOG, RUN_FOLDER, write_report
from tf2rust.stages import STAGE_FILE, stage_in

STAGE, STAGING, CALL, RESULT = "stage", "staging", "call", "result"
"""Files of a run: the present stage, the folders being written, a call from Python and its result."""

_SMALLER = ", or give fewer samples or smaller dimensions with --path_to_fv and --dim."
_INTERVAL = 0.1  # seconds between two samples of memory
_GRACE = 2.0  # seconds in which a child that is asked to end may finish a swap of folders
_INTERRUPTED, _TERMINATED = 130, 143
_ENDING = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class _Stopped(BaseException):
    """This process was asked to end by a signal."""


@dataclass(frozen=True)
class _Ended:
    """How a child ended: its exit code, or why it has none of its own."""

    code: int
    reason: str = ""


def main() -> NoReturn:
    """The command ``tf2rust``: exits as the child does, or with 1 and a sentence if the child did not end by itself."""
    arguments = sys.argv[1:]
    for name in ("SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), _stop)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with _run_folder() as folder:
            ended = _supervise(["command", *arguments], folder, limits_in(arguments))
    except KeyboardInterrupt:
        ended = _Ended(_INTERRUPTED, "interrupted")
    except _Stopped:
        ended = _Ended(_TERMINATED, "ended by a signal")
    if ended.reason and sys.stderr is not None:  # None where the caller closed it
        sys.stderr.write(f"error: {ended.reason}\n" if ended.code == 1 else f"{ended.reason}\n")
        sys.stderr.flush()
    sys.exit(ended.code)


def convert_supervised(arguments: Mapping[str, Any], limits: Limits) -> Any:
    """``conversion.convert_file(**arguments)`` in a child; raises what that raises, and ConversionError on a crash."""
    from tf2rust.transport import dump, load

    with _run_folder() as folder:
        dump(folder / CALL, dict(arguments))
        ended = _supervise(["call"], folder, limits)
        if ended.reason or not (folder / RESULT).is_file():
            raise ConversionError(ended.reason or f"The conversion ended with exit code {ended.code} and no result.")
        result = load(folder / RESULT)
    if isinstance(result, Exception):
        raise result
    return result


def _stop(number: int, frame: object) -> NoReturn:
    raise _Stopped


@contextlib.contextmanager
def _run_folder() -> Iterator[Path]:
    """A folder for one run; it and whatever the child left of its writing are gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="tf2rust-"))
    try:
        yield folder
    finally:
        remove_run(folder)


def remove_run(folder: Path) -> None:
    """Deletes the folder of a run, and what the run left of the folders that it was writing."""
    staging = folder / STAGING
    # What follows the last NUL is a path that was cut short.
    for path in staging.read_bytes().split(b"\0")[:-1] if staging.is_file() else []:
        shutil.rmtree(path, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _supervise(arguments: list[str], folder: Path, limits: Limits) -> _Ended:
    """Runs ``tf2rust.child`` with ``arguments`` to its end, or to that of its limits."""
    # The child imports from where this process does: `python -m` and `-c` would put the current folder in front.
    program = f"import sys; sys.path[:] = {sys.path!r}; from tf2rust.child import main; main()"
    environment = {
        **os.environ,
        RUN_FOLDER: str(folder),
        STAGE_FILE: str(folder / STAGE),
        "TF2RUST_STAGING_FILE": str(folder / STAGING),
        # What libraries put into temporary files goes with the run.
        **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder)),
    }
    child = None
    try:
        # A signal between the child's start and its assignment would leave it running.
        with _signals_held():
            child = subprocess.Popen(
                [sys.executable, "-c", program, *arguments],
                env=environment,
                # Ctrl-C is this process' to handle: a library in the child may be in the middle of anything.
                start_new_session=os.name == "posix",
                creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
            )
        reason = _watch(child, limits, folder / STAGE)
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
    """Signals that end this process arrive after the block; a child that is started in it is to :func:`let_signals`."""
    if os.name != "posix":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def let_signals() -> None:
    """Lets signals arrive that were held when this process was started."""
    if os.name == "posix":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def _watch(child: subprocess.Popen[bytes], limits: Limits, stage: Path) -> str:
    """Waits for the child; gives the sentence on the limit that it exceeded, if it did."""
    waiter = threading.Thread(target=child.wait, daemon=True)
    waiter.start()
    # The child starts while this is imported.
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
                f"The conversion used more than {memory / 2**30:.2g} GiB of memory while {now.name}, its "
                f"limit; raise that with --max_memory{_SMALLER}"
            )
        if now.deadline is not None and time.time() > now.deadline:
            return f"Nothing came of {now.name} within its time: the file is damaged or hostile; save the model again."
        if limits.seconds is not None and time.monotonic() - begin > limits.seconds:
            return (
                f"The conversion did not end within {limits.seconds:g} s, its time limit, while {now.name}; "
                f"raise that with --time_limit{_SMALLER}"
            )


def _resident(process: Any) -> int:
    """The resident memory of a process and its children in bytes; 0 once it is gone."""
    import psutil

    total = 0
    with contextlib.suppress(psutil.Error):
        total = process.memory_info().rss
        for child in process.children(recursive=True):
            total += child.memory_info().rss
    return total


def _end(child: subprocess.Popen[bytes]) -> None:
    """Ends the child and whatever it started."""
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
    """The sentence on a child that a crash ended."""
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"exit code {code}"
    stage = stage_in(folder / STAGE).name
    if name == "SIGKILL":
        return (
            f"The operating system killed the conversion while {stage}, most likely for want of memory; "
            "use a machine with more, or give fewer samples or smaller dimensions with --path_to_fv and --dim."
        )
    report = write_report(f"{name} while {stage}\n\n", folder / LOG)
    return (
        f"A library that tf2rust uses crashed ({name}) while {stage}: the model is damaged, or it exposes a "
        f"fault of that library; check the model, export it again, or report it with {report}."
    )
