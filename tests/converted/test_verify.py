"""``verify`` and ``run``: the differences and the outputs of a crate that cargo built, and what can go wrong."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import tf2rust
from tests.crates import TARGET, TF_LAYERS
from tests.models import graphs
from tests.models.states import STATEFUL
from tf2rust.cli import app
from tf2rust.codegen import render
from tf2rust.codegen.interface import read_interface
from tf2rust.conversion import Options, convert
from tf2rust.converted.cargo import find_crate, runner
from tf2rust.converted.execution import checked
from tf2rust.converted.verification import Measured, verify
from tf2rust.source import open_onnx

FIGURE = re.compile(
    r"`(.*)`: the Rust crate differs from ONNX Runtime [\d.]+ by at most (\S+) on 16 samples \(tolerance (\S+)\)"
)

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


def test_the_figures_as_json(converted: Path) -> None:
    found = json.loads(_run("verify", converted, "--json").stdout)
    assert found["version"] == 1
    assert Path(found["crate"]) == converted / "rust_generated_code"
    assert [(row["output"], row["samples"], row["unit"]) for row in found["outputs"]] == [
        (name, 16, "sample") for name in OUTPUTS
    ]


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
        (_wrong_reference, "rust_generated_code/testdata/features.npz was edited after the conversion: undo"),
        (_broken_source, "cargo cannot build the crate (error"),
        (_no_dependency, "has no name or no dependency on tf-layers"),
        (lambda crate: shutil.rmtree(crate), "has no crate that tf2rust generated"),
    ],
    ids=["wrong reference", "edited file", "broken source", "no dependency", "no crate"],
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
    for command in (["verify", converted], ["run", converted, _arrays(tmp_path, ARRAYS), tmp_path / "out.npz"]):
        result = _run(*command)
        assert (result.exit_code, "cargo was not found" in result.stderr) == (1, True)


ARRAYS = {"characters": np.arange(12).reshape(2, 6) % 5, "numbers": np.ones((2, 3), np.float32)}
"""Inputs of the converted model."""


def _arrays(folder: Path, arrays: Mapping[str, np.ndarray]) -> Path:
    np.savez_compressed(folder / "in.npz", **arrays)  # type: ignore[arg-type]
    return folder / "in.npz"


def test_run_computes_what_onnx_runtime_computes(converted: Path, tmp_path: Path) -> None:
    target = tmp_path / "aüs gabe.npz"
    whole_numbers = {**ARRAYS, "numbers": ARRAYS["numbers"].astype(np.int16)}
    result = _run("run", converted / "rust_generated_code", _arrays(tmp_path, whole_numbers), target)
    assert (result.exit_code, result.stdout.strip()) == (0, str(target)), result.output
    with np.load(target) as arrays:
        found = dict(arrays)
    expected = open_onnx(converted.parent / "model.onnx").run(ARRAYS)
    assert [*found] == OUTPUTS
    for name, array in found.items():
        np.testing.assert_allclose(array, expected[name], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("arrays", "sentences"),
    [
        ({}, ["`characters` (int64 [batch, time]) in ", "`numbers` (float32 [batch, 3]) in ", "it contains nothing."]),
        (ARRAYS | {"numbers": np.full((2, 3), 0.5)}, ["`numbers` is float64", "use astype('float32')."]),
        (ARRAYS | {"numbers": np.ones((2, 4))}, ["`numbers` has shape [2, 4], but the model's input is [batch, 3]"]),
        (ARRAYS | {"numbers": np.ones(3)}, ["`numbers` has shape [3], but the model's input is [batch, 3]"]),
        (
            ARRAYS | {"numbers": np.ones((3, 3))},
            ["tensor `numbers` has shape [3, 3], but the model expects [batch, 3]"],
        ),
        (ARRAYS | {"characters": np.full((2, 6), 1 << 40)}, ["which is not a valid index for an axis of size"]),
    ],
)
def test_arrays_that_the_model_cannot_take(
    converted: Path, tmp_path: Path, arrays: Mapping[str, np.ndarray], sentences: list[str]
) -> None:
    result = _run("run", converted, _arrays(tmp_path, arrays), tmp_path / "out.npz")
    assert (result.exit_code, result.stdout) == (1, "")
    assert [sentence for sentence in sentences if sentence not in result.stderr] == []
    assert not (tmp_path / "out.npz").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("absent", "in.npz", "out.npz"), "absent has no crate that tf2rust generated"),
        (("out", "absent.npz", "out.npz"), "The file absent.npz does not exist"),
        (("out", "model.onnx", "out.npz"), "model.onnx is not a readable NPZ file"),
        (("out", "in.npz", "absent/out.npz"), "absent is not a folder"),
        (("out", "in.npz", "out"), "out is a folder; give the path of an NPZ file"),
    ],
)
def test_paths_that_run_cannot_use(
    converted: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.chdir(converted.parent)
    _arrays(converted.parent, ARRAYS)
    result = _run("run", *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr


def test_a_crate_that_loads_its_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its test reads them from the folder of the package that cargo builds."""
    monkeypatch.setattr(render, "_MOST_EMBEDDED", 10)
    source = open_onnx(graphs.save(graphs.mlp(), tmp_path / "mlp.onnx"))
    crate = convert(source, Options(tmp_path / "out", "loaded", tf_layers=TF_LAYERS)).crate
    assert (runner(find_crate(crate)).manifest.parent / "model" / "model_weights.npz").is_file()


def test_arrays_of_a_model_with_a_state(tmp_path: Path) -> None:
    """Only the inputs that are no state, with the steps on axis 0."""
    case = STATEFUL["counters"]
    source = open_onnx(graphs.save(case.build(), tmp_path / "model.onnx"))
    crate = convert(source, Options(tmp_path / "out", "m", states=case.states)).crate
    with pytest.raises(tf2rust.ConversionError) as caught:
        checked(read_interface(crate), {}, "in.npz")
    (reason,) = caught.value.reasons
    assert "no array for the model's input `x` (float32 [steps, 2, 3])" in reason


def test_figures_read_as_sentences() -> None:
    assert str(Measured("y", "TensorFlow 2.21.0", 1.25e-7, 1e-5, samples=3, unit="step")) == (
        "`y`: the Rust crate differs from TensorFlow 2.21.0 by at most 1.2e-07 on 3 steps (tolerance 1.0e-05)"
    )
    assert "on 1 sample (tolerance" in str(Measured("y", "ONNX Runtime", 0.0, 1e-5))
    assert "in elements where the model magnifies rounding errors" in str(Measured("y", "ONNX Runtime", 0.1, 2, True))
