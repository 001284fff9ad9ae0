"""Which folders can be written, and what stays in them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.publish.faults import snapshot, write
from tf2rust.errors import ConversionError
from tf2rust.publish import check_target, publish
from tf2rust.publish.marker import MARKER, write_marker
from tf2rust.publish.staging import STAGING_FILE, staging_folder

FILES = {"documents/a.json": "a", "crate/src/model.rs": "model", "crate/model/thresholds.json": "zeros"}
KEEP = "crate/model/thresholds.json"


def _publish(folder: Path, files: dict[str, str] | None = None, keep: tuple[str, ...] = ()) -> list[str]:
    return publish(folder, lambda staging: write(staging, files or FILES), keep).notes()


def _victim(folder: Path) -> Path:
    (folder / "victim").mkdir()
    (folder / "victim" / "precious.txt").write_text("precious")
    return folder / "victim"


def _link(folder: Path) -> Path:
    (folder / "link").symlink_to(_victim(folder))
    return folder / "link"


def _link_to_nothing(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "nothing")
    return folder / "link"


def _link_to_an_earlier_result(folder: Path) -> Path:
    _publish(folder / "out")
    (folder / "link").symlink_to(folder / "out")
    return folder / "link"


def _link_to_itself(folder: Path) -> Path:
    (folder / "link").symlink_to(folder / "link")
    return folder / "link" / "out"


def _link_inside(folder: Path) -> Path:
    _publish(folder / "out")
    os.rename(folder / "out" / "crate", folder / "elsewhere")
    (folder / "out" / "crate").symlink_to(folder / "elsewhere")
    return folder / "out"


def _below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "out" / "deeper"


def _a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file"


def _unmarked(folder: Path) -> Path:
    write(folder / "out", {**FILES, "precious.txt": "precious"})
    return folder / "out"


def _marked_by_a_link(folder: Path) -> Path:
    _publish(folder / "other")
    _unmarked(folder)
    (folder / "out" / MARKER).symlink_to(folder / "other" / MARKER)
    return folder / "out"


def _marked_with(content: str) -> Path:
    def make(folder: Path) -> Path:
        (_unmarked(folder) / MARKER).write_text(content)
        return folder / "out"

    return make  # type: ignore[return-value]


REFUSED = [
    (_link, "is a symbolic link to"),
    (_link_to_nothing, "is a symbolic link to"),
    (_link_to_an_earlier_result, "is a symbolic link to"),
    (_link_to_itself, "cannot be written|not a folder"),
    (_link_inside, "crate is a symbolic link"),
    (_victim, r"contains other files \(precious.txt\)"),
    (_below_a_file, "file is not a folder"),
    (_a_file, "file is not a folder"),
    (_unmarked, r"and no \.tf2rust"),
    (_marked_by_a_link, r"and no \.tf2rust"),
    *((_marked_with(text), r"and no \.tf2rust") for text in ("", "{}", "[" * 9999, '{"version": 2, "files": {}}')),
    (lambda folder: folder / "a\0b", "null"),
    (lambda folder: folder / ("x" * 300), "too long"),
    (lambda folder: Path("/proc/out"), "cannot be written|is read-only"),
    (lambda folder: Path("/"), "contains other files"),
]


@pytest.mark.parametrize(("make", "reason"), REFUSED)
def test_what_is_refused(tmp_path: Path, make: object, reason: str) -> None:
    target = make(tmp_path)  # type: ignore[operator]
    before = snapshot(tmp_path)
    for act in (check_target, _publish):
        if act is check_target and target == Path("/proc/out"):
            continue  # only writing shows it
        with pytest.raises(ConversionError, match=reason) as caught:
            act(target)
        assert len(caught.value.reasons) == 1
    assert snapshot(tmp_path) == before


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("name", ["out", "out/deeper/still"])
def test_a_read_only_folder_is_refused_before_the_model_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir(mode=0o555)
    with pytest.raises(ConversionError, match="is read-only"):
        check_target(tmp_path / name)


@pytest.mark.parametrize("path", ["out", "new/deeper/out", "a/../out", "there/../out", "./there/link/out"])
def test_where_it_is_written(tmp_path: Path, path: str) -> None:
    """A link above the folder is followed; folders that ``..`` skips are not created."""
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "link").symlink_to(tmp_path)
    for _ in range(2):
        assert _publish(tmp_path / path) == []
    where = tmp_path / ("new/deeper/out" if "deeper" in path else "out")
    assert snapshot(where) == FILES
    assert not (tmp_path / "a").exists()
    assert where.stat().st_mode == (tmp_path / "there").stat().st_mode


def test_a_working_folder_stays_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir(mode=0o750)
    monkeypatch.chdir(tmp_path / "out")
    inode = os.stat(".").st_ino
    _publish(Path("."))
    write(tmp_path / "out", {"users.txt": "kept", "crate/users.txt": "kept"})
    _publish(Path("."), {**FILES, "crate/src/more.rs": "more"})
    assert snapshot(Path(".")) == {
        **FILES,
        "crate/src/more.rs": "more",
        "users.txt": "kept",
        "crate/users.txt": "kept",
    }
    assert (os.stat(".").st_ino, os.stat(".").st_mode & 0o777) == (inode, 0o750)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("change", "again", "keep", "expected", "notes"),
    [
        # What the user adds stays; what was written and is no longer is gone.
        ({"crate/tests/mine.rs": "m"}, {"crate/src/model.rs": "new"}, (), {"crate/tests/mine.rs": "m"}, 0),
        ({"notes.txt": "m", ".git/HEAD": "h"}, FILES, (), {"notes.txt": "m", ".git/HEAD": "h"}, 0),
        # What the user changed is never lost.
        ({"crate/src/model.rs": "mine"}, FILES, (), {"crate/src/model.rs.old": "mine"}, 1),
        (
            {"crate/src/model.rs": "mine", "crate/src/model.rs.old": "older"},
            FILES,
            (),
            {"crate/src/model.rs.old": "older", "crate/src/model.rs.old-2": "mine"},
            1,
        ),
        ({KEEP: "0.5"}, FILES, (KEEP,), {KEEP: "0.5"}, 1),
        ({KEEP: "0.5"}, FILES, (), {f"{KEEP}.old": "0.5"}, 1),
        ({KEEP: "zeros"}, {**FILES, KEEP: "0.9"}, (), {}, 0),
        # Of another model, to which the file does not belong any more.
        ({"crate/src/model.rs": "mine"}, {"crate/a.rs": "a"}, (), {"crate/src/model.rs": "mine"}, 0),
        # The same change, made by both.
        ({"crate/src/model.rs": "same"}, {**FILES, "crate/src/model.rs": "same"}, (), {}, 0),
        # A file of the user's where there is one of ours now.
        ({"crate/src/labels.rs": "mine"}, {"crate/src/labels.rs": "l"}, (), {"crate/src/labels.rs.old": "mine"}, 1),
    ],
)
def test_what_the_user_added_or_changed(
    tmp_path: Path,
    change: dict[str, str],
    again: dict[str, str],
    keep: tuple[str, ...],
    expected: dict[str, str],
    notes: int,
) -> None:
    _publish(tmp_path / "out")
    write(tmp_path / "out", change)
    assert len(_publish(tmp_path / "out", again, keep)) == notes
    assert snapshot(tmp_path / "out") == {**again, **expected}
    # Also in the next time, when what was kept is not ours either.
    assert len(_publish(tmp_path / "out", again, keep)) == (KEEP in keep)
    assert snapshot(tmp_path / "out") == {**again, **expected}


def test_links_and_empty_folders_of_the_user_stay_as_they_are(tmp_path: Path) -> None:
    victim = _victim(tmp_path)
    _publish(tmp_path / "out")
    (tmp_path / "out" / "crate" / "data").symlink_to(victim)
    (tmp_path / "out" / "crate" / "src" / "model.rs").unlink()
    (tmp_path / "out" / "crate" / "src" / "model.rs").symlink_to(victim / "precious.txt")
    (tmp_path / "out" / "crate" / "empty" / "folder").mkdir(parents=True)
    _publish(tmp_path / "out")
    crate = tmp_path / "out" / "crate"
    assert (crate / "data").readlink() == victim
    assert (crate / "src" / "model.rs.old").readlink() == victim / "precious.txt"
    assert not (crate / "src" / "model.rs").is_symlink()
    assert (crate / "empty" / "folder").is_dir()
    assert (victim / "precious.txt").read_text() == "precious"


def test_what_cargo_built_is_moved(tmp_path: Path) -> None:
    _publish(tmp_path / "out")
    built = tmp_path / "out" / "crate" / "target"
    write(built, {"CACHEDIR.TAG": "tag", "release/libmodel.rlib": "x"})
    inode = built.stat().st_ino
    _publish(tmp_path / "out")
    assert built.stat().st_ino == inode
    assert (built / "release" / "libmodel.rlib").read_text() == "x"


def test_staging_folders_are_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STAGING_FILE, str(tmp_path / "list"))
    seen = []

    def fill(staging: Path) -> None:
        seen.append(str(staging))
        write(staging, FILES)

    for target in ("one", "new/two"):
        publish(tmp_path / target, fill)
    assert (tmp_path / "list").read_bytes().split(b"\0") == [*map(os.fsencode, seen), b""]
    assert not any(Path(path).exists() for path in seen)


def test_only_stale_staging_folders_of_ours_are_deleted(tmp_path: Path) -> None:
    made = {}
    for name, is_ours, age in (("stale", True, 2), ("fresh", True, 0), ("others", False, 9)):
        made[name] = tmp_path / f".out-{name:_<8}"
        made[name].mkdir()
        if is_ours:
            write_marker(made[name], {})
        then = time.time() - age * 86_400
        os.utime(made[name], (then, then))
    with staging_folder(tmp_path / "out"):
        assert {name for name, path in made.items() if path.exists()} == {"fresh", "others"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_of_the_user_is_kept_without_being_read(tmp_path: Path) -> None:
    _publish(tmp_path / "out")
    os.mkfifo(tmp_path / "out" / "pipe")
    os.unlink(tmp_path / "out" / KEEP)
    os.mkfifo(tmp_path / "out" / KEEP)
    _publish(tmp_path / "out")
    assert (tmp_path / "out" / "pipe").is_fifo()
    assert (tmp_path / "out" / KEEP).read_text() == "zeros"
    assert (tmp_path / "out" / f"{KEEP}.old").is_fifo()
