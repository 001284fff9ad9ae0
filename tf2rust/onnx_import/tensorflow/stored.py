"""Reads the version and the architecture of a saved Keras file without Keras."""

from __future__ import annotations

import io
import json
import lzma
import re
import shutil
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.gate.archive import CONFIG, METADATA, WEIGHTS, check_archive
from tf2rust.onnx_import.tensorflow.gate.hdf5 import check_hdf5
from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.stages import stage

_STRUCTURE_SECONDS = 15.0
_HDF5_MAGIC = b"\x89HDF\r\n\x1a\n"
_BROKEN_ZIP = (
    *(zipfile.BadZipFile, EOFError, NotImplementedError, OSError, RuntimeError, ValueError, zlib.error),
    lzma.LZMAError,
)
# The first bytes of a zip member, up to the lengths of its name and extra field.
_ZIP_HEADER_BYTES = 30
_CHUNK = 1 << 20


@dataclass(frozen=True)
class StoredModel:
    """The metadata of a ``.keras`` or ``.h5`` file: the Keras version (can be empty) and the architecture.

    ``kind`` is ``.keras`` or ``.h5``, from the contents instead of the file name. ``config`` excludes how the models
    were compiled: losses and metrics can be user code, and only training needs them.
    """

    path: Path
    kind: str
    keras_version: str
    config: dict[str, Any]
    members: list[zipfile.ZipInfo] = field(default_factory=list)

    @property
    def is_keras_2(self) -> bool:
        """Whether tf_keras opens it: Keras 1 and 2 files, and those without a version."""
        return not self.keras_version or int(self.keras_version.partition(".")[0]) < 3

    def __post_init__(self) -> None:
        if self.keras_version and not re.fullmatch(r"[0-9]{1,9}(\..*)?", self.keras_version):
            raise ConversionError(
                f"{self.path} claims to be written by Keras {self.keras_version[:80]!r}, which is not a valid "
                "version; save the model again."
            )

    def copy_to(self, folder: Path) -> Path:
        """Writes the model into ``folder`` with the architecture that was read here, so that Keras reads no other.

        Raises ``ConversionError`` if the file is damaged or does not contain all its weights.
        """
        copy = folder / f"model{self.kind}"
        try:
            text = json.dumps(self.config)
        except RecursionError as error:
            raise _too_deep(self.path) from error
        if self.kind == ".h5":
            self._copy_h5(copy, text)
        else:
            self._copy_archive(copy, text)
        return copy

    def _copy_h5(self, copy: Path, config: str) -> None:
        shutil.copyfile(self.path, copy)
        try:
            with library("h5py").File(copy, "r+") as file:
                file.attrs["model_config"] = config
        except (OSError, RuntimeError, ValueError, KeyError) as error:
            raise _damaged_h5(self.path, error) from error

    def _copy_archive(self, copy: Path, config: str) -> None:
        try:
            with zipfile.ZipFile(self.path) as archive, zipfile.ZipFile(copy, "w") as written:
                written.writestr(CONFIG, config)
                written.writestr(METADATA, json.dumps({"keras_version": self.keras_version, "date_saved": ""}))
                for member in self.members:
                    with archive.open(member) as source, written.open(member.filename, "w", force_zip64=True) as target:
                        shutil.copyfileobj(source, target, _CHUNK)
        except _BROKEN_ZIP as error:
            raise _damaged_archive(self.path, error) from error
        with zipfile.ZipFile(copy) as written:
            if WEIGHTS[0] in written.namelist():
                _check_weights(copy, written.getinfo(WEIGHTS[0]), self.path)


def read_stored(path: Path) -> StoredModel:
    """Reads the metadata of a ``.keras`` archive or ``.h5`` file; the contents determine the kind, not the extension.

    Raises ``ConversionError`` if the file is truncated, contains only weights, is not a Keras model, or could be read
    as two different models.
    """
    with path.open("rb") as file:
        magic = file.read(len(_HDF5_MAGIC))
    # HDF5's library can follow damaged references forever.
    with stage("reading the structure of the file", seconds=_STRUCTURE_SECONDS):
        if magic == _HDF5_MAGIC:
            return _read_h5(path)
        if magic.startswith(b"PK"):
            return _read_archive(path)
    raise ConversionError(f"{path} is not a Keras model: it is neither an HDF5 file nor a .keras archive.")


