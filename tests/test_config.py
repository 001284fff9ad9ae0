"""``tf2rust build``, ``tf2rust check``, and the record of options that every conversion writes."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from typer.main import get_command
from typer.testing import CliRunner, Result

from tests.crates import ROOT
from tests.models import graphs
from tests.models.states import STATEFUL
from tf2rust.cli import app
from tf2rust.config import OPTIONS, given, read_config
from tf2rust.conversion import Options, convert
from tf2rust.errors import UsageError
from tf2rust.source import open_onnx

MODEL = """
[[model]]
model = "mlp.onnx"
path_to_save = "out"
model_name = "m"
"""


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a model in it."""
    graphs.save(graphs.mlp(), tmp_path / "mlp.onnx")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model and of its conversion with some options."""
    folder = tmp_path_factory.mktemp("check")
    graphs.save(graphs.mlp(), folder / "mlp.onnx")
    (folder / "labels.txt").write_text("a\nb\nc\n")
    options = ("--labels", folder / "labels.txt", "--dim", "batch=1..8", "--enable_inplace", "false")
    result = _run("from-onnx", folder / "mlp.onnx", "--path_to_save", folder / "out", "--model_name", "m", *options)
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def converted(fresh: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with copies of both."""
    shutil.copytree(fresh, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy"


def test_the_record_has_the_options_and_no_paths(fresh: Path) -> None:
    record = json.loads((fresh / "out" / "model_info" / "conversion.json").read_text())
    assert record["options"] == {
        "model_name": "m",
        "enable_inplace": False,
        "labels": "labels.txt",
        "dim": {"batch": [1, 8]},
    }
    assert (record["version"], record["model"]["file"]) == (1, "mlp.onnx")


def test_the_keys_are_the_options_of_both_commands() -> None:
    commands: Any = get_command(app)
    names = {
        parameter.opts[0].lstrip("-")
        for command in ("from-tf", "from-onnx")
        for parameter in commands.commands[command].params
    }
    assert names - {"path_to_tf_model", "max_memory", "time_limit"} - _PROGRESS == set(OPTIONS)


_PROGRESS = {"quiet", "verbose", "json"}
"""Options about what the command prints."""


def test_every_key_is_documented() -> None:
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [name for name in OPTIONS if f"`{name}`" not in text and f"`--{name}`" not in text] == []


def test_check_of_an_unchanged_conversion(converted: Path) -> None:
    (converted / "out" / "notes.txt").write_text("the user's")
    result = _run("check", "out", "mlp.onnx", "--labels", "labels.txt")
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    assert "out is what tf2rust" in result.stderr
    report = json.loads(_run("check", "out", "mlp.onnx", "--labels", "labels.txt", "--json").stdout)
    assert (report["same"], report["files"], report["causes"]) == (True, [], [])


def test_check_of_a_conversion_with_packages(folder: Path) -> None:
    """Packages that were added later count as well."""
    assert _run("from-onnx", "mlp.onnx", "--path_to_save", "out", "--model_name", "m", "--with", "c").exit_code == 0
    assert _run("add", "out", "--with", "python").exit_code == 0
    result = _run("check", "out", "mlp.onnx")
    assert (result.exit_code, result.stdout) == (0, ""), result.output
    header = next((folder / "out" / "c").rglob("*.h"))
    header.write_text("edited")
    result = _run("check", "out", "mlp.onnx")
    assert result.stdout == f"{header.relative_to(folder / 'out').as_posix()}: edited\n"


def _edit(folder: Path) -> None:
    crate = folder / "out" / "rust_generated_code"
    (crate / "src" / "model.rs").write_text("edited")
    (crate / "build.rs").unlink()


def _other_model(folder: Path) -> None:
    model = graphs.mlp()
    model.graph.node[0].name = "renamed"
    graphs.save(model, folder / "mlp.onnx")


def _older_version(folder: Path) -> None:
    path = folder / "out" / "model_info" / "conversion.json"
    path.write_text(path.read_text().replace('"tf2rust": "', '"tf2rust": "0.0.'))


@pytest.mark.parametrize(
    ("change", "options", "files", "note"),
    [
        (_edit, [], ["rust_generated_code/build.rs: missing", "rust_generated_code/src/model.rs: edited"], ""),
        (lambda folder: None, ["--dim", "batch=2"], ["rust_generated_code/src/model.rs: outdated"], ""),
        (lambda folder: None, ["--enable_inplace", "true"], ["model_info/conversion.json: outdated"], ""),
        (_other_model, [], ["model_info/conversion.json: outdated"], "mlp.onnx is not the model of this crate"),
        (_older_version, [], ["model_info/conversion.json: edited"], "the crate was written by tf2rust 0.0."),
    ],
)
def test_check_lists_the_files_that_differ(
    converted: Path, change: Callable[[Path], None], options: list[str], files: list[str], note: str
) -> None:
    change(converted)
    before = sorted(converted.rglob("*"))
    result = _run("check", "out", "mlp.onnx", "--labels", "labels.txt", *options)
    assert result.exit_code == 1, result.output
    assert [file for file in files if file not in result.stdout.splitlines()] == []
    assert note in result.stderr
    assert sorted(converted.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["out", "mlp.onnx"], 2, "out was converted with files that must be given again: --labels (labels.txt)"),
        (["out", "absent.onnx", "--labels", "labels.txt"], 1, "The file absent.onnx does not exist"),
        ([".", "mlp.onnx"], 1, ". is not the output of a conversion: it has no .tf2rust"),
        (["absent", "mlp.onnx"], 1, "absent is not the output of a conversion"),
        (["out", "mlp.onnx", "--labels", "labels.txt", "--dim", "n=2"], 2, "its symbolic dimensions are: `batch`"),
    ],
)
def test_check_of_something_else(converted: Path, arguments: list[str], code: int, sentence: str) -> None:
    result = _run("check", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr


@pytest.mark.parametrize("option", [{"trust_code": True}, {"custom_objects": ["os:system"]}])
def test_check_runs_no_code_that_only_the_record_names(converted: Path, option: dict[str, object]) -> None:
    """Others may have written the record."""
    path = converted / "out" / "model_info" / "conversion.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "options": {**record["options"], **option}}))
    result = _run("check", "out", "mlp.onnx", "--labels", "labels.txt")
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"must be given again if you trust it: --{next(iter(option))}" in result.stderr


def test_check_of_a_crate(converted: Path) -> None:
    result = _run("check", "out/rust_generated_code", "mlp.onnx", "--labels", "labels.txt")
    assert (result.exit_code, result.stdout) == (0, ""), result.output


@pytest.mark.parametrize(
    "text", ["", "{", '{"version": 1}', '{"version": 2, "tf2rust": "", "model": {}, "options": {}}']
)
def test_a_damaged_record(converted: Path, text: str) -> None:
    (converted / "out" / "model_info" / "conversion.json").write_text(text)
    result = _run("check", "out", "mlp.onnx")
    assert (result.exit_code, "conversion.json" in result.stderr) == (1, True)


def test_edited_thresholds_are_the_users(folder: Path) -> None:
    """Zero thresholds are placeholders, which the next conversion keeps if they were edited."""
    nodes = [graphs.node("MatMul", ["x", "w"], ["h"]), graphs.node("Sigmoid", ["h"], ["y"])]
    ports = {name: (onnx.TensorProto.FLOAT, ["n", size]) for name, size in (("x", 3), ("y", 1))}
    weights = {"w": np.ones((3, 1), np.float32)}
    graphs.save(graphs.graph(nodes, {"x": ports["x"]}, {"y": ports["y"]}, weights), folder / "score.onnx")
    crate = convert(open_onnx(folder / "score.onnx"), Options(folder / "out", "m")).crate
    dirty = {"bottom": 0.1, "low": 0.2, "medium": 0.3, "high": 0.4}
    (folder / "mine.json").write_text(json.dumps({"version": 1, "dirty": dirty}))
    shutil.copy(folder / "mine.json", crate / "model" / "thresholds.json")
    assert _run("check", "out", "score.onnx").exit_code == 0
    (crate / "model" / "thresholds.json").write_text("{}")
    result = _run("check", "out", "score.onnx", "--thresholds", "mine.json")
    assert "rust_generated_code/model/thresholds.json: edited" in result.stdout


def test_build_and_then_check(folder: Path) -> None:
    (folder / "models").mkdir()
    (folder / "mlp.onnx").rename(folder / "models" / "mlp.onnx")
    (folder / "models" / "labels.txt").write_text("a\nb\nc\n")
    second = (
        MODEL.replace('"out"', '"two"') + 'labels = "labels.txt"\ndim = { batch = [1, 8] }\nenable-inplace = false\n'
    )
    (folder / "models" / "tf2rust.toml").write_text(MODEL + second)
    result = _run("build", "models/tf2rust.toml")
    assert result.exit_code == 0, result.output
    crates = [folder / "models" / name / "rust_generated_code" for name in ("out", "two")]
    assert result.stdout.splitlines() == [str(crate) for crate in crates]
    assert "LABELS" in (crates[1] / "src" / "labels.rs").read_text()
    assert _run("build", "models/tf2rust.toml", "--check").exit_code == 0
    (crates[0] / "build.rs").unlink()
    result = _run("build", "models/tf2rust.toml", "--check")
    assert (result.exit_code, result.stdout) == (1, "rust_generated_code/build.rs: missing\n")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "tf2rust.toml has no table [[model]]"),
        ("[model]\nmodel_name = 'm'", "tf2rust.toml has no table [[model]]"),
        ("[[model]", "tf2rust.toml is not a readable TOML file"),
        ("dim = 1\n" + MODEL, "unknown key 'dim'; put every option into a table [[model]]"),
        ("[[model]]\nmodel = 'a.onnx'", "[[model]] 1: the key 'path_to_save' is missing"),
        (MODEL + MODEL + "dims = {}", "[[model]] 2: unknown key 'dims'; did you mean 'dim'?"),
        (MODEL + "path_to_features = 'x'", "[[model]] 1: unknown key 'path_to_features'; did you mean 'path_to_fv'?"),
        (MODEL + "zzz = 1", "unknown key 'zzz'; the keys are: model, path_to_save"),
        (MODEL + "time-limit = 1", "unknown key 'time-limit'; give --time_limit to tf2rust build"),
        (MODEL + "enable_inplace = 'no'", "'enable_inplace' must be true or false, not 'no'"),
        ("x = " + "[" * 5000, "tf2rust.toml is not a readable TOML file"),
        ("[model]\nmodel = 'mlp.onnx'", "write [[model]] instead of [model]"),
        (MODEL + "labels = 5", "'labels' must be a path, not 5"),
        (MODEL.replace('"out"', '""'), "'path_to_save' must be a path, not ''"),
        (MODEL.replace('"mlp.onnx"', '"\\u0000"'), "'model' must be a path, not"),
        (MODEL + "state = { x = 5 }", "'state' must be a table of strings, not {'x': 5}"),
        (MODEL + "max_loss = true", "'max_loss' must be a number or a string, not True"),
        (MODEL + "max_loss = 0.1\nmax-loss = 0.2", "the keys 'max_loss' and 'max-loss' are the same option"),
        (MODEL + MODEL, "[[model]] 2: the folder of 'path_to_save', "),
        (MODEL + MODEL.replace('"out"', '"./a/../out"'), "is also that of [[model]] 1"),
        (MODEL + MODEL.replace('"out"', '"out/sub"'), "contains or is inside that of [[model]] 1"),
        (MODEL.replace('"out"', '"out/sub"') + MODEL, "contains or is inside that of [[model]] 1"),
        (MODEL + MODEL.replace('"out"', '"b"') + "dim = { batch = 'x' }", "tf2rust.toml, [[model]] 2: --dim batch=x"),
        (MODEL + MODEL.replace('"out"', '"b"') + "budget = '1'", "tf2rust.toml, [[model]] 2: '1' is not a budget"),
        (MODEL + "state = ['a:b', 1]", "'state' must be a string or a list of strings"),
        (MODEL + "trust_code = true", "the key 'trust_code' has no meaning for mlp.onnx"),
        (MODEL.replace(".onnx", ".h5") + "constants = 'a.npz'", "the key 'constants' has no meaning for mlp.h5"),
        (MODEL + "dim = { batch = 0 }", "--dim batch=0: expected NAME=SIZE"),
        (MODEL + "fpr = { low = 2 }", "--fpr low=2: expected LEVEL=RATE"),
    ],
)
def test_a_wrong_configuration(folder: Path, text: str, sentence: str) -> None:
    (folder / "tf2rust.toml").write_text(text)
    result = _run("build")
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr
    assert not (folder / "out").exists()


