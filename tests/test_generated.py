"""The generated text: snapshots for readers, and arbitrary names."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.crates import ROOT, TF_LAYERS, Crates
from tests.models import graphs
from tests.models.large import chain
from tf2rust.codegen import render
from tf2rust.conversion import Options, convert
from tf2rust.errors import ConversionError
from tf2rust.source import open_onnx

SNAPSHOTS = Path(__file__).parent / "snapshots"
FILES = ("Cargo.toml", "build.rs", "src/blob.rs", "src/lib.rs", "src/model.rs", "src/profile.rs")
PARTS_FILES = (*FILES, "weights/1/Cargo.toml", "weights/1/build.rs", "weights/1/src/lib.rs")
NAMES = ("rayon", "serde", 'a "b"\\ */\n{{ 7 * 7 }} \u202e\ud800\0')
"""Names of models that equal those of dependencies, or that would break the surrounding text."""
MODELS = {"mlp": graphs.mlp, "two_inputs": graphs.two_inputs, "control": graphs.control}


@pytest.fixture(scope="module")
def crates(tmp_path_factory: pytest.TempPathFactory) -> Crates:
    folder = tmp_path_factory.mktemp("generated")
    made = Crates(folder)
    for name, model in {**MODELS, "hostile": graphs.hostile, "numbers": graphs.numbers}.items():
        made.add(name, open_onnx(graphs.save(model(), folder / f"{name}.onnx")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "_PART_BYTES", 256)
        made.add("parts", open_onnx(graphs.save(graphs.mlp(), folder / "parts.onnx")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(render, "_MOST_EMBEDDED", 256)
        made.add("loaded", open_onnx(folder / "control.onnx"))
        made.add("loaded_scores", open_onnx(graphs.save(_classifier(), folder / "loaded_scores.onnx")))
    for name in NAMES:
        made.add(name, open_onnx(folder / "mlp.onnx"))
    # Groups of 32 layers would leave one over.
    made.add("sixty_five", open_onnx(graphs.save(chain(4 * 65), folder / "sixty_five.onnx")))
    made.build()
    return made


def _classifier() -> onnx.ModelProto:
    """A binary classifier with 400 bytes of weights."""
    nodes = [graphs.node("MatMul", ["x", "w"], ["y"]), graphs.node("Sigmoid", ["y"], ["score"])]
    kernel = np.random.default_rng(1).random((100, 1), np.float32)
    ends = [{name: (onnx.TensorProto.FLOAT, ["n", size])} for name, size in (("x", 100), ("score", 1))]
    return graphs.graph(nodes, *ends, {"w": kernel})


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("name", MODELS)
def test_snapshot(tmp_path: Path, name: str, file: str) -> None:
    """Run with UPDATE_SNAPSHOTS=1 to accept changes."""
    source = open_onnx(graphs.save(MODELS[name](), tmp_path / f"{name}.onnx"))
    text = (convert(source, Options(tmp_path / "out", name)).crate / file).read_text(encoding="utf-8")
    assert_snapshot(text, SNAPSHOTS / name / file)


def assert_snapshot(text: str, snapshot: Path) -> None:
    text = re.sub(r"(?<=\d\+)[0-9a-f]{12}", "HASH", text)
    if os.environ.get("UPDATE_SNAPSHOTS"):
        snapshot.parent.mkdir(parents=True, exist_ok=True)
        snapshot.write_text(text, encoding="utf-8", newline="\n")
    assert text == snapshot.read_text(encoding="utf-8")


@pytest.mark.parametrize("file", PARTS_FILES)
def test_snapshot_of_weights_in_parts(crates: Crates, file: str) -> None:
    text = (crates.converted["parts"].crate / file).read_text(encoding="utf-8")
    assert_snapshot(text.replace(TF_LAYERS.as_posix(), "TF_LAYERS"), SNAPSHOTS / "parts" / file)


@pytest.mark.parametrize("name", [*MODELS, "hostile", "numbers", "parts", "sixty-five", "loaded", "loaded-scores"])
def test_crate_passes_its_own_tests(crates: Crates, name: str) -> None:
    assert "0 failed" in crates.test(name)


def test_hostile_names_survive_as_data(crates: Crates) -> None:
    """Clippy, rustdoc and doc tests see the names too; the NPZ files contain them unchanged."""
    crates.cargo("clippy", "--release", "-p", "hostile", "--all-targets", "--", "-D", "warnings")
    crates.cargo("test", "--release", "-p", "hostile", "--doc")
    model = graphs.hostile()
    crate = crates.converted["hostile"].crate
    features = (crate / "testdata" / "features.npz").read_bytes()
    assert all(f"predictions_{o.name}".encode() in features for o in model.graph.output)
    for path in crate.rglob("*.rs"):
        text = path.read_text(encoding="utf-8")
        assert "7 * 7" not in text or "49" not in text
        assert "\u202e" not in text


def test_arrays_go_by_their_names(crates: Crates, tmp_path: Path) -> None:
    """The program reads NumPy's files and writes files for NumPy, whatever the names."""
    model = graphs.hostile()
    (name,) = (value.name for value in model.graph.input)
    np.savez(tmp_path / "in.npz", **{name: np.ones((3, 4), np.float32)})
    arrays = (str(tmp_path / "in.npz"), str(tmp_path / "out.npz"))
    crates.cargo("run", "--release", "-p", "hostile", "--example", "predict", "--", *arrays)
    with np.load(tmp_path / "out.npz") as found:
        assert found.files == [value.name for value in model.graph.output]
        assert all(found[name].shape == (3, 2) for name in found.files)


