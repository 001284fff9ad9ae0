"""``tf2rust bundle``: the files of the crate, and folders that no bundle can have."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import onnx
import pytest
from typer.testing import CliRunner, Result

from tests.models import graphs
from tests.models.heads import classifier, regression
from tests.models.states import STATEFUL
from tf2rust.cli import app
from tf2rust.conversion import Options, convert
from tf2rust.converted import bundle
from tf2rust.publish.marker import files_in
from tf2rust.source import open_onnx

_HOSTILE = 'a | "b"\\ */ `c`\n{{ 7 * 7 }} <i>\u202e'
MODELS: Mapping[str, Callable[[], onnx.ModelProto]] = {
    "mnist-v2": graphs.mlp,
    "lib": regression,
    "interface": classifier,
    "test": STATEFUL["voice_activity"].build,
    _HOSTILE: graphs.hostile,
}
"""Models by name. Names of modules that cargo, rustc or the bundle itself use get another module."""
MODULES = ("mnist_v2", "lib", "interface_2", "model_test", "a_b_c_7_7_i")
REWRITTEN = {
    "benches/benchmarks.rs",
    "examples/predict.rs",
    "src/blob.rs",
    "src/lib.rs",
    "src/prediction.rs",
    "tests/predictions.rs",
}
"""The files of a model that find it or its weights by a path in the crate."""
NOT_BUNDLED = {".cargo/config.toml", ".gitignore", "Cargo.toml", "build.rs", "rustfmt.toml"}
"""Files of which the bundle has its own."""


@pytest.fixture(scope="module")
def converted(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The output folders of the models."""
    folder, found = tmp_path_factory.mktemp("bundled"), []
    for (name, build), module in zip(MODELS.items(), MODULES, strict=True):
        path = graphs.save(build(), folder / f"{module}.onnx")
        states = STATEFUL["voice_activity"].states if name == "test" else {}
        convert(open_onnx(path), Options(folder / module, name, states=states, license="MIT"))
        found.append(folder / module)
    return found


@pytest.fixture
def copies(converted: list[Path], tmp_path: Path) -> list[Path]:
    """Copies of two of the folders, which a test can change."""
    return [Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in converted[:2]]


@pytest.fixture(scope="module")
def crate(converted: list[Path]) -> Path:
    result = _run(*converted, "--path_to_save", converted[0].parent / "all models")
    assert result.exit_code == 0, result.output
    assert result.stdout.strip() == str(converted[0].parent / "all models" / "rust_generated_code")
    return converted[0].parent / "all models" / "rust_generated_code"


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["bundle", *(str(argument) for argument in arguments)])


def _texts(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in files_in(folder)}


def test_the_files_of_every_model_are_those_of_its_conversion(converted: list[Path], crate: Path) -> None:
    for folder, module in zip(converted, MODULES, strict=True):
        alone, bundled = _texts(folder / "rust_generated_code"), _texts(crate / "models" / module)
        expected = {name for name in alone if not name.startswith("tf-layers/")} - NOT_BUNDLED
        assert bundled.keys() == expected
        # Only the code of a classifier includes thresholds.
        rewritten = REWRITTEN if module == "interface_2" else REWRITTEN - {"src/prediction.rs"}
        assert {name for name in expected if bundled[name] != alone[name]} == rewritten


def test_the_crate_has_one_copy_of_the_layers_and_all_targets(crate: Path) -> None:
    tomllib = pytest.importorskip("tomllib")
    manifest = tomllib.loads((crate / "Cargo.toml").read_text(encoding="utf-8"))
    assert (manifest["package"]["name"], manifest["package"]["license"]) == ("all-models", "MIT")
    for kind, file in (("test", "predictions.rs"), ("example", "predict.rs"), ("bench", "benchmarks.rs")):
        assert tuple(target["name"] for target in manifest[kind]) == MODULES
        assert all((crate / target["path"]).name == file for target in manifest[kind])
    assert [path.parent.relative_to(crate).as_posix() for path in crate.rglob("tf-layers/Cargo.toml")] == ["tf-layers"]
    assert manifest["dependencies"]["rayon"]["optional"]


def test_modules_are_named_after_their_models(crate: Path) -> None:
    text = (crate / "src" / "lib.rs").read_text(encoding="utf-8")
    assert tuple(line[8:-1] for line in text.splitlines() if line.startswith("pub mod ")) == MODULES
    for module in MODULES:
        test = (crate / "models" / module / "tests" / "predictions.rs").read_text(encoding="utf-8")
        assert f"\nuse all_models::{module}::" in test