def _read_h5(path: Path) -> StoredModel:
    if _is_archive(path):
        raise ConversionError(
            f"{path} is both an HDF5 file and a zip archive, so two programs could read different models from it; "
            "save the model again with Keras."
        )
    h5py = library("h5py")
    try:
        with h5py.File(path, "r") as file:
            check_hdf5(file, str(path))
            if "model_config" not in file.attrs:
                raise ConversionError(
                    f"{path} contains only weights and no architecture (`model_config`); load the weights into the "
                    "model and save it whole with model.save()."
                )
            config = file.attrs["model_config"]
            version = file.attrs.get("keras_version", "")
    except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
        raise _damaged_h5(path, error) from error
    parsed = _parse(path, _text(path, "model_config", config))
    stored = StoredModel(path, ".h5", _text(path, "keras_version", version), parsed)
    if stored.is_keras_2:
        _write_old_defaults(parsed)
    return stored


def _write_old_defaults(config: dict[str, Any]) -> None:
    """Adds to layers the options that the Keras that wrote them did not have, with what it did then.

    Keras had no ``reset_after`` before 2.1.5; its GRU applied the reset gate before the product.
    """
    waiting: list[Any] = [config]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            options = value.get("config")
            if value.get("class_name") in ("GRU", "GRUCell") and isinstance(options, dict):
                options.setdefault("reset_after", False)
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value


def _read_archive(path: Path) -> StoredModel:
    try:
        with zipfile.ZipFile(path) as archive:
            members = check_archive(archive, path)
            config = _parse(path, _text(path, CONFIG, archive.read(CONFIG)))
            metadata = _parse(path, _text(path, METADATA, archive.read(METADATA)))
    except _BROKEN_ZIP as error:
        raise _damaged_archive(path, error) from error
    version = _text(path, "keras_version", metadata.get("keras_version", ""))
    contents = [member for member in members if member.filename not in (CONFIG, METADATA)]
    return StoredModel(path, ".keras", version, config, contents)


def _is_archive(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return bool(archive.namelist())
    except _BROKEN_ZIP:
        return False


def _check_weights(copy: Path, member: zipfile.ZipInfo, path: Path) -> None:
    """Checks the HDF5 file of weights in the copied archive, which stores it uncompressed."""
    with copy.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(_ZIP_HEADER_BYTES)
        lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
        start = member.header_offset + _ZIP_HEADER_BYTES + lengths
        shown = f"{path} ({member.filename})"
        with stage("reading the structure of the weights", seconds=_STRUCTURE_SECONDS):
            try:
                with library("h5py").File(_Window(file, start, member.file_size), "r") as weights:
                    check_hdf5(weights, shown)
            except (OSError, RuntimeError, ValueError, KeyError, TypeError) as error:
                raise _damaged_h5(shown, error) from error


class _Window(io.RawIOBase):
    """A range of a file, as a file of its own."""

    def __init__(self, file: IO[bytes], start: int, size: int) -> None:
        super().__init__()
        self._file, self._start, self._size, self._at = file, start, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        wanted = max(0, min(len(buffer), self._size - self._at))
        self._file.seek(self._start + self._at)
        part = self._file.read(wanted)
        buffer[: len(part)] = part
        self._at += len(part)
        return len(part)


def _parse(path: Path, text: str) -> dict[str, Any]:
    try:
        config = json.loads(text, object_pairs_hook=_object)
    except RecursionError as error:
        raise _too_deep(path) from error
    except ValueError as error:
        raise ConversionError(
            f"The architecture in {path} is not valid JSON ({_first_line(error)}); save the model again."
        ) from error
    if not isinstance(config, dict):
        raise ConversionError(f"The architecture in {path} is not a JSON object; save the model again.")
    return config


def _object(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object with unique keys, without entries that only training needs."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key!r} occurs twice in an object")
        result[key] = value
    if "class_name" in result:
        result.pop("compile_config", None)
    return result


def _text(path: Path, what: str, value: object) -> str:
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ConversionError(f"The {what} in {path} is not UTF-8; save the model again.") from error
    if not isinstance(value, str):
        kind = "nothing" if value is None else type(value).__name__
        raise ConversionError(f"The {what} in {path} is {kind} instead of text; save the model again.")
    return value


def _too_deep(path: Path) -> ConversionError:
    return ConversionError(f"The architecture in {path} is nested too deeply; save the model again.")


def _damaged_h5(shown: object, error: BaseException) -> ConversionError:
    return ConversionError(f"{shown} is a damaged or truncated HDF5 file ({_first_line(error)}); save the model again.")


def _damaged_archive(path: Path, error: BaseException) -> ConversionError:
    return ConversionError(
        f"{path} is a damaged or truncated .keras archive ({_first_line(error)}); save the model again."
    )


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