@pytest.mark.targets
def test_clippy_has_nothing_to_say_of_numbers_loops_and_branches(crates: Crates) -> None:
    """The feature `profile` adds code to that of all crates."""
    packages = ("-p", "control", "-p", "numbers", "-p", "sixty-five", "--features", "profile")
    crates.cargo("clippy", "--release", *packages, "--all-targets", "--", "-D", "warnings")


@pytest.mark.parametrize("name", ["loaded", "loaded-scores"])
def test_weights_beyond_the_limit_are_loaded(crates: Crates, name: str, tmp_path: Path) -> None:
    """The example, the documentation and clippy know that they are not embedded."""
    converted = crates.converted[name.replace("-", "_")]
    crate = converted.crate
    assert "include_bytes" not in (crate / "src" / "model.rs").read_text(encoding="utf-8")
    assert (crate / "build.rs").exists() == (name == "loaded-scores")
    assert any("does not embed its 0.0 GB" in note for note in converted.notes)
    crates.cargo("clippy", "--release", "-p", name, "--all-targets", "--", "-D", "warnings")
    crates.cargo("test", "--release", "-p", name, "--doc")


def test_the_same_model_gives_the_same_bytes(tmp_path: Path) -> None:
    """Even if the source lists its nodes in another order."""
    proto = graphs.two_inputs()
    contents = []
    for attempt in ("a", "b"):
        path = graphs.save(proto, tmp_path / "model.onnx")
        convert(open_onnx(path), Options(tmp_path / attempt, "model"))
        files = sorted(p for p in (tmp_path / attempt).rglob("*") if p.is_file())
        contents.append({p.relative_to(tmp_path / attempt): p.read_bytes() for p in files})
    assert contents[0].keys() == contents[1].keys()
    assert [p for p in contents[0] if contents[0][p] != contents[1][p]] == []


def test_a_crate_without_a_registry_compiles_as_a_dependency(tmp_path: Path) -> None:
    """With default features off, as a dependency of an application, without network access."""
    convert(open_onnx(graphs.save(graphs.mlp(), tmp_path / "mlp.onnx")), Options(tmp_path / "out", "mlp"))
    application = tmp_path / "application"
    (application / "src").mkdir(parents=True)
    (application / "Cargo.toml").write_text(
        '[package]\nname = "application"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\n'
        'mlp = { path = "../out/rust_generated_code", default-features = false }\n'
    )
    (application / "src" / "lib.rs").write_text("#![no_std]\npub use mlp::MlpModel;\n")
    crates = Crates(application)
    crates.cargo("check", "--offline", home=tmp_path / "empty_cargo_home")


def test_benchmarks_are_timed_and_selected_by_name(crates: Crates) -> None:
    bench = ("--release", "-p", "mlp", "--bench", "benchmarks")
    once = crates.cargo("test", *bench)
    assert "mlp/batch 1: ok" in once
    assert "mlp/batch 64: ok" in once
    timed = crates.cargo("bench", *bench[1:], "--", "batch 64")
    (row,) = (line for line in timed.splitlines() if line.startswith("mlp/"))
    assert re.fullmatch(r"mlp/batch 64 +[\d.]+ [nµm]?s +[\d.]+ [nµm]?s to [\d.]+ [nµm]?s +[\d.]+ [kMG]", row)
    assert re.search("benchmark +median +10 % to 90 % +samples/s", timed)


