"""The wheel, installed into an empty virtual environment, converts an ONNX file in another folder."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.crates import ROOT
from tests.models import graphs


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--wheel-dir", str(folder), str(ROOT)], check=True)
    (path,) = folder.glob("tf2rust-*.whl")
    return path


def test_templates_and_tf_layers_are_inside(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for folder in ("templates", "tf-layers/src"):
        files = [p for p in (ROOT / folder).rglob("*") if p.is_file()]
        assert {f"tf2rust/_data/{p.relative_to(ROOT).as_posix()}" for p in files} <= names
    for name in ("Cargo.toml", "LICENSE-APACHE", "LICENSE-MIT", "clippy.toml", "rustfmt.toml"):
        assert f"tf2rust/_data/tf-layers/{name}" in names
    assert not [n for n in names if "target/" in n or n.startswith("tests/")]


@pytest.mark.targets
def test_it_converts_without_tensorflow(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
    lock = ["-c", str(ROOT / "requirements.lock")] if sys.version_info >= (3, 11) else []
    pip = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", *lock]
    subprocess.run([*pip, str(wheel)], check=True)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    graphs.save(graphs.two_inputs(), elsewhere / "model.onnx")
    tf2rust = str(environment / "bin" / "tf2rust")
    convert = [tf2rust, "from-onnx", "model.onnx", "--path_to_save", "out", "--model_name", "elsewhere"]
    subprocess.run(convert, cwd=elsewhere, check=True)
    crate = elsewhere / "out" / "rust_generated_code"
    assert (crate / "tf-layers" / "src" / "lib.rs").read_bytes() == (ROOT / "tf-layers" / "src" / "lib.rs").read_bytes()
    keras = subprocess.run(
        [tf2rust, "from-tf", "model.keras", "--path_to_save", "out2", "--model_name", "m"],
        cwd=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert keras.returncode == 1
    (elsewhere / "model.keras").write_bytes(b"")
