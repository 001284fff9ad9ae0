"""Writing the crate and the model's documents: into a folder beside, which is then renamed into place."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf2rust.codegen.architecture import architecture, computation_graph
from tf2rust.codegen.model import Model
from tf2rust.codegen.overview import Box, OverviewError, draw_overview
from tf2rust.codegen.render import CrateOptions, render_crate, resource
from tf2rust.codegen.scoring import Scoring
from tf2rust.errors import ConversionError
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.proof.proof import Proof

__all__ = [
    "CRATE",
    "DOCUMENTS",
    "CrateOptions",
    "Files",
    "check_target",
    "collect",
    "overview",
    "resource",
    "write",
    "write_npz",
]

DOCUMENTS = "saved_model_from_tensorflow"
CRATE = "rust_generated_code"


@dataclass(frozen=True)
class Files:
    """Everything a conversion writes, before any of it is written."""

    texts: dict[str, str]
    arrays: dict[str, dict[str, np.ndarray]]
    binaries: dict[str, Iterable[bytes | memoryview]]
    """The parts of each."""
    notes: list[str]


def collect(
    model: Model,
    graph: LayerGraph,
    proof: Proof,
    scoring: Scoring,
    options: CrateOptions,
    onnx_file: Iterable[bytes | memoryview],
) -> Files:
    """All files of a conversion, by path under the output folder; ``onnx_file`` are the parts of ``model.onnx``."""
    texts = {f"{CRATE}/{name}": text for name, text in render_crate(model, graph, proof, scoring, options).items()}
    if scoring.column is not None:
        texts[f"{CRATE}/model/thresholds.json"] = _json(scoring.thresholds.as_json())
    texts[f"{DOCUMENTS}/computation_graph.json"] = _json(computation_graph(model, graph))
    texts[f"{DOCUMENTS}/model_architecture.json"] = _json(architecture(model, graph))
    weights = model.weights.arrays()
    arrays = {
        f"{DOCUMENTS}/model_weights.npz": weights,
        f"{CRATE}/model/model_weights.npz": weights,
        f"{CRATE}/testdata/features.npz": proof.features(),
    }
    binaries: dict[str, Iterable[bytes | memoryview]] = {f"{DOCUMENTS}/model.onnx": onnx_file}
    notes = []
    try:
        binaries[f"{DOCUMENTS}/model_overview.png"] = [overview(model, graph, options.model_name)]
    except OverviewError as error:
        notes.append(f"model_overview.png was not drawn: {error}.")
    return Files(texts, arrays, binaries, notes)


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
        written: dict[int, Path] = {}
        for name, arrays in files.arrays.items():
            path = _place(staging / name)
            if id(arrays) in written:
                shutil.copyfile(written[id(arrays)], path)
                continue
            written[id(arrays)] = path
            with path.open("wb") as file:
                write_npz(file, arrays)
        for name, parts in files.binaries.items():
            with _place(staging / name).open("wb") as file:
                file.writelines(parts)
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
