"""The tutorial: its files and commands, in an empty folder."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.crates import ROOT, TARGET

TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```', TEXT, re.MULTILINE | re.DOTALL))
COMMANDS = re.findall(r"^\$ (.+)$", TEXT, re.MULTILINE)
SECONDS = 60


def test_commands_are_in_order() -> None:
    """The others install, and start the service and ask it."""
    assert [command.split()[0] for command in COMMANDS] == [
        "python",
        "pip",
        "python",
        "tf2rust",
        "tf2rust",
        "cargo",
        "curl",
    ]


@pytest.mark.targets
def test_tutorial(tmp_path: Path) -> None:
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    programs = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    environment = {**os.environ, "PATH": programs, "CARGO_TARGET_DIR": str(TARGET / "tutorial")}
    printed = [_run(command, tmp_path, environment) for command in COMMANDS[2:5]]
    assert float(re.findall(r"accuracy: ([\d.]+)", printed[0])[-1]) > 0.95
    assert "`probabilities`: the Rust crate differs from TensorFlow" in printed[2]
    *_, serve, ask = COMMANDS
    _run(serve.replace("run", "build"), tmp_path, environment)
    with subprocess.Popen(serve.split(), cwd=tmp_path, env=environment) as service:
        try:
            answer = _ask(ask)
        finally:
            service.terminate()
    assert [sum(row) for row in answer] == pytest.approx([1, 1], abs=1e-5)
    assert max(answer[0]) > 0.5


def _run(command: str, folder: Path, environment: dict[str, str]) -> str:
    done = subprocess.run(command.split(), cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def _ask(command: str) -> Any:
    """What ``curl`` returns, without it; waits until the service listens."""
    found = re.fullmatch(r"curl --json '(.+)' (\S+)", command)
    assert found is not None
    request = urllib.request.Request(found[2], found[1].encode(), {"Content-Type": "application/json"})
    for _ in range(SECONDS):
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.URLError:
            time.sleep(1)
    raise AssertionError("the service does not listen")
