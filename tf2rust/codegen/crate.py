"""Writing the crate and the model's documents: into a folder beside, which is then renamed into place."""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import os
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from tf2rust import __version__
from tf2rust.codegen.architecture import architecture, computation_graph
from tf2rust.codegen.model import Model
from tf2rust.codegen.names import crate_name, pascal_case
from tf2rust.codegen.overview import Box, draw_overview
from tf2rust.codegen.proof import Proof, features_key
from tf2rust.errors import ConversionError
from tf2rust.ops.core.dims import Expr, format_shape
from tf2rust.ops.core.layer import Dims, LayerGraph
from tf2rust.ops.core.rust import rust_comment, rust_list, rust_str

DOCUMENTS = "saved_model_from_tensorflow"
CRATE = "rust_generated_code"
_TEMPLATES = (
    "Cargo.toml",
    "build.rs",
    ".cargo/config.toml",
    "src/lib.rs",
    "src/model.rs",
    "src/weights.rs",
    "tests/predictions.rs",
    "benches/benchmarks.rs",
    "examples/predict.rs",
)


@dataclass(frozen=True)
class CrateOptions:
    """What the crate is called and where it comes from.

    ``tf_layers`` is a path to depend on instead of a copy of tf-layers in the crate.
    """

    model_name: str
    source_name: str
    source_sha256: str
    tf_layers: Path | None = None


def resource(name: str) -> Path:
    """The folder ``templates`` or ``tf-layers``: inside the installed package, or at the top of a checkout."""
    inside = importlib.resources.files("tf2rust") / "_data" / name
    if inside.is_dir():
        return Path(str(inside))
    return Path(__file__).resolve().parents[2] / name