@pytest.mark.skipif(shutil.which("rustfmt") is None, reason="there is no rustfmt")
def test_rustfmt_finds_nothing_to_change(crate: Path) -> None:
    names = ("build.rs", "src/lib.rs", "models/*/tests/*.rs", "models/*/examples/*.rs", "models/*/benches/*.rs")
    files = [path for name in names for path in crate.glob(name)]
    command = ["rustfmt", "--edition", "2024", "--check", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_same_models_give_the_same_bytes(converted: list[Path], crate: Path, tmp_path: Path) -> None:
    assert bundle.write_bundle(converted, tmp_path / "other", "all models") == []
    assert _texts(tmp_path / "other" / "rust_generated_code") == _texts(crate)


def test_thresholds_and_weights_of_the_user_are_bundled(copies: list[Path], tmp_path: Path) -> None:
    path = copies[1] / "rust_generated_code" / "model" / "thresholds.json"
    path.write_text('{"edited": true}')
    bundle.write_bundle(copies, tmp_path / "out", tf_layers=copies[0] / "rust_generated_code" / "tf-layers")
    crate = tmp_path / "out" / "rust_generated_code"
    assert (crate / "models" / "lib" / "model" / "thresholds.json").read_text() == '{"edited": true}'
    assert not (crate / "tf-layers").exists()


def test_a_licence_that_is_not_stated_keeps_the_crate_private(copies: list[Path], tmp_path: Path) -> None:
    for licence, expected in (
        ("MIT OR Apache-2.0", 'license = "MIT AND (MIT OR Apache-2.0)"'),
        (None, "publish = false"),
    ):
        manifest = copies[1] / "rust_generated_code" / "Cargo.toml"
        text = (copies[1].parent / "lib" / "rust_generated_code" / "Cargo.toml").read_text()
        line = "publish = false" if licence is None else f'license = "{licence}"'
        manifest.write_text("\n".join(line if old.startswith("license") else old for old in text.splitlines()))
        bundle.write_bundle(copies, tmp_path / "out")
        assert expected in (tmp_path / "out" / "rust_generated_code" / "Cargo.toml").read_text()


def _interface(folder: Path, /, **changes: object) -> None:
    path = folder / "model" / "interface.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def _port(crate: Path, **changes: object) -> None:
    path = crate / "model" / "interface.json"
    content = json.loads(path.read_text())
    _interface(crate, inputs=[{**content["inputs"][0], **changes}])


def _of_another_version(crate: Path) -> None:
    path = crate.parent / "model_info" / "conversion.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "tf2rust": "0.0.9"}))


def _link(crate: Path) -> None:
    path = crate / "src" / "model.rs"
    path.rename(path.with_name("elsewhere.rs"))
    path.symlink_to("elsewhere.rs")


_EDITED = "model/interface.json is missing, was edited, or was not written by this version of tf2rust"
_BROKEN: Mapping[str, tuple[Callable[[Path], object], str]] = {
    "no code": (lambda crate: (crate / "src/model.rs").unlink(), "src/model.rs is missing; convert the model again."),
    "no samples": (lambda crate: shutil.rmtree(crate / "testdata"), "features.npz is missing; convert"),
    "no crate": (lambda crate: shutil.rmtree(crate), _EDITED),
    "no marker": (lambda crate: (crate.parent / ".tf2rust").unlink(), "is not the output of a conversion"),
    "no record": (
        lambda crate: shutil.rmtree(crate.parent / "model_info"),
        "has no conversion.json: it was deleted",
    ),
    "link": (_link, "src/model.rs is missing; convert the model again."),
    "not text": (lambda crate: (crate / "src/model.rs").write_bytes(b"\xff"), "src/model.rs cannot be read ("),
    "truncated weights": (
        lambda crate: (crate / bundle.WEIGHTS).write_bytes((crate / bundle.WEIGHTS).read_bytes()[:200]),
        "model_weights.npz is not a readable NPZ file",
    ),
    "another version": (_of_another_version, "was written by tf2rust 0.0.9, and this is "),
    "other layers": (
        lambda crate: (crate / "tf-layers/src/dims.rs").write_text("// mine"),
        "tf-layers/src/dims.rs is not that of this tf2rust",
    ),
    "missing layers": (
        lambda crate: (crate / "tf-layers/src/dims.rs").unlink(),
        "tf-layers/src/dims.rs is not that of this tf2rust",
    ),
    "loaded weights": (lambda crate: _interface(crate, embeds=False), "does not embed its weights"),
    "not JSON": (lambda crate: (crate / "model/interface.json").write_text("{"), _EDITED),
    "deep JSON": (lambda crate: (crate / "model/interface.json").write_text("[" * 99_999), _EDITED),
    "a list": (lambda crate: (crate / "model/interface.json").write_text("[]"), _EDITED),
    "a path as name": (lambda crate: _interface(crate, crate="../../lib"), _EDITED),
    "code as name": (lambda crate: _interface(crate, struct="A{}fn main(){}"), _EDITED),
    "another model": (lambda crate: _interface(crate, model_name="other"), _EDITED),
    "a number as name": (lambda crate: _interface(crate, model_name=5), _EDITED),
    "a text as flag": (lambda crate: _interface(crate, embeds="yes"), _EDITED),
    "a text as count": (lambda crate: _interface(crate, samples="9"), _EDITED),
    "unknown key": (lambda crate: _interface(crate, more=1), _EDITED),
    "dtype": (lambda crate: _port(crate, dtype="float33"), _EDITED),
    "field": (lambda crate: _port(crate, field="a b"), _EDITED),
    "shape": (lambda crate: _port(crate, shape=[-1]), _EDITED),
    "port": (lambda crate: _port(crate, name=None), _EDITED),
}


@pytest.mark.parametrize("name", _BROKEN)
def test_a_damaged_folder_is_refused_and_nothing_is_written(copies: list[Path], tmp_path: Path, name: str) -> None:
    change, sentence = _BROKEN[name]
    change(copies[1] / "rust_generated_code")
    before = {path: _texts(path) for path in copies}
    result = _run(*copies, "--path_to_save", tmp_path / "new" / "out")
    assert (result.exit_code, result.stdout) == (1, "")
    assert sentence in result.stderr
    assert {path: _texts(path) for path in copies} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(path.name for path in copies)


def test_all_reasons_are_listed(copies: list[Path], tmp_path: Path) -> None:
    for folder in copies:
        (folder / "rust_generated_code" / "src" / "model.rs").unlink()
    result = _run(*copies, "--path_to_save", tmp_path / "out")
    assert result.stderr.count("src/model.rs is missing") == 2


_ARGUMENTS: Mapping[str, tuple[list[str], int, str]] = {
    "one model": (["mnist_v2"], 2, "give the folders of at least two models"),
    "one model twice": (["mnist_v2", "mnist_v2"], 1, "mnist_v2 is given twice; give it once"),
    "its crate": (["mnist_v2", "mnist_v2/rust_generated_code"], 1, "is given twice; give it once"),
    "no folder": (["mnist_v2", "nothing"], 1, "nothing is not the output of a conversion"),
    "a file": (["mnist_v2", "mnist_v2.onnx"], 1, "mnist_v2.onnx is not the output of a conversion"),
    "a bundle": (["mnist_v2", "all models"], 1, "is a bundle of several models"),
    "no name": (["mnist_v2", "lib", "--name", " "], 2, "--name is empty"),
    "no layers": (["mnist_v2", "lib", "--tf_layers", "nothing"], 2, "nothing: the folder has no Cargo.toml"),
}


@pytest.mark.parametrize("name", _ARGUMENTS)
def test_wrong_arguments(crate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    given, code, sentence = _ARGUMENTS[name]
    monkeypatch.chdir(crate.parents[1])
    result = _run(*given, "--path_to_save", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (code, "")
    assert sentence in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_folders_of_others_are_not_replaced(copies: list[Path], tmp_path: Path) -> None:
    result = _run(*copies, "--path_to_save", copies[0])
    assert "is a model of the bundle and its output folder; choose another" in result.stderr
    result = _run(*copies, "--path_to_save", tmp_path)
    assert "contains other files" in result.stderr
    assert (copies[0] / "rust_generated_code" / "src" / "model.rs").exists()


def test_weights_that_are_too_large_are_refused(
    copies: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "_MOST_BYTES", 100)
    result = _run(*copies, "--path_to_save", tmp_path / "out")
    assert "MiB of weights together, and one crate embeds at most 0 MiB" in result.stderr


@pytest.mark.parametrize(
    "command",
    [
        ["verify", "DIR"],
        ["run", "DIR", "in.npz", "out.npz"],
        ["profile", "DIR"],
        ["add", "DIR", "--with", "c"],
        ["size", "DIR"],
        ["report", "DIR"],
        ["summary", "DIR"],
        ["check", "DIR", "model.onnx"],
    ],
)
def test_commands_for_one_model_refuse_a_bundle(crate: Path, command: list[str]) -> None:
    result = CliRunner().invoke(app, [str(crate.parent) if word == "DIR" else word for word in command])
    assert (result.exit_code, result.stdout) == (1, "")
    assert "is a bundle of several models; give the folder that one of them was converted to" in result.stderr
