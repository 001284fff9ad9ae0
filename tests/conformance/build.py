"""Many models as modules of a few crates: converted, compiled once, and run by one binary each."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tests.conformance.suite import Case, DataSet
from tests.crates import CARGO_PROFILE, ROOT, TARGET, TF_LAYERS
from tf2rust.classifier.scoring import Scoring
from tf2rust.classifier.thresholds import Thresholds
from tf2rust.codegen.crate import CrateOptions, write_npz
from tf2rust.codegen.model import Model, build
from tf2rust.codegen.render import render_crate
from tf2rust.conversion import match_layers
from tf2rust.errors import ConversionError
from tf2rust.ops.core.dtypes import as_stored
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.proof.proof import Proof
from tf2rust.rust.literals import RUST_TYPES, own_type, rust_str
from tf2rust.source import Source

CRATES = 4
"""The number of crates that share the modules; cargo compiles several at a time."""

_WORKSPACE = """[workspace]
resolver = "3"
members = [{members}]
{profile}"""
_MANIFEST = """[package]
name = "conformance-{index}"
version = "0.0.0"
edition = "2024"

[features]
default = ["alloc"]
alloc = []

[dependencies]
tf-layers = {{ path = "{tf_layers}" }}
"""
_MAIN = """#![allow(dead_code)]
use std::panic::catch_unwind;

{modules}

type Run = fn(&str, &str) -> Result<(), Box<dyn std::error::Error>>;

fn main() {{
    let folder = std::env::args().nth(1).unwrap();
    std::panic::set_hook(Box::new(|_| ()));
    let cases: &[(&str, &[&str], Run)] = &[
{cases}
    ];
    for (name, sets, run) in cases {{
        for set in *sets {{
            let result = catch_unwind(|| run(&format!("{{folder}}/{{name}}"), set));
            match result {{
                Ok(Ok(())) => println!("{{name}} {{set}} ok"),
                Ok(Err(error)) => println!("{{name}} {{set}} error: {{error}}"),
                Err(_) => println!("{{name}} {{set}} panic"),
            }}
        }}
    }}
}}
"""
_TYPES = sorted(filter(None, map(own_type, RUST_TYPES)))
_MODULE = """mod model;
mod weights;

use tf_layers::io::{{Npz, NpzWriter}};
use tf_layers::tensor::{{TensorView, {types}}};

/// The modules embed no weights.
mod blob {{
    pub fn parts() -> [&'static [u8]; 0] {{
        []
    }}
}}

pub fn run(folder: &str, set: &str) -> Result<(), Box<dyn std::error::Error>> {{
    let bytes = std::fs::read(format!("{{folder}}/{{set}}_in.npz"))?;
    let arrays = Npz::parse(&bytes)?;
    let weights = model::CaseModel::pack_weights(&std::fs::read(format!("{{folder}}/weights.npz"))?)?;
{reads}
    let inputs = model::Inputs {{ {fields} }};
    let outputs = model::CaseModel::from_weights(&weights)?.predict(&inputs)?;
    let mut writer = NpzWriter::new();
{writes}
    std::fs::write(format!("{{folder}}/{{set}}_out.npz"), writer.finish())?;
    Ok(())
}}
"""


@dataclass(frozen=True)
class Program:
    """The Rust of a case's model. A case has several if its data sets bind different inputs."""

    name: str
    texts: Mapping[str, str]
    """The files of its module."""
    sets: Mapping[str, DataSet]


class NotConvertedError(Exception):
    """The model is refused; the message has the reason."""


def convert(case: Case, name: str, source: Source, sets: Mapping[str, DataSet], folder: Path) -> Program:
    """The Rust of a case's model. Writes its arrays to ``folder``.

    Raises NotConvertedError with the first reason if a node is not supported.
    """
    try:
        found, graph = match_layers(source, case.lengths)
    except ConversionError as error:
        raise NotConvertedError(error.reasons[0]) from error
    if found.unmatched:
        causes = [u for u in found.unmatched if u.blocked_by is None] or found.unmatched
        raise NotConvertedError(f"{causes[0].op}: {causes[0].reason}")
    check_ports(next(iter(sets.values())), graph)
    if not graph.inputs:
        raise NotConvertedError("the model has no inputs")
    model = build(graph, inplace=True, memdrop=True)
    first = next(iter(sets.values()))
    if missing := [v.name for v in graph.inputs if v.name not in first.inputs]:
        raise NotConvertedError(f"the optional input {missing[0]} is absent, but the crate requires it")
    inputs = {v.name: first.inputs[v.name] for v in graph.inputs}
    nothing = dict.fromkeys(first.outputs, 0.0)
    proof = Proof(inputs, first.outputs, "onnx", nothing, dict.fromkeys(nothing, ""), False)
    options = CrateOptions("case", case.name, "", TF_LAYERS)
    texts = render_crate(
        model, graph, proof, Scoring(None, Thresholds()), options, only=("src/model.rs", "src/weights.rs")
    )
    place = folder / "data" / name
    place.mkdir(parents=True)
    _save(place / "weights.npz", model.weights.arrays())
    for key, data in sets.items():
        _save(place / f"{key}_in.npz", {p.name: data.inputs[p.name] for p in model.inputs})
    files = {Path(k).name: text for k, text in texts.items()}
    return Program(name, {**files, "mod.rs": _module(model)}, sets)


