"""Commands on converted folders that users, disks or other programs have damaged: a sentence, no traceback, no hang."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tests.models import graphs
from tf2rust.cli import app
from tf2rust.conversion import Options, convert
from tf2rust.source import open_onnx

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs SIGALRM and named pipes")
_SECONDS = 60


class HangError(BaseException):
    """A command waits forever. No handler of errors catches it."""


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _circle(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


DAMAGES: Mapping[str, Callable[[Path], object]] = {
    "deleted": lambda path: path.unlink(),
    "a folder": _folder,
    "a pipe": _pipe,
    "a circular link": _circle,
    "empty": lambda path: path.write_bytes(b""),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "binary": lambda path: path.write_bytes(bytes(range(256))),
    "deep": lambda path: path.write_text("[" * 50_000),
    "an empty object": lambda path: path.write_text("{}"),
    "wrong types": lambda path: path.write_text(
        '{"version": 1, "files": [], "model": 5, "options": 5, "layers": [5], "inputs": 5, "outputs": [5]}'
    ),
}
COMMANDS: Mapping[str, list[str]] = {
    "verify": ["verify", "DIR"],
    "run": ["run", "DIR", "in.npz", "out.npz"],
    "profile": ["profile", "DIR"],
    "size": ["size", "DIR"],
    "report": ["report", "DIR"],
    "summary": ["summary", "DIR"],
    "add": ["add", "DIR", "--with", "c"],
    "bundle": ["bundle", "DIR", "other", "--path_to_save", "bundle"],
}
_CRATE = "rust_generated_code"
READ: Mapping[str, tuple[str, ...]] = {
    ".tf2rust": ("report", "add"),
    "model_info/model_architecture.json": ("run", "size"),
    "model_info/model_weights.npz": ("size",),
    "model_info/report.html": ("report", "summary"),
    f"{_CRATE}/Cargo.toml": ("verify", "run", "profile", "bundle"),
    f"{_CRATE}/tests/predictions.rs": ("verify",),
    f"{_CRATE}/model/interface.json": ("size", "add"),
}
"""The files that commands read themselves, and which commands. ``test_bundle.py`` damages more for ``bundle``."""


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two conversions, and a cargo that fails at once."""
    folder = tmp_path_factory.mktemp("damaged")
    for name in ("DIR", "other"):
        source = open_onnx(graphs.save(graphs.mlp(), folder / f"{name}.onnx"))
        convert(source, Options(folder / name, f"model {name}", dims={"batch": 1}))
    np.savez(folder / "in.npz", x=np.zeros((1, 5), np.float32))
    (folder / "bin").mkdir()
    cargo = folder / "bin" / "cargo"
    cargo.write_text("#!/bin/sh\necho 'error: no compiler here' >&2\nexit 101\n")
    cargo.chmod(0o755)
    return folder


@pytest.fixture
def alarm() -> Iterator[None]:
    def fail(*_: object) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, fail)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", READ)
def test_every_command_has_a_sentence(
    converted: Path, alarm: None, monkeypatch: pytest.MonkeyPatch, name: str, damage: str
) -> None:
    monkeypatch.chdir(converted)
    monkeypatch.setenv("PATH", f"{converted / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("CARGO_TARGET_DIR", str(converted / "target"))
    path = converted / "DIR" / name
    whole = path.read_bytes()
    try:
        DAMAGES[damage](path)
        for command in READ[name]:
            signal.alarm(_SECONDS)
            result = CliRunner().invoke(app, COMMANDS[command])
            signal.alarm(0)
            _check(result.exit_code, result.stderr, command)
            assert not (converted / "bundle").exists() or result.exit_code == 0
    finally:
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)
        path.write_bytes(whole)
        for made in ("bundle", "DIR/c"):
            shutil.rmtree(converted / made, ignore_errors=True)


def _check(code: int, messages: str, command: str) -> None:
    """Success, or errors with a sentence each and without a bug of tf2rust."""
    assert code in (0, 1, 2), command
    assert "internal error" not in messages, command
    assert "Traceback" not in messages, command
    assert not code or any(line.startswith("error: ") for line in messages.splitlines()), command
