"""``tf2rust profile`` without cargo: what it reads, what it prints, and what can go wrong."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tests.models import graphs
from tf2rust.cli import app
from tf2rust.conversion import Options, convert
from tf2rust.converted.cargo import Runner
from tf2rust.converted.profiling import LayerTime, Run
from tf2rust.source import open_onnx

LAYER = {"name": "dense", "kind": "Dense", "calls": 4, "seconds": 2e-6, "multiply_adds": 1000, "bytes": 4000}
PROFILE = {"version": 1, "runs": [{"batch": 1, "layers": [LAYER]}]}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a conversion whose crate has the feature ``profile``."""
    monkeypatch.delenv("CARGO_TARGET_DIR", raising=False)
    crate = convert(open_onnx(graphs.save(graphs.mlp(), tmp_path / "mlp.onnx")), Options(tmp_path / "out", "m")).crate
    manifest = crate / "Cargo.toml"
    if "profile = [" not in manifest.read_text():
        manifest.write_text(manifest.read_text().replace("[features]\n", '[features]\nprofile = ["std"]\n'))
    return tmp_path / "out"


def _cargo(monkeypatch: pytest.MonkeyPatch, text: str | None, code: int = 0, messages: str = "") -> list[Any]:
    """Replaces cargo by a program that writes ``text`` to the profile."""
    called: list[Any] = []

    def cargo(self: Runner, *arguments: str) -> subprocess.CompletedProcess[str]:
        called.append(arguments)
        if text is not None:
            (self.manifest.parent / "profile.json").write_text(text)
        return subprocess.CompletedProcess(arguments, code, "", messages)

    monkeypatch.setattr(Runner, "cargo", cargo)
    return called


def test_a_profile_as_json(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    called = _cargo(monkeypatch, json.dumps(PROFILE))
    result = CliRunner().invoke(app, ["profile", str(folder), "--json"])
    assert result.exit_code == 0, result.output
    crate = folder / "rust_generated_code"
    assert json.loads(result.stdout) == {"version": 1, "crate": str(crate), "runs": PROFILE["runs"]}
    assert called == [("bench", "--bench", "benchmarks", "--features", "profile")]
    manifest = (crate / "target" / "tf2rust").glob("*/Cargo.toml")
    assert 'profile = ["m/profile"]' in next(manifest).read_text()


def test_a_profile_as_text() -> None:
    other = LayerTime("softmax\n", "Softmax", 1, 6e-6, 0, 0)
    lines = Run(64, (LayerTime(**LAYER), other)).as_text().splitlines()  # type: ignore[arg-type]
    assert lines == [
        "batch 64",
        "layer    kind       µs  share                GFLOP/s  GB/s",
        "dense    Dense    0.50  25.0%  ████              1.0   2.0",
        "softmax  Softmax  6.00  75.0%  ████████████",
    ]


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        (None, 101, "cargo cannot build the crate (error: no); run cargo bench --features profile in "),
        (None, 0, "The crate has no layers whose time can be measured."),
        ("{", 0, "wrote a profile that cannot be read"),
        ('{"runs": [{"batch": 1, "layers": [{"name": "x"}]}]}', 0, "wrote a profile that cannot be read"),
    ],
)
def test_a_profile_that_fails(
    folder: Path, monkeypatch: pytest.MonkeyPatch, text: str | None, code: int, sentence: str
) -> None:
    _cargo(monkeypatch, text, code, "error: no")
    result = CliRunner().invoke(app, ["profile", str(folder)])
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr


def test_a_crate_of_an_earlier_version(folder: Path) -> None:
    manifest = folder / "rust_generated_code" / "Cargo.toml"
    manifest.write_text(manifest.read_text().replace("profile = [", "other = ["))
    result = CliRunner().invoke(app, ["profile", str(folder)])
    assert (result.exit_code, "has no feature `profile`" in result.stderr) == (1, True)
