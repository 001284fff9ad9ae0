"""Converts the models of the bench to the crates that the harness depends on, and writes their inputs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import onnx

from bench import files
from bench.files import BUILD, ROOT
from bench.models import Model
from tf2rust.codegen.crate import CRATE, MODEL_INFO, write_npz
from tf2rust.conversion import Options, convert
from tf2rust.proof.proof import features_key
from tf2rust.source import open_onnx


def folder(model: Model) -> Path:
    """The folder with the converted model."""
    return BUILD / "converted" / model.name


def crate(model: Model) -> Path:
    """The folder of the generated crate."""
    return folder(model) / CRATE


def weights_file(model: Model) -> Path:
    """The weights of the converted model."""
    return folder(model) / MODEL_INFO / "model_weights.npz"


def weights_bytes(model: Model) -> int:
    """The size of the model's weights in bytes."""
    with np.load(weights_file(model)) as arrays:
        return sum(array.nbytes for array in arrays.values())


def provide(model: Model, progress: Callable[[str], None]) -> None:
    """Makes and converts the model unless that was done by the current code."""
    stamp = BUILD / "converted" / f"{model.name}.stamp"
    now = f"{_converter()} {files.key()} {sorted(model.options.items())}"
    if stamp.exists() and stamp.read_text() == now:
        return
    progress(f"Making {model.name}")
    files.make(model)
    source = open_onnx(files.onnx_file(model))
    options = Options(folder(model), model.name, tf_layers=ROOT / "tf-layers", **model.options)
    convert(source, options, lambda stage: progress(f"{model.name}: {stage}"))
    stamp.write_text(now)


@cache
def _converter() -> str:
    """A hash of all files that determine the output of a conversion."""
    digest = hashlib.sha256()
    for file in sorted([*(ROOT / "tf2rust").rglob("*.py"), *(ROOT / "templates").rglob("*.j2")]):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def inputs(model: Model, batch: int) -> Path:
    """Writes an NPZ with ``batch`` rows: the samples of the crate, repeated."""
    path = BUILD / "inputs" / f"{model.name}_{batch}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    ports = onnx.load(files.onnx_file(model), load_external_data=False).graph.input
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
