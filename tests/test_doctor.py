"""``tf2rust doctor``: what is installed, what is too old, and what needs it."""

from __future__ import annotations

import json
import shutil
from importlib import metadata

import pytest
from typer.testing import CliRunner

from tf2rust import doctor
from tf2rust.cli import app


def test_this_environment_can_convert() -> None:
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0, result.output
    for name in ("Python", "onnx", "onnxruntime", "tensorflow", "tf2onnx", "cargo", "rustc"):
        assert f"ok       {name} " in result.stdout


def test_the_report_as_json() -> None:
    report = json.loads(CliRunner().invoke(app, ["doctor", "--json"]).stdout)
    checks = {check["name"]: check for check in report["checks"]}
    assert report["version"] == 1
    assert checks["onnx"] == {
        "name": "onnx",
        "found": metadata.version("onnx"),
        "minimum": checks["onnx"]["minimum"],
        "needed_for": "conversions",
        "remedy": "",
        "ok": True,
    }
    assert {"wasm32-unknown-unknown", "thumbv7em-none-eabihf", "maturin", "chromium"} <= checks.keys()


def test_without_cargo_models_can_still_be_converted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    result = CliRunner().invoke(app, ["doctor"])
    assert result.exit_code == 0
    assert "missing  cargo, for building crates: install Rust from https://rustup.rs" in result.stdout
    assert "missing  wasm32-unknown-unknown, for WebAssembly: run rustup target add" in result.stdout


@pytest.mark.parametrize(
    ("installed", "exit_code", "sentence"),
    [
        (None, 1, "missing  onnx, for conversions: run pip install --upgrade onnx"),
        ("0.1", 1, "too old  onnx 0.1, for conversions: 1.19 is needed; run pip install --upgrade onnx"),
        ("99.0", 0, "ok       onnx 99.0"),
    ],
)
def test_a_package_that_conversions_need(
    monkeypatch: pytest.MonkeyPatch, installed: str | None, exit_code: int, sentence: str
) -> None:
    found = metadata.version

    def version(name: str) -> str:
        if name == "onnx" and installed is None:
            raise metadata.PackageNotFoundError(name)
        return installed if name == "onnx" and installed is not None else found(name)

    monkeypatch.setattr(metadata, "version", version)
    result = CliRunner().invoke(app, ["doctor"])
    assert (result.exit_code, sentence in result.stdout) == (exit_code, True)


@pytest.mark.parametrize(
    ("found", "minimum", "is_ok"),
    [("1.89.0", "1.89", True), ("1.88.1", "1.89", False), ("1.100.0", "1.89", True), ("", "", False), ("x", "", True)],
)
def test_versions_are_compared_as_numbers(found: str, minimum: str, is_ok: bool) -> None:
    remedy = "" if doctor.is_recent(found, minimum) else "do"
    assert doctor.Check("name", found, minimum, "use", remedy).is_ok == is_ok
