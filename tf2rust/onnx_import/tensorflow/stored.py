"""What a saved Keras file says about itself, read without Keras: who wrote it, and its architecture."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.runtime import library

# A stored architecture is a few kilobytes to a few megabytes; more is not an architecture.
_MAX_CONFIG_BYTES = 64 << 20


@dataclass(frozen=True)
class StoredModel:
    """The description inside a ``.keras`` or ``.h5`` file: Keras version (may be empty), and architecture."""

    path: Path
    kind: str
    keras_version: str
    config: dict[str, Any]

    @property
    def is_keras_2(self) -> bool:
        """Keras 1 and 2 files and those without a version are tf_keras' business."""
        return not self.keras_version or int(self.keras_version.partition(".")[0]) < 3

    def __post_init__(self) -> None:
        if self.keras_version and not self.keras_version.partition(".")[0].isdecimal():
            raise ConversionError(
                f"{self.path} says it was written by Keras {self.keras_version!r}, which is no version."
            )


def read_stored(path: Path) -> StoredModel:
    """Read the description of a ``.keras`` archive or ``.h5`` file; the kind is told by content, not by extension.

    Raises ``ConversionError`` when the file is truncated, holds weights only, or is no Keras model.
    """
    with path.open("rb") as file:
        magic = file.read(8)
    if magic == b"\x89HDF\r\n\x1a\n":
        return _read_h5(path)
    if magic.startswith(b"PK"):
        return _read_archive(path)
    raise ConversionError(f"{path} is not a Keras model: it is neither an HDF5 file nor a .keras archive.")


def _read_h5(path: Path) -> StoredModel:
    h5py = library("h5py")
    try:
        with h5py.File(path, "r") as file:
            config = file.attrs.get("model_config")
            version = file.attrs.get("keras_version", "")
    except OSError as error:
        raise ConversionError(f"{path} is a damaged or truncated HDF5 file ({_first_line(error)}).") from error
    if config is None:
        raise ConversionError(
            f"{path} holds weights only, without the model's architecture (no `model_config`); "
            "load them into the model and save it whole with model.save()."
        )
    return StoredModel(path, ".h5", _text(version), _parse(path, _text(config)))


def _read_archive(path: Path) -> StoredModel:
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if not {"config.json", "metadata.json"} <= names:
                raise ConversionError(f"{path} is a zip archive but not a .keras model: it has no config.json.")
            for name in ("config.json", "metadata.json"):
                if archive.getinfo(name).file_size > _MAX_CONFIG_BYTES:
                    raise ConversionError(f"{path} claims {name} to be larger than 64 MiB, which no architecture is.")
            config = _parse(path, archive.read("config.json").decode("utf-8"))
            metadata = _parse(path, archive.read("metadata.json").decode("utf-8"))
    except (zipfile.BadZipFile, EOFError, UnicodeDecodeError, NotImplementedError) as error:
        raise ConversionError(f"{path} is a damaged or truncated .keras archive ({_first_line(error)}).") from error
    return StoredModel(path, ".keras", str(metadata.get("keras_version", "")), config)


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        config = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise ConversionError(f"{path} stores an architecture that is not JSON ({_first_line(error)}).") from error
    if not isinstance(config, dict):
        raise ConversionError(f"{path} stores an architecture that is not a JSON object.")
    return config


def _text(value: object) -> str:
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
