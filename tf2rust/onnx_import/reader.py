"""Reads ONNX files with each large weight in memory once.

Protobuf would hold the file, the message and a copy of each weight that is read from the message. Here, the bytes of
large weights are left out of what protobuf parses, and read from the file into arrays.
"""

from __future__ import annotations

import io
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from tf2rust.onnx_import.tensors import byte_size
from tf2rust.onnx_import.weights import GRAPH, INITIALIZER, RAW_DATA, dtype_of, encode_field, is_large

LEFT_OUT = 1 << 16
"""The minimum size in bytes of weights that protobuf does not parse."""
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""The wire types of protobuf that ONNX uses."""
_LONGEST_VARINT = 10
_MOST_FIELDS = 1 << 18
"""The maximum number of fields that are read one by one, which takes a second."""


class _UnusualError(Exception):
    """The file is damaged or has very many fields, so protobuf parses all of it."""


@dataclass(frozen=True)
class _Field:
    """A field of a message: the positions of its tag, its contents and its end."""

    number: int
    wire_type: int
    start: int
    content: int
    end: int


def read_model(path: Path) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """Returns the model in ``path``, and those of its large weights that have no data in it, by name.

    External data is not read. Raises DecodeError if the file is not a message of this type.
    """
    proto = onnx.ModelProto()
    with path.open("rb") as file:
        try:
            parts, places = _split(file)
        except _UnusualError:
            file.seek(0)
            parts, places = [file.read()], {}
        proto.ParseFromString(b"".join(parts))
        del parts
        return proto, _arrays(file, proto, places)


def _arrays(file: io.BufferedReader, proto: onnx.ModelProto, places: dict[int, _Field]) -> dict[str, np.ndarray]:
    """Reads the data of the initializers at ``places``: into arrays, or into ``proto`` if the data is not plain."""
    arrays = {}
    count = Counter(tensor.name for tensor in proto.graph.initializer)
    for index, place in places.items():
        tensor = proto.graph.initializer[index]
        data = np.empty(place.end - place.content, np.uint8)
        file.seek(place.content)
        if file.readinto(data.data) != data.size:
            raise DecodeError("the file became shorter while it was read")
        is_plain = is_large(tensor) and tensor.data_location == onnx.TensorProto.DEFAULT
        if is_plain and byte_size(tensor) == data.size and count[tensor.name] == 1:
            data.flags.writeable = False
            arrays[tensor.name] = data.view(dtype_of(tensor)).reshape(tensor.dims)
        else:
            tensor.raw_data = data.tobytes()
    return arrays


def _split(file: io.BufferedReader) -> tuple[list[bytes | memoryview], dict[int, _Field]]:
    """The message in ``file`` without the data of large initializers, and the places of this data by the initializer's
    index.
    """
    parts: list[bytes | memoryview] = []
    places: dict[int, _Field] = {}
    count = 0
    left = itertools.count(_MOST_FIELDS, -1)
    for part in _fields(file, 0, file.seek(0, io.SEEK_END), left):
        if (part.number, part.wire_type) != (GRAPH, _BYTES):
            parts.append(_copy(file, part))
            continue
        graph: list[bytes | memoryview] = []
        for inner in _fields(file, part.content, part.end, left):
            if (inner.number, inner.wire_type) != (INITIALIZER, _BYTES):
                graph.append(_copy(file, inner))
                continue
            tensor: list[bytes | memoryview] = []
            for own in _fields(file, inner.content, inner.end, left):
                if (own.number, own.wire_type) == (RAW_DATA, _BYTES) and own.end - own.content >= LEFT_OUT:
                    places[count] = own  # of several, the last counts
                else:
                    if own.number == RAW_DATA:
                        places.pop(count, None)
                    tensor.append(_copy(file, own))
            graph += encode_field(INITIALIZER, tensor)
            count += 1
        parts += encode_field(GRAPH, graph)
    return parts, places


def _copy(file: io.BufferedReader, part: _Field) -> bytes:
    file.seek(part.start)
    return file.read(part.end - part.start)


def _fields(file: io.BufferedReader, start: int, end: int, left: Iterator[int]) -> Iterator[_Field]:
    """The fields of the message between two positions; ``left`` counts down how many may still be read."""
    while start < end:
        if next(left) == 0:
            raise _UnusualError
        file.seek(start)
        tag, content = _varint(file, start)
        wire_type = tag & 7
        if wire_type == _BYTES:
            size, content = _varint(file, content)
            after = content + size
        elif wire_type == _VARINT:
            after = _varint(file, content)[1]
        elif wire_type in (_FIXED64, _FIXED32):
            after = content + (8 if wire_type == _FIXED64 else 4)
        else:
            raise _UnusualError
        if after > end:
            raise _UnusualError
        yield _Field(tag >> 3, wire_type, start, content, after)
        start = after


def _varint(file: io.BufferedReader, at: int) -> tuple[int, int]:
    """The number at the position of ``file``, which is ``at``, and the position behind it."""
    value = 0
    for i in range(_LONGEST_VARINT):
        byte = file.read(1)
        if not byte:
            raise _UnusualError
        value |= (byte[0] & 0x7F) << 7 * i
        if byte[0] < 0x80:
            return value, at + i + 1
    raise _UnusualError
