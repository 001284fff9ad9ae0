"""The child process of a conversion: crashes, limits, signals, and terminal output."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import tf2rust
from tests.models import graphs
from tf2rust.conversion import Options
from tf2rust.errors import UsageError
from tf2rust.process.limits import Limits, limits_in, memory_limit, time_limit
from tf2rust.process.supervisor import STAGING, remove_run
from tf2rust.process.transport import dump, load
from tf2rust.publish.staging import STAGING_FILE, staging_folder

SABOTAGE = """
import os, signal, sys, time
set_handler = signal.signal
def observed(number, handler):
    previous = set_handler(number, handler)
    if number == signal.SIGINT:
        open({started!r}, "w").close()
    return previous
signal.signal = observed
if os.environ.get("TF2RUST_RUN_FOLDER"):
    from tf2rust import conversion, source
    def sabotage(*arguments, **options):
        {code}
    setattr(source if hasattr(source, "{function}") else conversion, "{function}", sabotage)
"""
"""A ``sitecustomize`` for the program and its child.

It creates the file ``started`` when the program first sets a handler for SIGINT. In the child, one stage of the
conversion runs ``code`` instead of its work.
"""

CONVERSION = ("from-onnx", "mlp.onnx", "--path_to_save", "out", "--model_name", "m")


def _environment(folder: Path, function: str = "", code: str = "pass") -> dict[str, str]:
    packages = folder / "packages"
    packages.mkdir()
    if function:
        text = SABOTAGE.format(function=function, code=code, started=str(folder / "started"))
        (packages / "sitecustomize.py").write_text(text)
    path = os.pathsep.join([str(packages), *filter(None, [os.environ.get("PYTHONPATH")])])
    (folder / "tmp").mkdir()
    return {**os.environ, "PYTHONPATH": path, "TMPDIR": str(folder / "tmp")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    graphs.save(graphs.mlp(), tmp_path / "mlp.onnx")
    return tmp_path


def _start(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tf2rust", *CONVERSION, *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


SEGFAULT = "import ctypes; ctypes.string_at(0)"
FAULTS = [
    ("_match", SEGFAULT, (), "A library that tf2rust uses crashed (SIGSEGV) while matching layers"),
    ("_match", "os.abort()", (), "A library that tf2rust uses crashed (SIGABRT) while matching layers"),
    ("_match", "os.kill(os.getpid(), 9)", (), "The operating system killed the conversion while matching layers"),
    ("prove", "time.sleep(60)", ("--time_limit", "8"), "exceeded its time limit of 8 s while running ONNX"),
    ("_match", "while True: time.sleep(0.01)", ("--time-limit=8",), "exceeded its time limit of 8 s while matching"),
    (
        "load_onnx",
        "with source.stage('reading a part', seconds=1): time.sleep(60)",
        (),
        "The time limit for reading a part was exceeded",
    ),
    (
        "_match",
        "held = []\n        while True: held.append(bytes(10_000_000))",
        ("--max_memory", "700M"),
        "exceeded its memory limit of 0.68 GiB while matching layers",
    ),
    ("_match", "raise MemoryError", (), "Out of memory while matching layers"),
    (
        "_match",
        "sabotage()",
        (),
        "The model is nested too deeply: the recursion limit was reached while matching layers",
    ),
    ("load_onnx", "open('/no/such')", (), "The operating system denied an access of /no/such while reading"),
    ("_match", "raise KeyError('x')", (), "An internal error occurred while matching layers (KeyError: 'x')"),
    ("publish", "{}['x']", (), "An internal error occurred while writing the crate (KeyError: 'x')"),
]


@pytest.mark.parametrize(("function", "code", "arguments", "sentence"), FAULTS)
def test_a_fault_is_a_sentence(
    folder: Path, function: str, code: str, arguments: tuple[str, ...], sentence: str
) -> None:
    process = _start(folder, _environment(folder, function, code), *arguments)
    stdout, stderr = process.communicate(timeout=120)
    assert (process.returncode, stdout) == (1, ""), stderr
    assert stderr.count("error: ") == 1
    assert sentence in stderr
    assert "Traceback" not in stderr
    assert not (folder / "out").exists()
    reports = list((folder / "tmp").iterdir())
    assert len(reports) == ("crashed" in sentence or "internal error" in sentence)
    assert all(str(path) in stderr for path in reports)


def test_a_report_holds_the_traceback(folder: Path) -> None:
    process = _start(folder, _environment(folder, "_match", "raise KeyError('x')"))
    process.communicate(timeout=120)
    (report,) = (folder / "tmp").iterdir()
    assert "in sabotage" in report.read_text()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("delay", [0.05, 0.1, 0.2, 0.4, 2.0])
def test_a_signal_ends_it_without_a_trace(folder: Path, number: signal.Signals, delay: float) -> None:
    process = _start(folder, _environment(folder, "_match", "time.sleep(60)"))
    # Until the program sets its first handler, Python answers SIGINT with a traceback.
    while not (folder / "started").exists():
        time.sleep(0.001)
    time.sleep(delay)
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode in (128 + number, -number)
    assert stdout == ""
    assert stderr in ("interrupted\n", "ended by a signal\n", "")
    assert list((folder / "tmp").iterdir()) == []


def test_a_signal_in_a_library_that_turns_it_into_an_error_ends_it_too(folder: Path) -> None:
    code = """try:
            open("working", "w").close()
            time.sleep(60)
        except SystemExit as error:
            raise ImportError("initialization failed") from error"""
    process = _start(folder, _environment(folder, "_match", code))
    while not (folder / "working").exists():
        time.sleep(0.001)
    process.send_signal(signal.SIGTERM)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stdout, stderr) == (143, "", "ended by a signal\n")
    assert list((folder / "tmp").iterdir()) == []


def test_a_signal_while_the_child_starts_ends_it_too(folder: Path) -> None:
    """The signal arrives when the process exists but Popen has not returned yet."""
    environment = _environment(folder)
    start = """
