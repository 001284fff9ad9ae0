"""The tensors that a model's file holds, wherever they stand, and whether each has the data that its shape takes."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator
from typing import TypeVar

import numpy as np
import onnx
from google.protobuf.message import Message

from tf2rust.errors import ConversionError
from tf2rust.stages import brief

_PER_BYTE = {"INT4": 2, "UINT4": 2, "FLOAT4E2M1": 2, "INT2": 4, "UINT2": 4}
_PACKED = {number: _PER_BYTE[name] for name, number in onnx.TensorProto.DataType.items() if name in _PER_BYTE}
"""Types of which several elements are in one byte."""
_COMPLEX = (onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128)
MOST_ELEMENTS = 1 << 48
"""More than any memory holds."""
_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


_Kind = TypeVar("_Kind", bound=Message)


def messages(message: Message, kind: type[_Kind]) -> Iterator[_Kind]:
    """Every message of this kind inside of ``message``: of graphs, functions, nodes' attributes, in any depth.

    The fields are those that the format has, not a list of those that are known here, so that none is forgotten. It
    does not look inside of what it has found.
    """
    if isinstance(message, kind):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if hasattr(value, "extend") else (value,):
                yield from messages(inner, kind)


def byte_size(tensor: onnx.TensorProto) -> int | None:
    """The bytes that a tensor's data takes by its shape and type; None for strings and for types that are not known."""
    count: int = math.prod(tensor.dims)
    if tensor.data_type in _PACKED:
        return -(-count // _PACKED[tensor.data_type])
    if tensor.data_type in (onnx.TensorProto.STRING, onnx.TensorProto.UNDEFINED):
        return None
    try:
        return count * np.dtype(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)).itemsize
    except (KeyError, TypeError):
        return None


def check_shape(tensor: onnx.TensorProto) -> None:
    """Raises ConversionError unless a tensor can have this shape."""
    if min(tensor.dims, default=0) < 0:
        raise ConversionError(
            f"The tensor `{brief(tensor.name)}` has a dimension below 0, which none can have; export the model again."
        )
    # An array without elements must still have dimensions that NumPy can multiply.
    if math.prod(dim or 1 for dim in tensor.dims) >= MOST_ELEMENTS:
        raise ConversionError(
            f"The tensor `{brief(tensor.name)}` of {len(tensor.dims)} dimensions has more elements than any memory "
            "holds; export the model again."
        )


def check_tensors(light: onnx.ModelProto, apart: Container[str]) -> None:
    """Raises ConversionError unless each tensor has as much data as its shape takes, but those of the names ``apart``.

    Sparse tensors, whose shape says nothing about their data, are refused.
    """
    for sparse in messages(light, onnx.SparseTensorProto):
        raise ConversionError(
            f"The tensor `{brief(sparse.values.name)}` is stored as a sparse one; store it as a dense one."
        )
    for tensor in messages(light, onnx.TensorProto):
        if tensor.data_location != onnx.TensorProto.EXTERNAL or tensor.name not in apart:
            _check(tensor)


def _check(tensor: onnx.TensorProto) -> None:
    check_shape(tensor)
    name, count = brief(tensor.name), math.prod(tensor.dims)
    if tensor.data_type == onnx.TensorProto.STRING:
        found, wanted = len(tensor.string_data), count
    elif (size := byte_size(tensor)) is None:
        raise ConversionError(
            f"The tensor `{name}` is of the type {tensor.data_type}, which ONNX {onnx.__version__} does not know; "
            "export the model again, for an older version of ONNX."
        )
    elif tensor.HasField("raw_data"):
        found, wanted = len(tensor.raw_data), size
    else:
        # Small types are packed into larger ones in more ways than one; complex numbers are pairs.
        found = sum(len(getattr(tensor, field)) for field in _FIELDS)
        wanted = size if size < count else 2 * count if tensor.data_type in _COMPLEX else count
    if found != wanted:
        raise ConversionError(
            f"The tensor `{name}` has {found} bytes or numbers where its shape {brief(str(list(tensor.dims)))} takes "
            f"{wanted}; export the model again."
        )