def test_tests_and_benchmarks_compile_two_packages(crates: Crates) -> None:
    """They depend on nothing but the crate and tf-layers; rayon is optional."""
    printed = crates.cargo("tree", "-p", "mlp", "--edges", "all", "--prefix", "none")
    assert {line.split()[0] for line in printed.splitlines() if " v" in line} == {"mlp", "tf-layers"}


@pytest.mark.targets
def test_the_examples_of_the_documentation_compile(crates: Crates, tmp_path: Path) -> None:
    """``docs/rust.md`` as an application."""
    text = (ROOT / "docs" / "rust.md").read_text(encoding="utf-8")
    examples = re.findall("^```rust\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(examples) > 5
    body = "Result<(), Box<dyn std::error::Error>> {{\n{example}\nOk(())\n}}\n"
    source = "".join(f"pub fn f{i}() -> " + body.format(example=example) for i, example in enumerate(examples))
    path = crates.converted["mlp"].crate.as_posix()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "lib.rs").write_text(f"#![allow(unused_variables)]\n{source}")
    (tmp_path / "Cargo.toml").write_text(
        '[package]\nname = "application"\nversion = "0.1.0"\nedition = "2024"\n\n[dependencies]\n'
        'ndarray = { version = "0.17", default-features = false }\n'
        'image = { version = "0.25", default-features = false }\n'
        f'mlp = {{ path = "{path}", features = ["ndarray", "image", "mmap", "profile"] }}\n'
    )
    shutil.copy(ROOT / "tests" / "Cargo.lock", tmp_path / "Cargo.lock")
    Crates(tmp_path).cargo("check")


def test_a_crate_is_packaged_with_its_card_and_its_licence(tmp_path: Path) -> None:
    """``make targets`` also builds the package."""
    source = open_onnx(graphs.save(graphs.mlp(), tmp_path / "mlp.onnx"))
    crate = convert(source, Options(tmp_path / "out", "mlp", license="MIT OR Apache-2.0")).crate
    shutil.copy(ROOT / "tests" / "Cargo.lock", crate / "Cargo.lock")
    (crate / "notes.txt").write_text("the user's")
    crates = Crates(crate)
    crates.environment = {"CARGO_TARGET_DIR": str(tmp_path / "target")}
    crates.cargo("pack", "--allow-dirty", "--no-verify")
    (package,) = (tmp_path / "target" / "package").glob("mlp-0.1.0*.crate")
    with tarfile.open(package) as archive:
        texts = {member.name.partition("/")[2]: archive.extractfile(member) for member in archive.getmembers()}
        manifest = (texts["Cargo.toml"] or io.BytesIO()).read().decode()
    assert 'license = "MIT OR Apache-2.0"' in manifest
    assert "publish" not in manifest
    assert {"README.md", "build.rs", "model/model_weights.npz", "src/model.rs", "testdata/features.npz"} <= texts.keys()
    assert "notes.txt" not in texts
    card = (crate / "README.md").read_text(encoding="utf-8")
    digest = hashlib.sha256((tmp_path / "mlp.onnx").read_bytes()).hexdigest()
    for part in (
        digest,
        "| input | `x` | float32 [batch, 5] |",
        "MlpModel::new()?",
        "| `y` | 1.0e-05 |",
        "from float64",
    ):
        assert part in card


def test_a_crate_without_a_licence_cannot_be_published(crates: Crates) -> None:
    crate = crates.converted["mlp"].crate
    assert "publish = false" in (crate / "Cargo.toml").read_text(encoding="utf-8")
    assert "not stated" in (crate / "README.md").read_text(encoding="utf-8")


def test_model_onnx_is_the_model(crates: Crates) -> None:
    for name, model in MODELS.items():
        path = crates.converted[name].model_info / "model.onnx"
        assert onnx.load(path) == model()


@pytest.mark.parametrize("name", ["a\0b", "long" * 20_000])
def test_a_name_that_no_archive_can_hold_is_refused(tmp_path: Path, name: str) -> None:
    nodes = [graphs.node("Tanh", ["x"], [name])]
    model = graphs.graph(nodes, {"x": (1, ["n", 3])}, {name: (1, ["n", 3])})
    with pytest.raises(ConversionError, match="is not valid in an NPZ file") as error:
        convert(open_onnx(graphs.save(model, tmp_path / "model.onnx")), Options(tmp_path / "out", "m"))
    assert len(str(error.value)) < 500
