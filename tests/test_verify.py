"""``--verify`` and ``tf2rust verify``: the largest differences of a crate that cargo built, and what can go wrong."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import tf2rust
from tests.crates import TARGET, TF_LAYERS
from tests.models import graphs
from tf2rust.cli import app
from tf2rust.verification import Measured, verify

FIGURE = re.compile(r"`(.*)`: the Rust crate differs from ONNX Runtime [\d.]+ by at most (\S+) \(tolerance (\S+)\)")

OUTPUTS = ["score", "d"]
"""The outputs of the converted model."""


@pytest.fixture(autouse=True)
def cargo_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment of the other tests, so that cargo reuses their build of tf-layers."""
    monkeypatch.setenv("CARGO_TARGET_DIR", str(TARGET))
    monkeypatch.setenv("RUSTFLAGS", "-D warnings")


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def _convert(folder: Path, *options: str) -> Result:
    model = graphs.save(graphs.two_inputs(), folder / "model.onnx")
    given = ("--path_to_save", folder / "out", "--model_name", "verified", "--tf_layers", TF_LAYERS)
    return _run("from-onnx", model, *given, *options)


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of a conversion."""
    folder = tmp_path_factory.mktemp("verified")
    result = _convert(folder)
    assert result.exit_code == 0, result.output
    return folder / "out"


def test_the_command_ends_with_the_largest_difference_of_the_crate(tmp_path: Path) -> None:
    result = _convert(tmp_path, "--verify")
    assert result.exit_code == 0, result.output
    found = [FIGURE.fullmatch(line) for line in result.stderr.splitlines()[-len(OUTPUTS) :]]
    assert [match and match[1] for match in found] == OUTPUTS
    assert all(match is not None and 0 <= float(match[2]) <= float(match[3]) for match in found)
    assert result.stdout.strip() == str(tmp_path / "out" / "rust_generated_code")


def test_without_verify_the_figure_is_said_to_be_of_the_graph(tmp_path: Path) -> None:
    lines = _convert(tmp_path).stderr.splitlines()[-len(OUTPUTS) :]
    for name, line in zip(OUTPUTS, lines, strict=True):
        assert line.startswith(f"`{name}`: ONNX Runtime ")
        assert "differs from float64 by at most" in line
        assert line.endswith(" (of the graph; --verify measures the Rust crate)")


def test_verify_reads_a_converted_folder_or_its_crate(converted: Path) -> None:
    result = _run("verify", converted)
    assert result.exit_code == 0
    assert [FIGURE.fullmatch(line) is not None for line in result.stdout.splitlines()] == [True] * len(OUTPUTS)
    assert tf2rust.verify(converted / "rust_generated_code") == verify(converted)


def _wrong_reference(crate: Path) -> None:
    path = crate / "testdata" / "features.npz"
    with np.load(path) as arrays:
        changed = dict(arrays)
    changed["predictions_score"] = changed["predictions_score"] + np.float32(0.5)
    np.savez(path, **changed)


def _broken_source(crate: Path) -> None:
    (crate / "src" / "model.rs").write_text("not Rust")


def _no_dependency(crate: Path) -> None:
    path = crate / "Cargo.toml"
    path.write_text(path.read_text().replace("tf-layers = {", "others = {"))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (_wrong_reference, 'differs from its reference by more than the tolerance: element 0 of "score": '),
        (_broken_source, "cargo cannot build or test the crate (error"),
        (_no_dependency, "has no name or no dependency on tf-layers"),
        (lambda crate: shutil.rmtree(crate), "has no crate that tf2rust generated"),
    ],
    ids=["wrong reference", "broken source", "no dependency", "no crate"],
)
def test_a_crate_that_cannot_be_verified_is_an_error(
    converted: Path, tmp_path: Path, change: object, sentence: str
) -> None:
    folder = tmp_path / "out"
    shutil.copytree(converted, folder)
    assert callable(change)
    change(folder / "rust_generated_code")
    result = _run("verify", folder)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert sentence in result.stderr


def test_without_cargo_there_is_a_note_or_an_error(
    converted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    result = _convert(tmp_path, "--verify")
    assert result.exit_code == 0
    assert "note: cargo was not found, so the Rust crate was not verified" in result.stderr
    assert "(of the graph;" in result.stderr
    result = _run("verify", converted)
    assert (result.exit_code, "cargo was not found" in result.stderr) == (1, True)


def test_figures_read_as_sentences() -> None:
    assert str(Measured("y", "TensorFlow 2.21.0", 1.25e-7, 1e-5)) == (
        "`y`: the Rust crate differs from TensorFlow 2.21.0 by at most 1.2e-07 (tolerance 1.0e-05)"
    )
    assert "in elements where the model magnifies rounding errors" in str(Measured("y", "ONNX Runtime", 0.1, 2, True))
