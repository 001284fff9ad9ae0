"""Makes the files of the models: Keras, ONNX and TFLite.

A file is made again if the code that makes it, or a package that it uses, has changed.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import onnx

from bench.models import Model
from bench.quantize import convert_to_tflite, quantize_onnx
from tests.models.weights import randomise
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.weights import whole_model
from tf2rust.source import open_tensorflow

ROOT = Path(__file__).resolve().parents[1]
BUILD = ROOT / "build" / "bench"
FOLDER = BUILD / "models"

_SOURCES = (
    "bench/files.py",
    "bench/networks.py",
    "bench/quantize.py",
    "bench/vision.py",
    "tests/models/weights.py",
    "tf2rust/source.py",
    "tf2rust/onnx_import/weights.py",
    "tf2rust/onnx_import/tensorflow/*.py",
)
_PACKAGES = ("keras", "numpy", "onnx", "onnxruntime", "tensorflow", "tf2onnx")


@cache
def key() -> str:
    """A hash of the code and of the versions of the packages that determine the files."""
    digest = hashlib.sha256()
    for file in sorted(file for pattern in _SOURCES for file in ROOT.glob(pattern)):
        digest.update(file.read_bytes())
    for package in _PACKAGES:
        digest.update(f"{package} {version(package)}\n".encode())
    return digest.hexdigest()


def make(model: Model) -> None:
    """Makes the files of a model unless they are current. A variant without files of its own has those of its base.

    There is a TFLite file for all batches or for each of them, and none if TensorFlow's converter does not support the
    model, or if the model was published as ONNX.
    """
    if model.file_name != model.name:
        return
    stamp, now = FOLDER / f"{model.name}.key", f"{key()} {model.batches}"
    if not stamp.exists() or stamp.read_text() != now:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for old in FOLDER.glob(f"{model.name}.*"):
            old.unlink()
        _make(model, onnx_file(model))
        stamp.write_text(now)


def onnx_file(model: Model) -> Path:
    """The path of the ONNX file, which every engine but LiteRT runs."""
    return FOLDER / f"{model.file_name}.onnx"


def tflite_file(model: Model, batch: int) -> Path:
    """The path of the TFLite file for a batch, which need not exist."""
    one = _tflite(model, batch)
    return one if one.exists() else _tflite(model)


def _tflite(model: Model, batch: int | None = None) -> Path:
    return FOLDER / f"{model.file_name}{'' if batch is None else f'.{batch}'}.tflite"


def _make(model: Model, path: Path) -> None:
    source = _keras(model)
    if source.suffix == ".onnx":
        path.write_bytes(source.read_bytes())
        return
    if model.quantized:
        quantize_onnx(FOLDER / f"{model.base}.onnx", path, model.quantized)
    else:
        onnx.save(_export(source), path)
    if not _convert(model, source):
        for batch in model.batches:
            _convert(model, source, batch)


def _convert(model: Model, source: Path, batch: int | None = None) -> bool:
    """Writes a TFLite file. Returns whether TensorFlow's converter supports that."""
    try:
        _tflite(model, batch).write_bytes(convert_to_tflite(source, model.quantized, batch))
    except Exception:  # the converter raises many kinds of errors
        return False
    return True


def _keras(model: Model) -> Path:
    """The published file, or the Keras file, which is made if there is none. A quantized model has that of its base."""
    if model.fetch is not None:
        return model.fetch()
    path = FOLDER / f"{model.base or model.name}.keras"
    if not path.exists():
        assert model.make is not None
        keras = library("keras")
        keras.backend.clear_session()
        keras.utils.set_random_seed(1)
        with quiet():
            randomise(model.make(keras)).save(path)
    return path


def _export(path: Path) -> onnx.ModelProto:
    """What tf2onnx writes with all of its optimizers, as engines that take ONNX expect it.

    The conversion of a TensorFlow model leaves one out that removes transposes, which other engines might trip over.
    """
    source = open_tensorflow(path)
    proto = whole_model(source.proto, source.weights)
    with quiet():
        optimised = library("tf2onnx.graph").GraphUtil.optimize_model_proto(proto, catch_errors=False)
    assert isinstance(optimised, onnx.ModelProto)
    return optimised
