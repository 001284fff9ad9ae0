"""External data: tensors whose bytes are in files next to the model.

The model names these files, so its author chooses which files are read. Therefore a file is read only if it is inside
the model's folder, if its path has no links, and if the model's tensor has exactly the size that the model declares.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import numpy as np
import onnx

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensors import byte_size, check_shape, messages
from tf2rust.onnx_import.weights import is_large
from tf2rust.stages import brief

_LONGEST_NAME = 1024
"""The maximum length of a relative path in characters."""
_MAX_DIGITS = 18
"""The maximum number of digits of an offset or a length."""
_LONGEST_PART = 255
"""The maximum length of a file or folder name in bytes."""
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""Flags for opening files and folders: links are not followed, and opening a pipe does not block."""
_BY_FOLDER = os.open in os.supports_dir_fd
"""Whether files can be opened relative to an open folder, so that no part of the path can be exchanged in between."""


def load_external(proto: onnx.ModelProto, path: Path) -> dict[str, np.ndarray]:
    """Reads the external data of ``proto``, the model in ``path``; afterwards no tensor refers to a file.

    Large initializers of the main graph are returned as arrays, by name, and have no data in ``proto``, so that they
    are in memory once. Raises ConversionError if a file is not allowed, is missing, or does not have the tensor's data.
    """
    arrays = {}
    for tensor in proto.graph.initializer:
        if tensor.data_location == onnx.TensorProto.EXTERNAL and is_large(tensor):
            dtype = np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type))
            arrays[tensor.name] = _read(tensor, path).view(dtype).reshape(tensor.dims)
            arrays[tensor.name].flags.writeable = False
            tensor.ClearField("raw_data")
            _forget_file(tensor)
    for tensor in messages(proto, onnx.TensorProto):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            tensor.raw_data = _read(tensor, path).tobytes()
        _forget_file(tensor)
    return arrays


def _forget_file(tensor: onnx.TensorProto) -> None:
    tensor.ClearField("external_data")
    tensor.ClearField("data_location")


def _read(tensor: onnx.TensorProto, path: Path) -> np.ndarray:
    """Reads the bytes of a tensor with external data."""
    given = {entry.key: entry.value for entry in tensor.external_data}
    location, what = given.get("location", ""), f"The weights `{brief(tensor.name)}` of {path}"
    parts = _parts(location, what)
    check_shape(tensor)
    wanted = byte_size(tensor)
    if wanted is None:
        raise ConversionError(
            f"{what} are stored in another file, but their type (strings, or an unknown type) does not allow that; "
            "export the model again."
        )
    with _opened(path.parent, parts, what) as file:
        size = os.fstat(file.fileno()).st_size
        offset = _number(given.get("offset", "0"))
        length = _number(given["length"]) if "length" in given else None if offset is None else size - offset
        if offset is None or length != wanted or offset + wanted > size:
            raise ConversionError(
                f"{path.parent / location} is too short, or is not the file with the weights "
                f"`{brief(tensor.name)}`, which need {wanted} bytes; export the model again."
            )
        file.seek(offset)
        data = np.empty(wanted, np.uint8)
        if file.readinto(data.data) != wanted:
            raise ConversionError(f"{path.parent / location} shrank while it was being read; convert again.")
    return data


def _number(text: str) -> int | None:
    """Parses a number of bytes in decimal digits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _parts(location: str, what: str) -> tuple[str, ...]:
    """Splits a relative path into its folders and its file."""
    posix = PurePosixPath(location)
    # Some paths that are relative here are absolute on Windows: C:x, C:/x and \\\\host\\x.
    foreign = "\\" in location or ":" in location
    parts = posix.parts
    if not parts or posix.is_absolute() or ".." in parts or foreign:
        raise ConversionError(
            f"{what} point to {brief(repr(location))}, which is outside the model's folder; put the data file next "
            "to the model and save the model with a relative path."
        )
    if "\0" in location or len(location) > _LONGEST_NAME or max(map(len, map(os.fsencode, parts))) > _LONGEST_PART:
        raise ConversionError(
            f"{what} point to {brief(repr(location))}, which is not a valid file name; save the model with a "
            "shorter name."
        )
    return parts


@contextmanager
def _opened(folder: Path, parts: tuple[str, ...], what: str) -> Iterator[io.BufferedReader]:
    """Opens the file. Raises ConversionError unless it is a regular file with a single name, and no part of its path is
    a link.
    """
    target = folder.joinpath(*parts)
    try:
        descriptor = _open(folder, parts)
    except FileNotFoundError as error:
        raise ConversionError(
            f"{what} should be in {target}, but this file does not exist; copy it next to the model."
        ) from error
    except OSError as error:  # a link, or a file without read permission
        raise ConversionError(
            f"{what} should be in {target}, which is a link or cannot be opened ({error.strerror}); copy the file "
            "itself next to the model."
        ) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        kind = "a file with several names (hard links)" if stat.S_ISREG(found.st_mode) else "not a regular file"
        raise ConversionError(f"{what} should be in {target}, which is {kind}; copy the file itself next to the model.")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _open(folder: Path, parts: tuple[str, ...]) -> int:
    """Returns a descriptor of the file. Links on the path from ``folder`` are not followed."""
    if not _BY_FOLDER:
        for depth in range(1, len(parts) + 1):
            if folder.joinpath(*parts[:depth]).is_symlink():
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        return os.open(folder.joinpath(*parts), os.O_RDONLY | getattr(os, "O_BINARY", 0))
    at = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for part in parts[:-1]:
            below = os.open(part, _FLAGS | os.O_DIRECTORY, dir_fd=at)
            os.close(at)
            at = below
        return os.open(parts[-1], _FLAGS, dir_fd=at)
    finally:
        os.close(at)
