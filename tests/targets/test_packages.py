"""The files of all packages, without building them, and how they are added to a converted folder."""

from __future__ import annotations

import ast
import shutil
import subprocess
from pathlib import Path

import onnx
import pytest

from tests.models import graphs
from tests.targets.cases import INTERFACES
from tf2rust.conversion import Options, convert
from tf2rust.errors import ConversionError, UsageError
from tf2rust.source import open_onnx
from tf2rust.targets import TARGETS, add_targets, render_targets

REFUSED = {
    **{
        ("embedded", name): "has the dimension"
        for name in ("plain", "several", "text", "bools", "state", "two-sizes", "no-outputs", "class")
    },
    ("embedded", "narrow"): "no comparison for the tensor `h` of type float16",
}


@pytest.mark.parametrize(("target", "name"), REFUSED)
def test_models_that_a_target_cannot_run_are_refused(target: str, name: str) -> None:
    with pytest.raises(ConversionError, match=REFUSED[target, name]):
        render_targets(INTERFACES[name], [target])


@pytest.mark.skipif(shutil.which("rustfmt") is None, reason="there is no rustfmt")
@pytest.mark.parametrize("target", TARGETS)
def test_rustfmt_finds_nothing_to_change(target: str, tmp_path: Path) -> None:
    sources = []
    for name, interface in INTERFACES.items():
        if (target, name) in REFUSED:
            continue
        for path, text in render_targets(interface, [target]).items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            if file.suffix == ".rs":
                sources.append(file)
    done = subprocess.run(
        ["rustfmt", "--edition", "2024", "--check", *sources], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", INTERFACES)
def test_manifests_can_be_parsed(target: str, name: str) -> None:
    tomllib = pytest.importorskip("tomllib")
    if (target, name) in REFUSED:
        return
    for path, text in render_targets(INTERFACES[name], [target]).items():
        if path.endswith(".toml"):
            tomllib.loads(text)
        if path.endswith(".pyi"):
            ast.parse(text)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("converted")
    path = folder / "mlp.onnx"
    onnx.save(graphs.mlp(), path)
    convert(open_onnx(path), Options(folder / "out", "mlp", targets=["python"]))
    return folder / "out"


def _files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_adding_gives_what_the_conversion_gives(converted: Path, tmp_path: Path) -> None:
    convert(open_onnx(converted.parent / "mlp.onnx"), Options(tmp_path / "out", "mlp"))
    assert add_targets(tmp_path / "out", ["python"]) == []
    assert _files(tmp_path / "out") == _files(converted)


def test_edited_files_are_kept_beside_the_new_ones(converted: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(converted, folder)
    (folder / "python" / "README.md").write_text("mine")
    (folder / "rust_generated_code" / "src" / "lib.rs").write_text("mine")
    before = _files(folder)
    (note,) = add_targets(folder, ["python"])
    assert "python/README.md was edited" in note
    after = _files(folder)
    assert after.pop("python/README.md.old") == b"mine"
    assert after.pop("python/README.md") == (converted / "python" / "README.md").read_bytes()
    assert after == {name: text for name, text in before.items() if name != "python/README.md"}


def test_a_new_conversion_keeps_no_package_that_it_does_not_write(converted: Path, tmp_path: Path) -> None:
    """Its interface could be another."""
    folder = tmp_path / "out"
    shutil.copytree(converted, folder)
    convert(open_onnx(converted.parent / "mlp.onnx"), Options(folder, "mlp"))
    assert not (folder / "python").exists()


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionError, match=r"interface\.json is missing"):
        add_targets(tmp_path, ["python"])
    with pytest.raises(ConversionError, match=r"interface\.json is missing"):
        add_targets(tmp_path / "nothing", ["python"])


def test_unknown_targets_are_refused(converted: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'java' is not a target; the targets are python"):
        add_targets(converted, ["java"])
    with pytest.raises(UsageError, match="'java' is not a target"):
        Options(tmp_path, "mlp", targets=["java"])