import os, signal, subprocess
if "TF2RUST_RUN_FOLDER" not in os.environ:
    class Popen(subprocess.Popen):
        def _execute_child(self, *arguments):
            super()._execute_child(*arguments)
            open("child", "w").write(str(self.pid))
            os.kill(os.getpid(), signal.SIGTERM)
    subprocess.Popen = Popen
"""
    (folder / "packages" / "sitecustomize.py").write_text(start)
    process = _start(folder, environment)
    _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (143, "ended by a signal\n")
    assert list((folder / "tmp").iterdir()) == []
    with pytest.raises(ProcessLookupError):
        os.kill(int((folder / "child").read_text()), 0)


def test_a_killed_supervisor_takes_the_child_along(folder: Path) -> None:
    environment = _environment(folder, "_match", "open('begun', 'w').write(str(os.getpid())); time.sleep(60)")
    process = _start(folder, environment)
    while not (folder / "begun").exists():
        time.sleep(0.05)
    process.kill()
    # Its output ends when the last process that holds it does.
    process.communicate(timeout=30)
    assert list((folder / "tmp").iterdir()) == []


def test_only_the_staging_folder_of_a_run_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path can contain newlines and bytes that are not text; the user's folder ends where the line does."""
    users, run = tmp_path / "users", tmp_path / "run"
    users.mkdir(), run.mkdir()
    monkeypatch.setenv(STAGING_FILE, str(run / STAGING))
    with (
        contextlib.suppress(FileNotFoundError),
        staging_folder(tmp_path / os.fsdecode(b"users\n\xff") / "out") as staging,
    ):
        shutil.copytree(staging, kept := tmp_path / "kept")
        remove_run(run)
        assert not staging.exists()
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / STAGING).write_bytes(os.fsencode(kept)[:-1] + b"\0" + os.fsencode(kept))
    remove_run(tmp_path / "second")
    assert users.is_dir()
    assert kept.is_dir()
    assert not run.exists()