def check_ports(data: DataSet, graph: LayerGraph) -> None:
    """All outputs must be computed."""
    if missing := set(data.outputs) - {name for name, _ in graph.outputs}:
        raise NotConvertedError(f"output {min(missing)} is not computed")


def write(programs: Sequence[Program], folder: Path) -> None:
    """Writes the crates."""
    dealt = [programs[i::CRATES] for i in range(CRATES)]
    members = ", ".join(f'"c{i}"' for i, part in enumerate(dealt) if part)
    profile = CARGO_PROFILE.replace("opt-level = 1", "opt-level = 0", 1)
    (folder / "Cargo.toml").write_text(_WORKSPACE.format(members=members, profile=profile))
    shutil.copy(ROOT / "tests" / "Cargo.lock", folder / "Cargo.lock")
    for index, part in enumerate(dealt):
        if part:
            _write_crate(folder / f"c{index}", index, part)


def _write_crate(folder: Path, index: int, programs: Sequence[Program]) -> None:
    (folder / "src").mkdir(parents=True)
    (folder / "Cargo.toml").write_text(_MANIFEST.format(index=index, tf_layers=TF_LAYERS.as_posix()))
    lines = []
    for program in programs:
        module = folder / "src" / program.name
        module.mkdir()
        for name, text in program.texts.items():
            (module / name).write_text(text)
        sets = ", ".join(f'"{key}"' for key in program.sets)
        lines.append(f'        ("{program.name}", &[{sets}], {program.name}::run),')
    modules = "\n".join(f"mod {program.name};" for program in programs)
    (folder / "src" / "main.rs").write_text(_MAIN.format(modules=modules, cases="\n".join(lines)))


def _module(model: Model) -> str:
    reads, fields, writes = [], [], []
    for i, port in enumerate(model.inputs):
        if port.is_text:
            reads.append(f"    let a{i} = arrays.get_strings({port.literal})?;")
            reads.append(f"    let s{i} = a{i}.to_vec()?;")
            reads.append(f"    let d{i}: Vec<_> = s{i}.iter().map(String::as_str).collect();")
        else:
            reads.append(f"    let a{i} = arrays.get({port.literal})?;")
            reads.append(f"    let d{i} = a{i}.to_vec_lossless::<{port.rust_type}>()?;")
        fields.append(f"{port.field}: TensorView::new(&d{i}, a{i}.shape())?")
    for port in model.outputs:
        writes.append(f"    let y = &outputs.{port.field};")
        add = "add_strings" if port.is_text else "add"
        writes.append(f"    writer.{add}({rust_str(port.name)}, y.shape(), y.data())?;")
    return _MODULE.format(
        types=", ".join(_TYPES), reads="\n".join(reads), fields=", ".join(fields), writes="\n".join(writes)
    )


def _save(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    with path.open("wb") as file:
        write_npz(file, {name: as_stored(array) for name, array in arrays.items()})


def run(folder: Path) -> dict[tuple[str, str], str]:
    """Compiles and runs all crates. Returns the result of each data set: ``ok``, ``error: …`` or ``panic``."""
    environment = {**os.environ, "CARGO_TARGET_DIR": str(TARGET), "RUSTFLAGS": "-A warnings"}
    command = ["cargo", "build", "--release", "--workspace", "--message-format=json"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    messages = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    errors = "".join(m["message"]["rendered"] for m in messages if m["reason"] == "compiler-message")
    assert done.returncode == 0, f"{errors[:8000]}\n{done.stderr[-2000:]}"
    said: dict[tuple[str, str], str] = {}
    for message in messages:
        if message["reason"] == "compiler-artifact" and (binary := message.get("executable")):
            said.update(_run(binary, folder / "data"))
    return said


def _run(binary: str, data: Path) -> Iterator[tuple[tuple[str, str], str]]:
    done = subprocess.run([binary, str(data)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    for line in done.stdout.splitlines():
        name, key, verdict = line.split(" ", 2)
        yield (name, key), verdict


def outputs(folder: Path, program: str, key: str) -> dict[str, np.ndarray]:
    """The arrays that a program wrote for a data set."""
    with np.load(folder / "data" / program / f"{key}_out.npz") as arrays:
        return {name: arrays[name] for name in arrays.files}
