"""The files of a conversion: the crate, and the files about the model."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tf2rust.classifier.scoring import Scoring
from tf2rust.codegen.architecture import architecture, computation_graph
from tf2rust.codegen.brief import brief
from tf2rust.codegen.interface import FILE as INTERFACE
from tf2rust.codegen.interface import Interface, interface
from tf2rust.codegen.model import Model
from tf2rust.codegen.names import crate_name
from tf2rust.codegen.overview import Box, OverviewError, draw_overview
from tf2rust.codegen.render import CrateOptions, embeds_weights, render_crate, struct_name
from tf2rust.codegen.report.data import report_data
from tf2rust.codegen.report.graph import Origin
from tf2rust.codegen.report.page import render_report
from tf2rust.codegen.vendor import build_hash, resource, vendored, with_build
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.proof.proof import Proof

__all__ = [
    "ARCHITECTURE",
    "CRATE",
    "MODEL_INFO",
    "REPORT",
    "TENSORFLOW_MODEL_INFO",
    "THRESHOLDS",
    "WEIGHTS",
    "CrateOptions",
    "Files",
    "collect",
    "overview",
    "resource",
    "write_files",
    "write_npz",
]

CRATE = "rust_generated_code"
MODEL_INFO = "model_info"
"""The folder of the documents."""
TENSORFLOW_MODEL_INFO = "saved_model_from_tensorflow"
"""The same for a TensorFlow model, under the name that CrowdStrike's tf2rust gave it."""
REPORT, ARCHITECTURE, WEIGHTS = "report.html", "model_architecture.json", "model_weights.npz"
"""Files in the folder of the documents."""
THRESHOLDS = f"{CRATE}/model/thresholds.json"


@dataclass(frozen=True)
class Files:
    """All files of a conversion, before any is written."""

    texts: dict[str, str]
    arrays: dict[str, dict[str, np.ndarray]]
    binaries: dict[str, Iterable[bytes | memoryview]]
    """The contents of each file, in parts."""
    notes: list[str]
    interface: Interface


def collect(
    model: Model,
    graph: LayerGraph,
    proof: Proof,
    scoring: Scoring,
    options: CrateOptions,
    onnx_files: Mapping[str, Iterable[bytes | memoryview]],
    origin: Origin,
    model_info: str = MODEL_INFO,
) -> Files:
    """All files of a conversion, by path under the output folder.

    ``onnx_files`` holds the parts of ``model.onnx`` and of its data; ``origin`` is what the report says of the source;
    ``model_info`` is the folder of the documents.
    """
    weights = model.weights.arrays()
    crate = render_crate(model, graph, proof, scoring, options)
    if scoring.column is not None:
        crate["model/thresholds.json"] = _json(scoring.thresholds.as_json())
    if options.tf_layers is None:
        crate |= {f"tf-layers/{name}": text for name, text in vendored(crate_name(options.model_name)).items()}
    found = interface(model, proof, options.model_name, struct_name(options.model_name), embeds=embeds_weights(model))
    crate[INTERFACE] = found.as_json()
    # The differences in the README depend on the machine.
    build = build_hash({name: text for name, text in crate.items() if name != "README.md"}, weights)
    texts = {
        f"{CRATE}/{name}": with_build(text, build) if name.endswith("Cargo.toml") else text
        for name, text in crate.items()
    }
    texts[f"{model_info}/computation_graph.json"] = _json(computation_graph(model, graph))
    quantization = {} if origin.quantization is None else {"quantization": origin.quantization}
    texts[f"{model_info}/{ARCHITECTURE}"] = _json(architecture(model, graph, origins=True) | quantization)
    texts[f"{model_info}/{REPORT}"] = render_report(report_data(options.model_name, model, graph, proof, origin))
    arrays = {
        f"{model_info}/{WEIGHTS}": weights,
        f"{CRATE}/model/model_weights.npz": weights,
        f"{CRATE}/testdata/features.npz": proof.features(),
    }
    binaries = {f"{model_info}/{name}": parts for name, parts in onnx_files.items()}
    notes = []
    if not embeds_weights(model):
        size = sum(entry.packed_bytes for entry in model.weights.entries)
        notes.append(
            f"the crate does not embed its {size / 1e9:.1f} GB of weights, because a program can hold at most 2 GB of "
            "constants; pack them once with `pack_weights`, and load them with `from_weights`."
        )
    try:
        for form, picture in overview(model, graph, options.model_name).items():
            binaries[f"{model_info}/model_overview.{form}"] = [picture]
    except OverviewError as error:
        notes.append(f"model_overview.png and model_overview.svg were not drawn: {error}.")
    return Files(texts, arrays, binaries, notes, found)


def overview(model: Model, graph: LayerGraph, title: str) -> dict[str, bytes]:
    """The pictures of the model by format: a box with name, kind, shapes and attributes for each input and layer."""
    boxes = [Box(p.name, "Input", (), (p.about,)) for p in model.all_inputs]
    made = {value: i for i, value in enumerate(graph.inputs)}
    edges = []
    for layer in graph.layers:
        edges += [(made[v], len(boxes)) for v in dict.fromkeys(layer.inputs)]
        made.update((v, len(boxes)) for v in layer.outputs)
        shapes = tuple(map(str, layer.inputs)), tuple(map(str, layer.outputs))
        parameters = sum(entry.array.size for entry in model.weights.of_layer(layer).values())
        details = (brief(layer), f"{parameters:,} parameter{'' if parameters == 1 else 's'}" if parameters else "")
        boxes.append(Box(model.names[layer], layer.kind, *shapes, details))
    return draw_overview(title, boxes, edges)


def _json(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def write_files(files: Files, folder: Path) -> None:
    """Writes all files into ``folder``."""
    write_texts(files.texts, folder)
    written: dict[int, Path] = {}
    for name, arrays in files.arrays.items():
        path = _with_parent(folder / name)
        if id(arrays) in written:
            shutil.copyfile(written[id(arrays)], path)
            continue
        written[id(arrays)] = path
        with path.open("wb") as file:
            write_npz(file, arrays)
    for name, parts in files.binaries.items():
        with _with_parent(folder / name).open("wb") as file:
            file.writelines(parts)


def write_texts(texts: Mapping[str, str], folder: Path) -> None:
    """Writes text files by path into ``folder``."""
    for name, text in texts.items():
        _with_parent(folder / name).write_text(text, encoding="utf-8", newline="\n")


def write_npz(file: Any, arrays: dict[str, np.ndarray]) -> None:
    """Writes an NPZ file that is independent of the time. Any key is allowed (``numpy.savez`` rejects ``file``)."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.asarray(array, order="C"), allow_pickle=False)


def _with_parent(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
