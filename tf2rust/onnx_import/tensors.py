"""Finds all tensors in a model file, and checks that their data fits their shapes."""

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
"""Types that store several elements per byte."""
_COMPLEX = (onnx.TensorProto.COMPLEX64, onnx.TensorProto.COMPLEX128)
MOST_ELEMENTS = 1 << 48
"""More elements than any memory holds."""
_MOST_AXES = 32
"""The maximum number of axes of an array that NumPy can iterate over."""
_FIELDS = ("float_data", "int32_data", "string_data", "int64_data", "double_data", "uint64_data")


_Kind = TypeVar("_Kind", bound=Message)


def has_dtype(proto: onnx.ModelProto, dtype: int) -> bool:
    """Whether the model has an input, an output, an initializer or a Cast of this ``TensorProto.DataType``."""
    graph = proto.graph
    return (
        any(tensor.data_type == dtype for tensor in graph.initializer)
        or any(info.type.tensor_type.elem_type == dtype for info in (*graph.input, *graph.output))
        or any(a.i == dtype for n in graph.node if n.op_type == "Cast" for a in n.attribute)
    )


def messages(message: Message, kind: type[_Kind]) -> Iterator[_Kind]:
    """All messages of this kind inside ``message``: in graphs, functions and attributes, at any depth.

    The search uses the fields of the format instead of a list, so that none is forgotten. It does not search inside the
    messages that it finds.
    """
    if isinstance(message, kind):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if hasattr(value, "extend") else (value,):
                yield from messages(inner, kind)


def byte_size(tensor: onnx.TensorProto) -> int | None:
    """The number of bytes that a tensor's shape and type require; None for strings and unknown types."""
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
        raise ConversionError(f"The tensor `{brief(tensor.name)}` has a negative dimension; export the model again.")
    # An array without elements must still have dimensions that NumPy can multiply.
    if math.prod(dim or 1 for dim in tensor.dims) >= MOST_ELEMENTS:
        raise ConversionError(
            f"The tensor `{brief(tensor.name)}` with {len(tensor.dims)} dimensions has more elements than any "
            "memory holds; export the model again."
        )
    if len(tensor.dims) > _MOST_AXES:
        raise ConversionError(
            f"The tensor `{brief(tensor.name)}` has {len(tensor.dims)} dimensions, but at most {_MOST_AXES} are "
            "supported; export the model with fewer."
        )
    if tensor.HasField("segment"):
        raise ConversionError(
            f"The tensor `{brief(tensor.name)}` is a segment of a larger one, which is not supported; store it whole."
        )


def check_tensors(light: onnx.ModelProto, apart: Container[str]) -> None:
    """Raises ConversionError unless each tensor, except those named in ``apart``, has the data that its shape requires.

    Sparse tensors are rejected, because their shape says nothing about their data.
    """
    for sparse in messages(light, onnx.SparseTensorProto):
        raise ConversionError(
            f"The tensor `{brief(sparse.values.name)}` is sparse, which is not supported; store it as a dense tensor."
        )
    for tensor in messages(light, onnx.TensorProto):
        check_shape(tensor)
        if tensor.data_location != onnx.TensorProto.EXTERNAL or tensor.name not in apart:
            _check(tensor)


def _check(tensor: onnx.TensorProto) -> None:
    name, count = brief(tensor.name), math.prod(tensor.dims)
    if tensor.data_type == onnx.TensorProto.STRING:
        found, wanted = len(tensor.string_data), count
    elif (size := byte_size(tensor)) is None:
        raise ConversionError(
            f"The tensor `{name}` has the type {tensor.data_type}, which is unknown to ONNX {onnx.__version__}; "
            "export the model for an older version of ONNX."
        )
    elif tensor.HasField("raw_data"):
        found, wanted = len(tensor.raw_data), size
    else:
        # Small types are packed into larger ones in several ways; complex numbers are pairs.
        found = sum(len(getattr(tensor, field)) for field in _FIELDS)
        wanted = size if size < count else 2 * count if tensor.data_type in _COMPLEX else count
    if found != wanted:
        raise ConversionError(
            f"The tensor `{name}` has {found} bytes or numbers, but its shape {brief(str(list(tensor.dims)))} "
            f"requires {wanted}; export the model again."
        )
