"""Several generated crates in one program, each with its own copy of tf-layers."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.crates import ROOT, Crates
from tests.models import graphs
from tf2rust.codegen import render
from tf2rust.conversion import Options, convert
from tf2rust.source import open_onnx

# Two of one name, one of which has its weights in parts; the program's package has that name as well.
CRATES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "one": ("mlp", "mlp", {}),
    "two": ("mlp", "mlp", {"enable_inplace": False, "dims": {"batch": 1}}),
    "three": ("two_inputs", "two-inputs", {}),
}
# In a workspace no two packages may have one name.
MEMBERS = [*CRATES][1:]
MAIN = """
use one::{Inputs, TensorView};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x = [0.5; 5];
    let first = one::MlpModel::new()?.predict(&Inputs { x: TensorView::new(&x, &[1, 5])? })?;
    let inputs = two::Inputs { x: two::TensorView::new(&x, &[1, 5])? };
    let second = two::MlpModel::new()?.predict(&inputs)?;
    let inputs = three::Inputs {
        characters: three::TensorView::new(&[1, 2, 3], &[1, 3])?,
        numbers: three::TensorView::new(&[0.5; 3], &[1, 3])?,
    };
    let third = three::TwoInputsModel::new()?.predict(&inputs)?;
    assert_eq!(first.y.data(), second.y.data());
    assert_eq!(third.score.shape(), [1, 1]);
    println!("three models");
    Ok(())
}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("programs")
    for name, (model, called, options) in CRATES.items():
        source = open_onnx(graphs.save(getattr(graphs, model)(), folder / f"{model}.onnx"))
        with pytest.MonkeyPatch.context() as patch:
            if name == "two":
                patch.setattr(render, "_PART_BYTES", 256)
            convert(source, Options(folder / name, called, **options))
    (folder / "src").mkdir()
    (folder / "src" / "main.rs").write_text(MAIN)
    return folder


def _program(folder: Path, names: Iterable[str], head: str) -> Crates:
    """A program at the top of ``folder`` that depends on crates there."""
    dependencies = "".join(
        f'{name} = {{ path = "{name}/rust_generated_code", package = "{CRATES[name][1]}" }}\n' for name in names
    )
    package = f'{head}version = "0.1.0"\nedition = "2024"\n'
    profile = "[profile.dev]\ndebug = false\nincremental = false\n"
    (folder / "Cargo.toml").write_text(f"{package}\n[dependencies]\n{dependencies}\n{profile}")
    return Crates(folder)


def test_a_program_of_three_models(folder: Path, tmp_path: Path) -> None:
    """Without network access."""
    program = _program(folder, CRATES, '[package]\nname = "mlp"\n')
    assert "three models" in program.cargo("run", "--offline", home=tmp_path / "empty_cargo_home")
    found = re.findall(r'name = "(.*)"\nversion = "(.*)"\n', (folder / "Cargo.lock").read_text())
    expected = (
        ["mlp"] * 3 + ["mlp-tf-layers"] * 2 + ["mlp-weights-1", "mlp-weights-2", "two-inputs", "two-inputs-tf-layers"]
    )
    assert sorted(name for name, _ in found) == expected
    assert len(set(found)) == len(found)


def test_a_workspace_of_two_models(folder: Path) -> None:
    """Cargo treats every package as a member that a member depends on and that is inside the workspace's folder."""
    shutil.copy(ROOT / "tests" / "Cargo.lock", folder / "Cargo.lock")
    crates = _program(folder, MEMBERS, '[workspace]\nresolver = "3"\n\n[package]\nname = "program"\n')
    members = crates.cargo("metadata", "--no-deps", "--format-version=1")
    expected = {
        "program",
        "mlp",
        "mlp-tf-layers",
        "mlp-weights-1",
        "mlp-weights-2",
        "two-inputs",
        "two-inputs-tf-layers",
    }
    assert {package["name"] for package in json.loads(members.splitlines()[0])["packages"]} == expected
    crates.cargo("fmt", "--check", *(f"--package={name}" for name in expected - {"program"}))
