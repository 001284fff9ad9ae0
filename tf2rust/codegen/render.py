"""The text files of the crate, from templates."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from tf2rust import __version__
from tf2rust.codegen.architecture import architecture
from tf2rust.codegen.model import Model
from tf2rust.codegen.names import crate_name, pascal_case, words
from tf2rust.codegen.pretty import block_line, constant, let_tuple, total, use_list, wrap
from tf2rust.codegen.row import Row
from tf2rust.codegen.vendor import package_name, resource
from tf2rust.ops.core.dims import Expr, format_shape
from tf2rust.ops.core.layer import Dims, LayerGraph
from tf2rust.ops.core.rust import rust_comment, rust_list, rust_str
from tf2rust.proof.proof import Proof, features_key
from tf2rust.scoring import Scoring

_TEMPLATES = (
    "Cargo.toml",
    "build.rs",
    ".cargo/config.toml",
    "rustfmt.toml",
    "src/lib.rs",
    "src/model.rs",
    "src/weights.rs",
    "tests/predictions.rs",
    "benches/benchmarks.rs",
    "examples/predict.rs",
)

_PART_TEMPLATES = ("Cargo.toml", "build.rs", "src/lib.rs")
_GROUP = 32
"""Fields that one function initialises at most; the compiler's time grows with more than the square of their number."""
_PART_BYTES = 24 << 20
"""What one crate embeds of the weights at most: the compiler takes 5 to 12 times as much memory for it."""


@dataclass(frozen=True)
class CrateOptions:
    """What the crate is called and where it comes from.

    ``tf_layers`` is a path to depend on instead of a copy of tf-layers in the crate.
    """

    model_name: str
    source_name: str
    source_sha256: str
    tf_layers: Path | None = None


@dataclass(frozen=True)
class WeightsPart:
    """A crate of its own for some of the weights, its folder in the crate, and where it finds tf-layers."""

    crate: str
    folder: str
    entries: range
    tf_layers: str

    @property
    def module(self) -> str:
        return self.crate.replace("-", "_")


@dataclass(frozen=True)
class FieldGroup:
    """Fields of the model that one function makes: name, type and initialiser; whether that reads weights."""

    fields: tuple[tuple[str, str, str], ...]
    needs_blob: bool


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Rust is no HTML; names pass through rust_str, rust_comment or snake_case
    )
    environment.filters["wrap"] = lambda line, indent: f"\n{' ' * indent}".join(wrap(line, indent))
    environment.filters["block"] = lambda lines, indent: "".join(block_line(line, indent) for line in lines)
    environment.filters["total"] = total
    environment.filters["constant"] = constant
    environment.filters["let_tuple"] = let_tuple
    environment.filters["use"] = lambda names, path: use_list(path, sorted(names))
    return environment


def render_crate(
    model: Model,
    graph: LayerGraph,
    proof: Proof,
    scoring: Scoring,
    options: CrateOptions,
    only: Sequence[str] = (),
) -> dict[str, str]:
    """The text files of the crate, by path; ``only`` some of them where it is given."""
    context = _context(model, graph, proof, scoring, options)
    names = [*_TEMPLATES]
    names += ["src/prediction.rs"] if context["predicts_from"] else []
    names += ["src/thresholds.rs"] if context["binary"] else []
    names += ["src/labels.rs"] if scoring.labels else []
    names += ["src/parallel.rs"] if model.tiles else []
    texts = {
        name: _environment().get_template(f"{name}.j2").render(context) for name in names if not only or name in only
    }
    for part in () if only else context["parts"]:
        for name in _PART_TEMPLATES:
            template = _environment().get_template(f"weights/{name}.j2")
            texts[f"{part.folder}/{name}"] = template.render(context, part=part)
    return texts


