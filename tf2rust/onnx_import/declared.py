"""Checks what a model declares: names that are valid text, and dtypes that exist."""

from __future__ import annotations

import onnx
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from tf2rust.errors import ConversionError
from tf2rust.stages import brief

_DTYPES = frozenset(onnx.TensorProto.DataType.values())


def check_declared(message: Message) -> None:
    """Raises ConversionError if a string in the message is not valid text, or if a value has an unknown dtype.

    Protobuf returns bytes for strings that are not UTF-8, but all later code expects str.
    """
    if isinstance(message, onnx.TensorProto):
        # Listing the fields of a tensor would copy its weights.
        _check_text("name", message.name)
        return
    if isinstance(message, onnx.TypeProto.Tensor) and message.elem_type not in _DTYPES:
        raise ConversionError(
            f"A value is declared with the type {message.elem_type}, which is unknown to ONNX {onnx.__version__}; "
            "export the model for an older version of ONNX."
        )
    for field, value in message.ListFields():
        for item in value if hasattr(value, "extend") else (value,):
            if field.message_type is not None:
                check_declared(item)
            elif field.type == FieldDescriptor.TYPE_STRING:
                _check_text(field.name, item)


def _check_text(field: str, text: str | bytes) -> None:
    if isinstance(text, bytes):
        raise ConversionError(
            f"The {field} {brief(repr(text))} in the model is not UTF-8: the file is damaged; export the model again."
        )
