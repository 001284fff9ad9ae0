"""External data: tensors whose bytes lie in files next to the model.

A model names these files, so that who made the model chooses what is read. Hence a file is read only if it lies in the
model's folder, if nothing on the way to it is a link, and if the model's tensor is exactly as large as what it names.
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
"""Characters of a relative path."""
_MAX_DIGITS = 18
"""Digits of an offset or a length: no file is as long."""
_LONGEST_PART = 255
"""Bytes of the name of a file or folder."""
_FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""How everything is opened: no link is followed, and a pipe does not keep one waiting."""
_BY_FOLDER = os.open in os.supports_dir_fd
"""Whether a file can be opened relative to an open folder, so that nobody can exchange a part of its path meanwhile."""


def load_external(proto: onnx.ModelProto, path: Path) -> dict[str, np.ndarray]:
    """Reads what the tensors of ``proto``, the model in ``path``, have in other files; none refers to a file after it.

    Large weights of the graph itself are read into arrays, by name, and have no data in ``proto`` then: they are in
    memory once. Raises ConversionError if a file may not be read, is not there, or does not hold what its tensor needs.
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
    """The bytes of a tensor that are in another file."""
    given = {entry.key: entry.value for entry in tensor.external_data}
    location, what = given.get("location", ""), f"The weights `{brief(tensor.name)}` of {path}"
    parts = _parts(location, what)
    check_shape(tensor)
    wanted = byte_size(tensor)
    if wanted is None:
        raise ConversionError(
            f"{what} are in another file, but are strings or of a type that is not known; export the model again."
        )
    with _opened(path.parent, parts, what) as file:
        size = os.fstat(file.fileno()).st_size
        offset = _number(given.get("offset", "0"))
        length = _number(given["length"]) if "length" in given else None if offset is None else size - offset
        if offset is None or length != wanted or offset + wanted > size:
            raise ConversionError(
                f"{path.parent / location} is too short, or not the file that the weights `{brief(tensor.name)}` are "
                f"in, which take {wanted} bytes; export the model again."
            )
        file.seek(offset)
        data = np.empty(wanted, np.uint8)
        if file.readinto(data.data) != wanted:
            raise ConversionError(f"{path.parent / location} became shorter while it was read; convert again.")
    return data


def _number(text: str) -> int | None:
    """A number of bytes, in decimal digits."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_DIGITS else None


def _parts(location: str, what: str) -> tuple[str, ...]:
    """The folders and the file of a relative path."""
    posix = PurePosixPath(location)
    # What is relative here is not relative on Windows: C:x, C:/x and \\\\host\\x.
    foreign = "\\" in location or ":" in location
    parts = posix.parts
    if not parts or posix.is_absolute() or ".." in parts or foreign:
        raise ConversionError(
            f"{what} point to {brief(repr(location))}, which is outside the model's folder; "
            "put the data file next to the model and save it with a relative path."
        )
    if "\0" in location or len(location) > _LONGEST_NAME or max(map(len, map(os.fsencode, parts))) > _LONGEST_PART:
        raise ConversionError(
            f"{what} point to {brief(repr(location))}, which can be no file's name; save the model with a shorter one."
        )
    return parts


@contextmanager
def _opened(folder: Path, parts: tuple[str, ...], what: str) -> Iterator[io.BufferedReader]:
    """The file, open; raises ConversionError unless it is a regular file of one name that no link leads to."""
    target = folder.joinpath(*parts)
    try:
        descriptor = _open(folder, parts)
    except FileNotFoundError as error:
        raise ConversionError(
            f"{what} are to be in {target}, which is not there; copy it next to the model."
        ) from error
    except OSError as error:  # a link, or what may not be read
        raise ConversionError(
            f"{what} are to be in {target}, which is a link or cannot be opened ({error.strerror}); "
            "copy the file itself next to the model."
        ) from error
    found = os.fstat(descriptor)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
        os.close(descriptor)
        kind = "a file with several names (hard links)" if stat.S_ISREG(found.st_mode) else "no regular file"
        raise ConversionError(f"{what} are to be in {target}, which is {kind}; copy the file itself next to the model.")
    with os.fdopen(descriptor, "rb") as file:
        yield file


def _open(folder: Path, parts: tuple[str, ...]) -> int:
    """A descriptor of the file; no link is followed on the way to it from ``folder``."""
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