def _context(model: Model, graph: LayerGraph, proof: Proof, scoring: Scoring, options: CrateOptions) -> dict[str, Any]:
    crate = crate_name(options.model_name)
    digest = architecture_hash(model, graph)
    parts = _parts(model, crate, options.tf_layers)
    used, groups = words(model.text), _groups(model.fields)
    scratch = "workspace.scratch" in model.text
    if "isa" not in used:
        model.imports = [name for name in model.imports if name != "Isa"]
    if scratch and "Buffer" not in model.imports:
        model.imports = sorted([*model.imports, "Buffer"])
    terms = [f"self.b{i}.capacity_bytes()" for i in range(len(model.buffers))] + [
        "self.scratch.capacity_bytes()"
    ] * scratch
    row = Row.of(model)
    sample = {name: list(array.shape) for name, array in proof.inputs.items()}
    return {
        "version": __version__,
        "crate": crate,
        "module": crate.replace("-", "_"),
        "struct": f"{pascal_case(options.model_name, 'M')}Model",
        "model": model,
        "model_name": options.model_name.replace("\\", "/").replace('"', "'")
        if options.model_name.isprintable()
        else crate,
        "model_comment": rust_comment(options.model_name),
        "model_literal": rust_str(options.model_name),
        "source_comment": rust_comment(options.source_name),
        "source_sha256": options.source_sha256,
        "tf_layers": _dependency(crate, options.tf_layers),
        "architecture_bytes": [", ".join(f"0x{b:02x}" for b in digest[i : i + 16]) for i in (0, 16)],
        "scratch": scratch,
        "tiles": model.tiles,
        "tile_variables": ", ".join(name if name in used else "_" for name in model.variables),
        "uses": lambda name: name in used,
        "reads_dims": not used.isdisjoint(model.variables),
        "workspace_terms": terms,
        "field_groups": groups,
        "initialisers": _initialisers(model, used, bool(groups)),
        "fields_need_blob": bool(groups) or _needs_blob(model.fields),
        "any_dims": bool(model.inputs),
        "halves": "float16" in (p.dtype for p in (*model.inputs, *model.outputs)),
        "halves_out": "float16" in (p.dtype for p in model.outputs[:1]),
        "halves_in": "float16" in (p.dtype for p in model.inputs),
        "binary": scoring.column is not None,
        "score_column": scoring.column,
        "row": row,
        "predicts_from": len(model.outputs) == 1 and (row is not None or scoring.column is not None),
        "tests_scores": scoring.column is not None and row is not None and proof.batched,
        "labels": [rust_str(label) for label in scoring.labels],
        "entries": [entry.rust() for entry in model.weights.entries],
        "parts": parts,
        "weights_calls": "".join(f", {part.module}::weights()" for part in parts),
        "reference": proof.reference,
        "samples": proof.samples,
        "batched": proof.batched,
        "tolerance": {name: f"{value:e}" for name, value in proof.tolerances.items()},
        "tolerance_reason": proof.reasons,
        "sample_shape": {name: rust_list(shape) for name, shape in sample.items()},
        "features_key": lambda port, prefix, ports: rust_str(features_key(prefix, port.name, len(ports))),
        "shape_literal": lambda shape: rust_str(format_shape(shape)),
        "extents": lambda shape: _extents(shape, model.free),
        "each_input": lambda form: ", ".join(
            form.format(field=port.field, i=i) for i, port in enumerate(model.inputs, start=1)
        ),
        "example_value": lambda dtype: (
            "false"
            if dtype == "bool"
            else "F16::default()"
            if dtype == "float16"
            else "0.0"
            if dtype.startswith("f")
            else f"0_{_suffix(dtype)}"
        ),
        "example_len": lambda shape: str(int(np.prod(_example_shape(shape, sample, model), dtype=object))),
        "example_shape": lambda shape: rust_list(_example_shape(shape, sample, model)),
        "as_f64": lambda name, dtype: (
            f"f64::from(u8::from({name}))"
            if dtype == "bool"
            else name
            if dtype == "float64"
            else f"{name} as f64"
            if dtype.endswith("64")
            else f"f64::from({name})"
        ),
    }


def _initialisers(model: Model, used: set[str], grouped: bool) -> list[str]:
    """What the model's struct is made of; ``grouped`` layers are in variables of their names."""
    layers = [name if grouped else f"{name}: {value}" for name, _, value in model.fields]
    isa = ["isa: Isa::detect()"] if "isa" in used else []
    return [*isa, *layers, *([] if model.borrows else ["weights: core::marker::PhantomData"])]


def _groups(fields: Sequence[tuple[str, str, str]]) -> list[FieldGroup]:
    """The fields in groups of nearly equal size, each made by a function of its own; no groups where fields are few.

    No group has a single field, for which the functions would have to write tuples of one.
    """
    if len(fields) <= 2 * _GROUP:
        return []
    count = math.ceil(len(fields) / _GROUP)
    ends = [len(fields) * i // count for i in range(count + 1)]
    parts = [tuple(fields[start:end]) for start, end in pairwise(ends)]
    return [FieldGroup(part, _needs_blob(part)) for part in parts]


def _needs_blob(fields: Sequence[tuple[str, str, str]]) -> bool:
    """Whether one of the initialisers reads weights."""
    return any("blob." in value for *_, value in fields)


def _parts(model: Model, crate: str, tf_layers: Path | None) -> list[WeightsPart]:
    """The parts of the weights but for the first, which is in the crate itself."""
    dependency = _dependency(crate, tf_layers, "../../")
    _, *others = model.weights.parts(_PART_BYTES)
    return [
        WeightsPart(f"{crate}-weights-{i}", f"weights/{i}", run, dependency) for i, run in enumerate(others, start=1)
    ]


def _dependency(crate: str, tf_layers: Path | None, up: str = "") -> str:
    """Where a manifest finds tf-layers: at a path of the user's, or ``up`` from it, the crate's copy."""
    if tf_layers is not None:
        return f"path = {rust_str(tf_layers.as_posix())}"
    return f'path = "{up}tf-layers", package = "{package_name(crate)}"'


def _suffix(dtype: str) -> str:
    return dtype.replace("uint", "u").replace("int", "i")


def _example_shape(shape: Dims, sample: dict[str, list[int]], model: Model) -> list[int]:
    """A shape for the example in the documentation: one sample, other free dimensions as in the test data."""
    port = next(p for p in model.inputs if p.shape is shape)
    sizes = sample[port.name]
    return [1 if isinstance(d, Expr) and i == 0 else sizes[i] for i, d in enumerate(shape)]


def _extents(shape: Dims, free: Sequence[str]) -> str:
    return ", ".join(
        f"Extent::Fixed({d})" if isinstance(d, int) else f"Extent::Free({free.index(str(d))})" for d in shape
    )


def architecture_hash(model: Model, graph: LayerGraph) -> bytes:
    """SHA-256 of the architecture: what must be equal for weights to be exchanged."""
    return hashlib.sha256(json.dumps(architecture(model, graph), sort_keys=True).encode()).digest()
