"""Keeps a model's weights as arrays outside its graph, so that each is in memory once."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import onnx

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensors import MOST_ELEMENTS

LARGE = 1024
"""The minimum size in bytes of weights that are kept outside the graph."""
MOST_BYTES = (1 << 31) - 1
"""The maximum size of a protobuf message in bytes. The data of a larger model is in a file of its own."""
_ALIGNMENT = 64
"""The alignment of each weight in that file in bytes."""
_ELSEWHERE = "weights"
"""A placeholder file name for these arrays, which the ONNX format requires."""
_DTYPES: dict[int, np.dtype[Any]] = {
    int(onnx.helper.np_dtype_to_tensor_dtype(np.dtype(name))): np.dtype(name)
    for name in ("float16", "float32", "float64", "bool", *(f"{u}int{8 << i}" for u in ("", "u") for i in range(4)))
}
_OWN_FIELDS = frozenset({"dims", "data_type", "name", "raw_data", "doc_string", "external_data", "data_location"})
GRAPH, INITIALIZER, RAW_DATA = (
    descriptor.fields_by_name[name].number
    for descriptor, name in (
        (onnx.ModelProto.DESCRIPTOR, "graph"),
        (onnx.GraphProto.DESCRIPTOR, "initializer"),
        (onnx.TensorProto.DESCRIPTOR, "raw_data"),
    )
)


def split_weights(
    proto: onnx.ModelProto, known: Mapping[str, np.ndarray] | None = None
) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """Returns the model without its large weights, and these weights as read-only arrays by name.

    Weights in ``known`` have no data in ``proto``. Raises ConversionError if a weight does not have the bytes that its
    shape requires.
    """
    light, arrays = _but_initializers(proto), {}
    for tensor in proto.graph.initializer:
        if known is not None and tensor.name in known:
            arrays[tensor.name] = known[tensor.name]
        elif tensor.HasField("raw_data") and is_large(tensor):
            arrays[tensor.name] = _array(tensor)
        else:
            light.graph.initializer.append(tensor)
            continue
        light.graph.initializer.append(placeholder(tensor.name, tensor.data_type, tensor.dims))
    return light, arrays


def placeholder(name: str, data_type: int, dims: Iterable[int], location: str = _ELSEWHERE) -> onnx.TensorProto:
    """The tensor of a weight that is kept outside the graph. No file is read from ``location``."""
    tensor = onnx.TensorProto(name=name, data_type=data_type, dims=dims, data_location=onnx.TensorProto.EXTERNAL)
    tensor.external_data.add(key="location", value=location)
    return tensor


def without_weights(proto: onnx.ModelProto) -> onnx.ModelProto:
    """A copy in which large weights are inputs, for code that copies a model several times to inspect its graph."""
    light = _but_initializers(proto)
    given = {value.name for value in proto.graph.input}
    for tensor in proto.graph.initializer:
        inside = tensor.HasField("raw_data") and is_large(tensor)
        if not inside and tensor.data_location != onnx.TensorProto.EXTERNAL:
            light.graph.initializer.append(tensor)
        elif tensor.name not in given:
            given.add(tensor.name)
            light.graph.input.append(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))
    return light


def whole_model(light: onnx.ModelProto, arrays: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """The model with its weights inside. Raises ConversionError if no message can hold them."""
    if (size := sum(array.nbytes for array in arrays.values())) > MOST_BYTES - light.ByteSize():
        raise ConversionError(
            f"ONNX's reference implementation cannot run a model with {size / 1e9:.1f} GB of weights, because a "
            "protobuf message holds at most 2 GB."
        )
    whole = onnx.ModelProto()
    whole.ParseFromString(b"".join(model_file(light, arrays)))
    return whole


def model_files(
    light: onnx.ModelProto, arrays: Mapping[str, np.ndarray], name: str
) -> dict[str, Iterable[bytes | memoryview]]:
    """The contents of the files of the whole model, in parts: ``name``, and ``name.data`` if the model is too large for
    one file.
    """
    if sum(array.nbytes for array in arrays.values()) <= MOST_BYTES - light.ByteSize():
        return {name: model_file(light, arrays)}
    outside = onnx.ModelProto()
    outside.CopyFrom(light)
    data: list[bytes | memoryview] = []
    offset = 0
    for tensor in outside.graph.initializer:
        if tensor.name not in arrays:
            continue
        content = _bytes_of(arrays[tensor.name])
        padding = -offset % _ALIGNMENT
        data += [bytes(padding), content]
        del tensor.external_data[:]
        entries = {"location": f"{name}.data", "offset": offset + padding, "length": len(content)}
        for key, value in entries.items():
            tensor.external_data.add(key=key, value=str(value))
        offset += padding + len(content)
    return {name: [outside.SerializeToString(deterministic=True)], f"{name}.data": data}


def model_file(light: onnx.ModelProto, arrays: Mapping[str, np.ndarray]) -> Iterator[bytes | memoryview]:
    """The bytes of the whole model, one weight at a time."""
    head, graph = onnx.ModelProto(), onnx.GraphProto()
    head.CopyFrom(light)
    head.ClearField("graph")
    graph.CopyFrom(light.graph)
    graph.ClearField("initializer")
    inner: list[bytes | memoryview] = [graph.SerializeToString(deterministic=True)]
    for tensor in light.graph.initializer:
        if tensor.name not in arrays:
            inner += encode_field(INITIALIZER, [tensor.SerializeToString(deterministic=True)])
            continue
        described = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
        raw = encode_field(RAW_DATA, [_bytes_of(arrays[tensor.name])])
        inner += encode_field(INITIALIZER, [described.SerializeToString(deterministic=True), *raw])
    yield head.SerializeToString(deterministic=True)
    yield from encode_field(GRAPH, inner)


def _bytes_of(array: np.ndarray) -> memoryview:
    return array.reshape(-1).view(np.uint8).data


def encode_field(number: int, content: list[bytes | memoryview]) -> list[bytes | memoryview]:
    """A protobuf field with wire type 2: tag, length and content."""
    return [_varint(number << 3 | 2) + _varint(sum(map(len, content))), *content]


def _varint(number: int) -> bytes:
    digits = []
    while number > 0x7F:
        digits.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*digits, number])


def _but_initializers(proto: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    for source, target in ((proto, copy), (proto.graph, copy.graph)):
        for field, value in source.ListFields():
            if field.name in ("graph", "initializer"):
                continue
            if hasattr(value, "extend"):
                getattr(target, field.name).extend(value)
            else:
                setattr(target, field.name, value)
    return copy


def is_large(tensor: onnx.TensorProto) -> bool:
    """Whether a weight is kept outside the graph: it is large and consists of raw bytes of a NumPy dtype."""
    dtype = _DTYPES.get(tensor.data_type)
    if dtype is None or min(tensor.dims, default=0) < 0:
        return False
    if not LARGE <= _size(tensor) * dtype.itemsize < MOST_ELEMENTS:
        return False
    return all(field.name in _OWN_FIELDS for field, _ in tensor.ListFields())


def dtype_of(tensor: onnx.TensorProto) -> np.dtype[Any]:
    """The dtype of a large weight."""
    return _DTYPES[tensor.data_type]


def _size(tensor: onnx.TensorProto) -> int:
    return math.prod(tensor.dims)


def _array(tensor: onnx.TensorProto) -> np.ndarray:
    dtype, raw = _DTYPES[tensor.data_type], tensor.raw_data
    if len(raw) != _size(tensor) * dtype.itemsize:
        raise ConversionError(
            f"The weights `{tensor.name}` have {len(raw)} bytes, but {dtype} {list(tensor.dims)} requires "
            f"{_size(tensor) * dtype.itemsize}; export the model again."
        )
    return np.frombuffer(raw, dtype).reshape(tensor.dims)