def render_crate(model: Model, graph: LayerGraph, proof: Proof, options: CrateOptions) -> dict[str, str]:
    """The text files of the crate, by path."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(resource("templates")),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Rust is no HTML; names pass through rust_str, rust_comment or snake_case
    )
    context = _context(model, graph, proof, options)
    return {name: environment.get_template(f"{name}.j2").render(context) for name in _TEMPLATES}


def _context(model: Model, graph: LayerGraph, proof: Proof, options: CrateOptions) -> dict[str, Any]:
    crate = crate_name(options.model_name)
    digest = architecture_hash(model, graph)
    text = "\n".join(line for step in model.steps for line in step.lines)
    scratch = "workspace.scratch" in text
    if scratch and "Buffer" not in model.imports:
        model.imports = sorted([*model.imports, "Buffer"])
    terms = [f"self.b{i}.capacity_bytes()" for i in range(len(model.buffers))] + [
        "self.scratch.capacity_bytes()"
    ] * scratch
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
        "tf_layers": "tf-layers" if options.tf_layers is None else options.tf_layers.as_posix(),
        "architecture_bytes": [", ".join(f"0x{b:02x}" for b in digest[i : i + 16]) for i in (0, 16)],
        "scratch": scratch,
        "workspace_terms": terms,
        "fields_need_blob": any(step.field and "blob." in step.field[1] for step in model.steps),
        "any_dims": bool(model.inputs),
        "reference": proof.reference,
        "samples": proof.samples,
        "batched": proof.batched,
        "tolerance": {name: f"{value:e}" for name, value in proof.tolerances.items()},
        "tolerance_reason": proof.reasons,
        "sample_shape": {name: rust_list(shape) for name, shape in sample.items()},
        "features_key": lambda port, prefix, ports: rust_str(features_key(prefix, port.name, len(ports))),
        "shape_literal": lambda shape: rust_str(format_shape(shape)),
        "extents": lambda shape: _extents(shape, model.free),
        "example_value": lambda dtype: (
            "false" if dtype == "bool" else "0.0" if dtype.startswith("f") else f"0_{_suffix(dtype)}"
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
        "is_nan": lambda name, dtype: f"{name}.is_nan()" if dtype.startswith("f") else "false",
    }


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


@dataclass(frozen=True)
class Files:
    """Everything a conversion writes, before any of it is written."""

    texts: dict[str, str]
    arrays: dict[str, dict[str, np.ndarray]]
    binaries: dict[str, bytes]


def collect(model: Model, graph: LayerGraph, proof: Proof, options: CrateOptions, onnx_bytes: bytes) -> Files:
    """All files of a conversion, by path under the output folder."""
    texts = {f"{CRATE}/{name}": text for name, text in render_crate(model, graph, proof, options).items()}
    texts[f"{DOCUMENTS}/computation_graph.json"] = _json(computation_graph(model, graph))
    texts[f"{DOCUMENTS}/model_architecture.json"] = _json(architecture(model, graph))
    weights = model.weights.arrays()
    arrays = {
        f"{DOCUMENTS}/model_weights.npz": weights,
        f"{CRATE}/model/model_weights.npz": weights,
        f"{CRATE}/testdata/features.npz": proof.features(),
    }
    binaries = {
        f"{DOCUMENTS}/model.onnx": onnx_bytes,
        f"{DOCUMENTS}/model_overview.png": overview(model, graph, options.model_name),
    }
    return Files(texts, arrays, binaries)


def overview(model: Model, graph: LayerGraph, title: str) -> bytes:
    """``model_overview.png``: a box for each input and layer, with name, kind and shapes."""
    boxes = [Box(p.name, "Input", (), (p.about,)) for p in model.inputs]
    made = {value: i for i, value in enumerate(graph.inputs)}
    edges = []
    for layer in graph.layers:
        edges += [(made[v], len(boxes)) for v in dict.fromkeys(layer.inputs)]
        made.update((v, len(boxes)) for v in layer.outputs)
        boxes.append(Box(model.names[layer], layer.kind, tuple(map(str, layer.inputs)), tuple(map(str, layer.outputs))))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "overview.png"
        draw_overview(title, boxes, edges, path)
        return path.read_bytes()


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def check_target(folder: Path) -> None:
    """Refuses an output folder that holds anything but an earlier conversion."""
    if folder.exists() and not folder.is_dir():
        raise ConversionError(f"{folder} is a file; give --path_to_save a folder.")
    strangers = (
        [] if not folder.exists() else sorted(p.name for p in folder.iterdir() if p.name not in (DOCUMENTS, CRATE))
    )
    if strangers:
        raise ConversionError(
            f"{folder} holds other things ({', '.join(strangers[:3])}); give --path_to_save an empty or a new folder."
        )
    for name in (DOCUMENTS, CRATE):
        marker = {DOCUMENTS: "model_architecture.json", CRATE: "src/model.rs"}[name]
        part = folder / name
        if part.exists() and (not part.is_dir() or (any(part.iterdir()) and not (part / marker).exists())):
            raise ConversionError(f"{part} was not written by tf2rust; give --path_to_save an empty or a new folder.")


def write(files: Files, folder: Path, *, vendor_tf_layers: bool) -> None:
    """Writes all files beside ``folder`` and renames them into place, so that nothing half-written is ever there."""
    check_target(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        for name, text in files.texts.items():
            path = _place(staging / name)
            path.write_text(text, encoding="utf-8", newline="\n")
        for name, arrays in files.arrays.items():
            with _place(staging / name).open("wb") as file:
                write_npz(file, arrays)
        for name, content in files.binaries.items():
            _place(staging / name).write_bytes(content)
        if vendor_tf_layers:
            shutil.copytree(
                resource("tf-layers"),
                staging / CRATE / "tf-layers",
                ignore=shutil.ignore_patterns("target", "tests", "examples", "fuzz"),
            )
        folder.mkdir(exist_ok=True)
        for part in (DOCUMENTS, CRATE):
            _swap(staging / part, folder / part)
    except OSError as error:
        raise ConversionError(
            f"{folder} cannot be written ({error.strerror or error}); check the path and the free space."
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def write_npz(file: Any, arrays: dict[str, np.ndarray]) -> None:
    """Writes an NPZ that does not depend on the clock; keys may be any text (``numpy.savez`` takes no ``file``)."""
    import zipfile

    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array, order="C"), allow_pickle=False)


def _place(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _swap(new: Path, target: Path) -> None:
    """Puts ``new`` where ``target`` is; build products of an earlier crate stay."""
    if target.exists():
        if (target / "target").exists():
            os.replace(target / "target", new / "target")
        if (target / "Cargo.lock").exists():
            os.replace(target / "Cargo.lock", new / "Cargo.lock")
        old = new.with_name(f"{new.name}-old")
        os.replace(target, old)
    os.replace(new, target)
