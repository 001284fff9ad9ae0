"""A fault at any step leaves either the complete earlier result or the complete new one, and nothing else."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.publish.faults import fault, snapshot, write
from tf2rust.errors import ConversionError
from tf2rust.publish import check_target, publish, swap

OLD = {"documents/a.json": "old a", "crate/src/model.rs": "old model", "crate/src/gone.rs": "no longer written"}
NEW = {"documents/a.json": "new a", "crate/src/model.rs": "new model", "crate/src/more.rs": "new more"}
USERS = {"crate/src/main.rs": "the user's", "crate/Cargo.lock": "cargo's", "notes/todo.txt": "the user's too"}


def _full() -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _interrupted() -> None:
    raise KeyboardInterrupt


def _terminated() -> None:
    sys.exit(143)


@pytest.fixture(params=["beside", "inside", "in two steps", "inside, in two steps"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How a folder is replaced: as a whole or part by part, with and without a system that can exchange two folders."""
    if "two steps" in request.param:
        monkeypatch.setattr(swap, "exchange", lambda *_: False)
    return str(request.param)


def _earlier(folder: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An earlier result with files that the user added. A folder with such a file is replaced part by part."""
    target = folder / "out"
    publish(target, lambda staging: write(staging, OLD))
    write(target, USERS)
    if "inside" in way:
        monkeypatch.chdir(target)
    return target


@pytest.mark.parametrize(
    ("act", "lasting"), [(_full, False), (_interrupted, False), (_terminated, True), (_full, True)]
)
def test_a_fault_at_any_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, act: Callable[[], None], lasting: bool
) -> None:
    if lasting and way != "beside":
        pytest.skip("where it takes several steps, what cannot be renamed any more cannot be renamed back")
    seen = set()
    for step in range(400):
        (folder := tmp_path / str(step)).mkdir()
        target = _earlier(folder, way, monkeypatch)
        raised = None
        with fault(step, act, lasting=lasting) as faults:
            try:
                publish(target, lambda staging: write(staging, NEW))
            except (ConversionError, KeyboardInterrupt, SystemExit) as error:
                raised = error
            if raised is None and faults.left > 0:
                break
        found = _visible(target)
        assert found in ({**OLD, **USERS}, {**NEW, **USERS}), step
        seen.add(found["documents/a.json"])
        if isinstance(raised, ConversionError):
            assert (len(raised.reasons), "cannot be written (No space left on device)" in str(raised)) == (1, True)
            assert found["documents/a.json"] == "old a", step
            assert [path.name for path in folder.iterdir() if not path.name.startswith(".out")] == ["out"], step
        if not lasting and found["documents/a.json"] == "old a":
            assert [path.name for path in folder.iterdir()] == ["out"], step
    assert step > 40
    assert seen == {"old a", "new a"}


def _visible(target: Path) -> dict[str, str]:
    """All files except those in hidden folders, which could not be deleted; the next conversion deletes them."""
    return {name: text for name, text in snapshot(target).items() if not name.startswith(".")}


@pytest.mark.parametrize("act", [_full, _interrupted])
def test_a_fault_at_any_step_of_the_first_time(tmp_path: Path, act: Callable[[], None]) -> None:
    for step in range(400):
        target = tmp_path / str(step) / "a" / "b" / "out"
        (tmp_path / str(step)).mkdir()
        raised = False
        with fault(step, act) as faults:
            try:
                publish(target, lambda staging: write(staging, NEW))
            except (ConversionError, KeyboardInterrupt):
                raised = True
            if not raised and faults.left > 0:
                break
        # Folders are made one by one; an interrupt between the making and the noting of one leaves it, empty.
        assert not target.exists() or snapshot(target) == NEW, step
        assert list(target.parent.glob(".*")) == [], step
    assert step > 20


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.publish.faults import fault, write
from tests.publish.test_faults import NEW
from tf2rust.publish import publish, swap
target, ways = Path(sys.argv[1]), sys.argv[2]
if "two steps" in ways:
    swap.exchange = lambda *_: False
for step in range(400):
    folder = target / str(step) / "out"
    child = os.fork()
    if not child:
        if "inside" in ways:
            os.chdir(folder)
        with fault(step, lambda: os.kill(os.getpid(), signal.SIGKILL)):
            publish(folder, lambda staging: write(staging, NEW))
        os._exit(0)
    if os.waitpid(child, 0)[1] == 0:
        print(step)
        break
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_being_killed_at_any_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """The next conversion finds the earlier result or the new one, even if it fails too."""
    targets = [_earlier(tmp_path / str(step), "beside", monkeypatch) for step in range(130)]
    done = subprocess.run([sys.executable, "-c", KILLED, tmp_path, way], capture_output=True, text=True, check=True)
    steps = int(done.stdout)
    assert 40 < steps < len(targets)
    seen = set()
    for step, target in enumerate(targets[:steps]):
        check_target(target)
        found = _visible(target)
        whole = [{**OLD, **USERS}, {**NEW, **USERS}]
        if "inside" in way:  # a folder that must stay is replaced in two steps: between them, one of its parts is new
            whole.append({**OLD, **NEW, **USERS, "documents/a.json": "old a"})
            whole[-1].pop("crate/src/gone.rs")
        assert found in whole, step
        seen.add(found["documents/a.json"])
    assert seen == {"old a", "new a"}
