"""NPZ files: reads those of users, and checks the names of arrays."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.stages import brief

_BOMB_BYTES, _BOMB_RATIO = 256 << 20, 200
"""A member that unpacks to more than this many bytes and this multiple of its packed size is rejected as a zip bomb."""
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}

_LONGEST_NAME = 60_000
"""The maximum length of a member's name in bytes; ZIP archives store it in 16 bits."""


class _UnreadableError(Exception):
    """Says what is wrong with the file, as the end of a sentence."""


REMEDY = "convert the model again"
"""What to do about a file that a conversion wrote."""


def read_npz(path: Path, wanted: str, remedy: str = "write it with numpy.savez") -> dict[str, np.ndarray]:
    """Returns the arrays by name, C-contiguous and in native byte order.

    Raises ConversionError if the file is not an NPZ file of plain arrays; the message includes ``wanted``, the expected
    contents, or ``remedy``, what to do about a damaged file.
    """
    if not path.exists():
        raise ConversionError(f"The file {path} does not exist; {wanted}.")
    if not path.is_file():
        raise ConversionError(f"{path} is not a regular file; {wanted}.")
    try:
        with zipfile.ZipFile(path) as archive:
            return _arrays(archive)
    except _UnreadableError as error:
        raise ConversionError(f"{path} is not a readable NPZ file: {error}; {remedy}.") from error
    except MemoryError:
        raise
    except Exception as error:  # zipfile, zlib and NumPy raise many kinds of errors for damaged files.
        raise ConversionError(
            f"{path} is not a readable NPZ file ({type(error).__name__}: {brief(str(error))}); {remedy}."
        ) from error


def _arrays(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    arrays: dict[str, np.ndarray] = {}
    for member in archive.infolist():
        name = member.filename.removesuffix(".npy")
        shown = brief(member.filename)
        if name == member.filename:
            raise _UnreadableError(f"its member {shown!r} is not a .npy array")
        if name in arrays:
            raise _UnreadableError(f"it contains {shown!r} twice")
        if member.flag_bits & 1:
            raise _UnreadableError(f"its member {shown!r} is encrypted")
        if member.file_size > max(_BOMB_BYTES, _BOMB_RATIO * member.compress_size):
            raise _UnreadableError(
                f"its member {shown!r} of {member.compress_size} bytes claims to unpack to {member.file_size}"
            )
        _check_header(archive, member)
        with archive.open(member) as file:
            array = np.lib.format.read_array(file, allow_pickle=False)
        arrays[name] = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)
    return arrays


def _check_header(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Rejects an array of objects or records, or an array whose data does not have the size in its header."""
    shown = brief(member.filename)
    with archive.open(member) as file:
        read_header = _HEADERS.get(np.lib.format.read_magic(file))
        if read_header is None:
            raise _UnreadableError(f"the array {shown!r} has a format version that only record arrays need")
        shape, _, dtype = read_header(file)
        if dtype.hasobject or dtype.names is not None or dtype.subdtype is not None:
            raise _UnreadableError(f"the array {shown!r} contains Python objects or records instead of plain values")
        size = int(np.prod(shape, dtype=object)) * dtype.itemsize
        if min(shape, default=0) < 0 or size != member.file_size - file.tell():
            raise _UnreadableError(f"the data of array {shown!r} does not match its shape {brief(str(shape))}")


def check_names(names: Sequence[str]) -> None:
    """Raises ConversionError if an input or output has a name that an NPZ array cannot have."""
    if wrong := [name for name in names if "\0" in name or len(name.encode()) > _LONGEST_NAME]:
        raise ConversionError(
            f"The name of input or output {brief(repr(wrong[0]))} is not valid in an NPZ file (no NUL characters, "
            f"at most {_LONGEST_NAME} bytes); rename it in the model."
        )
