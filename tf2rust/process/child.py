"""The process that runs a conversion; :mod:`tf2rust.process.supervisor` starts it."""

from __future__ import annotations

import faulthandler
import io
import logging
import os
import signal
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import NoReturn

from tf2rust.process.crash_report import LOG, RUN_FOLDER
from tf2rust.process.supervisor import CALL, RESULT, let_signals, remove_run


def main() -> None:
    """Runs the command line, or the Python call that the supervisor stored in the run's folder."""
    kind, *arguments = sys.argv[1:]
    folder = Path(os.environ[RUN_FOLDER])
    let_signals()
    _open_standard_streams()
    _separate_native_output(folder / LOG)
    signal.signal(signal.SIGTERM, _end)
    if os.name == "posix":
        threading.Thread(target=_follow, args=(os.getppid(), folder), daemon=True).start()
    if kind == "call":
        _answer(folder)
        return
    sys.argv = ["tf2rust", *arguments]
    from tf2rust.cli import run

    run()


def _open_standard_streams() -> None:
    """Opens the null device for each standard stream that the caller closed.

    Without this, the next opened file would become that stream. Characters that the terminal's encoding lacks are
    written as escapes.
    """
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)
    if sys.stdout is None:
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _separate_native_output(log: Path) -> None:
    """Keeps Python's output on the terminal and redirects the output of native libraries to ``log``."""
    sys.stderr.flush()
    terminal = os.dup(2)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(descriptor, 2)
    os.close(descriptor)
    sys.stderr = open(terminal, "w", encoding=sys.stderr.encoding, errors="backslashreplace", buffering=1)  # noqa: SIM115
    faulthandler.enable(file=2)
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.lastResort = None


def _end(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


def _follow(parent: int, folder: Path) -> None:
    """Ends this process when its supervisor is gone: a killed supervisor cannot clean up."""
    while os.getppid() == parent:
        time.sleep(1)
    remove_run(folder)
    os._exit(1)


def _answer(folder: Path) -> None:
    from tf2rust.conversion import convert_file
    from tf2rust.errors import ConversionError, UsageError
    from tf2rust.process.transport import dump, load
    from tf2rust.stages import stage

    try:
        with stage("converting the model"):
            result: object = convert_file(**load(folder / CALL))
    except (ConversionError, UsageError) as error:
        result = error
    dump(folder / RESULT, result)
