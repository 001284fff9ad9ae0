"""The operators of a TFLite model: TFLite's own compute, others may do anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.runtime import library

_COMPUTING = frozenset({"TFLite_Detection_PostProcess"})
"""Operators beyond the format's own that every interpreter has."""


def check_operators(content: bytes, path: Path) -> None:
    """Raise ``ConversionError`` with a reason for every operator that is not TFLite's own, and for weights elsewhere.

    Those called ``Flex...`` are TensorFlow's, and the interpreter would run them: ``FlexWriteFile``. No option allows
    them, as custom operators have no ONNX equivalent.
    """
    schema = library("tensorflow.lite.python.schema_py_generated")
    try:
        model = schema.Model.GetRootAs(content)
        codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
        reads_others = model.ExternalBufferGroupsLength() > 0
        custom = {code.CustomCode() or b"" for code in codes if schema.BuiltinOperator.CUSTOM in _builtin(code)}
    except Exception as error:  # whatever a damaged buffer leads its reader to
        raise ConversionError(f"{path} is a damaged or truncated TFLite model.") from error
    if reads_others:
        raise ConversionError(
            f"{path} keeps its weights in other files, which are not read; write the model with its weights in it."
        )
    names = sorted({name.decode("utf-8", "replace") for name in custom} - _COMPUTING)
    if names:
        raise ConversionError(
            f"{path} uses the custom operator {name!r}, which is not one of TFLite's own; "
            "write the model of TFLite's built-in operators alone, or convert the model it was made from."
            for name in names
        )


def _builtin(code: Any) -> tuple[int, int]:
    """The operator's number, which files of before 2020 hold in a byte; readers take the larger one."""
    return code.DeprecatedBuiltinCode(), code.BuiltinCode()
