"""Converts the models of the bench to the crates that the harness depends on, and writes their inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx

from bench.models import Model
from tf2rust.codegen.crate import CRATE, MODEL_INFO, write_npz
from tf2rust.conversion import Options, convert
from tf2rust.proof.proof import features_key
from tf2rust.source import open_onnx

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "bench"


def folder(model: Model) -> Path:
    """The folder with the converted model."""
    return BUILD / "converted" / model.name


def crate(model: Model) -> Path:
    """The folder of the generated crate."""
    return folder(model) / CRATE


def onnx_file(model: Model) -> Path:
    """The ONNX file that every engine but LiteRT runs."""
    return folder(model) / MODEL_INFO / "model.onnx"


def tflite_file(model: Model) -> Path:
    """The file that LiteRT runs. It does not exist if the model cannot be converted to TFLite."""
    return BUILD / "models" / f"{model.name}.tflite"


def weights_bytes(model: Model) -> int:
    """The size of the model's weights in bytes."""
    with np.load(folder(model) / MODEL_INFO / "model_weights.npz") as arrays:
        return sum(array.nbytes for array in arrays.values())


def provide(model: Model, progress: Callable[[str], None]) -> None:
    """Converts the model unless it was converted by the current version of the converter."""
    stamp = BUILD / "converted" / f"{model.name}.stamp"
    now = _converter()
    if stamp.exists() and stamp.read_text() == now:
        return
    progress(f"Making {model.name}")
    model.tflite(BUILD / "models")
    source = open_onnx(model.onnx(BUILD / "models"))
    options = Options(folder(model), model.name, tf_layers=ROOT / "tf-layers")
    convert(source, options, lambda stage: progress(f"{model.name}: {stage}"))
    stamp.write_text(now)


def _converter() -> str:
    """A hash of all files that determine the output of a conversion."""
    digest = hashlib.sha256()
    files = [*(ROOT / "tf2rust").rglob("*.py"), *(ROOT / "templates").rglob("*.j2"), ROOT / "bench" / "models.py"]
    for file in sorted(files):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def inputs(model: Model, batch: int) -> Path:
    """Writes an NPZ with ``batch`` rows: the samples of the crate, repeated."""
    path = BUILD / "inputs" / f"{model.name}_{batch}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    ports = onnx.load(onnx_file(model), load_external_data=False).graph.input
    arrays = {}
    with np.load(crate(model) / "testdata" / "features.npz") as samples:
        for port in ports:
            # Samples are stored as flat rows.
            rows = samples[features_key("inputs", port.name, len(ports))]
            shape = [dim.dim_value for dim in port.type.tensor_type.shape.dim[1:]]
            arrays[port.name] = np.resize(rows, (batch, *shape))
    with path.open("wb") as file:
        write_npz(file, arrays)
    return path
