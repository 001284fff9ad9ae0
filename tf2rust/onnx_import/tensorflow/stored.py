"""What a saved Keras file says about itself, read without Keras: who wrote it, and whether it carries code."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
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


def code_layers(config: dict[str, Any]) -> list[str]:
    """The names of all layers in a stored architecture that carry Python byte code, however deeply nested.

    Keras would unmarshal and run it while loading, in `.h5` files even in its safe mode. Those are `Lambda` layers
    and Keras 3's serialised lambda functions; Keras 2's `TFOpLambda` names a TensorFlow function and is no code.
    """
    return list(_code_layers(config, "the model"))


def _code_layers(value: object, owner: str) -> Iterator[str]:
    if isinstance(value, dict):
        class_name = value.get("class_name")
        inner = value.get("config")
        name = inner.get("name") if isinstance(inner, dict) else None
        if class_name == "__lambda__":
            yield owner
            return
        if isinstance(class_name, str):
            owner = name if isinstance(name, str) else owner
            # A registered name may carry a package: "Custom>Lambda".
            if class_name.rpartition(">")[2] == "Lambda":
                yield owner
                return
        for child in value.values():
            yield from _code_layers(child, owner)
    elif isinstance(value, list):
        for child in value:
            yield from _code_layers(child, owner)


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