@pytest.mark.parametrize("closed", ["<&- >&- 2>&-", "2>&-", ">&-"])
def test_closed_streams_are_no_failure(folder: Path, closed: str) -> None:
    command = f'"$0" -m tf2rust patterns mlp.onnx {closed}'
    done = subprocess.run(["sh", "-c", command, sys.executable], cwd=folder, env=_environment(folder), check=False)
    assert done.returncode == 0


def test_a_terminal_that_lacks_characters_is_no_failure(folder: Path) -> None:
    environment = {**_environment(folder), "PYTHONIOENCODING": "ascii", "TERM": "dumb", "COLUMNS": "20"}
    command = [sys.executable, "-m", "tf2rust", *CONVERSION[:3], "é", *CONVERSION[4:]]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    assert (done.returncode, b"\\xe9" in done.stdout) == (0, True)


def test_native_output_does_not_reach_the_terminal(folder: Path) -> None:
    code = "os.write(2, b'noise'); print('python', file=sys.stderr); __import__('warnings').warn('warned'); {}['x']"
    process = _start(folder, _environment(folder, "_match", code))
    _, stderr = process.communicate(timeout=120)
    assert stderr.startswith("python\nerror: An internal error occurred")
    (report,) = (folder / "tmp").iterdir()
    assert "noise" in report.read_text()


def test_a_crash_is_an_error_in_python_too(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in _environment(folder, "_match", SEGFAULT).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(tf2rust.ConversionError, match="crashed"):
        tf2rust.convert(folder / "mlp.onnx", folder / "out", "m")


@pytest.mark.parametrize(
    ("arguments", "limits"),
    [
        (["from-onnx", "m"], Limits()),
        (["--max_memory", "8G"], Limits(memory=8 << 30)),
        (["--max-memory=500M", "--time-limit", "1.5"], Limits(memory=500 << 20, seconds=1.5)),
        (["--max_memory=none", "--time_limit=none"], Limits(memory=None, seconds=None)),
        (["--max_memory", "much"], Limits()),
        (["--max_memory"], Limits()),
    ],
)
def test_limits_of_a_command_line(arguments: list[str], limits: Limits) -> None:
    assert limits_in(arguments) == limits


@pytest.mark.parametrize("text", ["", "0", "-1", "8Q", "1e9", "９", "9" * 5000, "nan"])
def test_what_is_no_limit_is_refused(text: str) -> None:
    for read in (memory_limit, time_limit):
        if text != "1e9" or read is time_limit:
            with pytest.raises(UsageError, match=r"expected a (size|positive number)"):
                read(text)


class Evil:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


@pytest.mark.parametrize("value", [Evil(), os.path.join, subprocess.run, print, Limits.of])
def test_a_result_is_nothing_but_data(tmp_path: Path, value: object) -> None:
    dump(tmp_path / "x", value)
    with pytest.raises(Exception, match="is not a data class"):
        load(tmp_path / "x")


@pytest.mark.parametrize("name", ["subprocess.Popen", "Path", "threading.Timer"])
def test_a_result_holds_no_classes_that_our_modules_import(tmp_path: Path, name: str) -> None:
    # Protocol 4 follows the dots of a name.
    texts = (b"tf2rust.process.supervisor", name.encode())
    called = b"\x80\x04" + b"".join(b"\x8c" + bytes([len(text)]) + text for text in texts)
    (tmp_path / "x").write_bytes(called + b"\x93\x8c\x04true\x85R.")
    with pytest.raises(Exception, match="is not a data class"):
        load(tmp_path / "x")


def test_data_survive_the_way(tmp_path: Path) -> None:
    options = Options(tmp_path, "m", dims={"n": 3})
    arrays = [np.arange(6).reshape(2, 3).astype(d) for d in ("float32", "int64", "bool")]
    dump(tmp_path / "x", (options, arrays, np.float64(2)))
    again, others, number = load(tmp_path / "x")
    assert (again, number) == (options, 2)
    assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(arrays, others, strict=True))