def test_without_a_configuration(folder: Path) -> None:
    result = _run("build")
    assert (result.exit_code, "tf2rust.toml does not exist" in result.stderr) == (2, True)


def test_values_of_the_command_line(folder: Path) -> None:
    text = """
path_to_fv = "samples.npz"
dim = ["a=1", "b=2..3"]
state = { "h:0" = "hn" }
fpr = { low = 0.01 }
inputs = ["x:0", "y:0"]
outputs = "z:0"
"""
    (folder / "tf2rust.toml").write_text(MODEL.replace(".onnx", ".pb") + text)
    (found,) = read_config(folder / "tf2rust.toml")
    expected = {
        "model": folder / "mlp.pb",
        "path_to_fv": folder / "samples.npz",
        "dim": ["a=1", "b=2..3"],
        "state": {"h:0": "hn"},
        "fpr": "low=0.01",
        "inputs": "x:0,y:0",
        "outputs": "z:0",
        "enable_inplace": True,
        "verify": False,
        "stream": None,
    }
    assert {name: found[name] for name in expected} == expected


def test_the_record_of_every_option_is_read_back(tmp_path: Path) -> None:
    case = STATEFUL["average"]
    source = open_onnx(graphs.save(case.build(), tmp_path / "model.onnx"))
    (tmp_path / "tf-layers").mkdir()
    (tmp_path / "tf-layers" / "Cargo.toml").write_text("")
    options = Options(
        tmp_path / "out", "m", enable_memdrop=False, states=case.states, dims={}, tf_layers=tmp_path / "tf-layers"
    )
    info = convert(source, options).model_info
    record = json.loads((info / "conversion.json").read_text())["options"]
    found = given(record, "record", tmp_path)
    assert found["state"] == case.states
    assert found["enable_memdrop"] is False
    assert found["tf_layers"] == tmp_path / "tf-layers"
    with pytest.raises(UsageError, match="record: unknown key"):
        given({**record, "other": np.int64(1)}, "record", tmp_path)
