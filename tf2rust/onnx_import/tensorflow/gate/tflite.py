"""Checks the operators of a TFLite model: TFLite's own only compute, others can do anything."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.onnx_import.tensorflow.tflite_rewrite import TRANSPOSE_CONV_BIAS

_COMPUTING = frozenset({"TFLite_Detection_PostProcess", TRANSPOSE_CONV_BIAS})
"""Operators beyond the format's own that every interpreter has, or that are replaced before a model runs."""


def check_operators(content: bytes, path: Path) -> None:
    """Raises ``ConversionError`` for operators that are not TFLite's own, and for weights in other files.

    ``Flex...`` operators are TensorFlow ops, and the interpreter would run them (``FlexWriteFile``). No option allows
    them, because custom operators have no ONNX equivalent.
    """
    schema = library("tensorflow.lite.python.schema_py_generated")
    try:
        model = schema.Model.GetRootAs(content)
        codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
        reads_others = model.ExternalBufferGroupsLength() > 0
        custom = {code.CustomCode() or b"" for code in codes if schema.BuiltinOperator.CUSTOM in _builtin(code)}
    except Exception as error:  # a damaged buffer can make its reader raise anything
        raise ConversionError(f"{path} is a damaged or truncated TFLite model; export it again.") from error
    if reads_others:
        raise ConversionError(
            f"{path} stores its weights in other files, which is not supported; export the model with its weights "
            "inside."
        )
    names = sorted({name.decode("utf-8", "replace") for name in custom} - _COMPUTING)
    if names:
        raise ConversionError(
            f"{path} uses the custom operator {name!r}, which is not one of TFLite's own; export the model with "
            "only TFLite's built-in operators, or convert the original model."
            for name in names
        )


def _builtin(code: Any) -> tuple[int, int]:
    """The operator's number. Files before 2020 store it in a byte; readers take the larger number."""
    return code.DeprecatedBuiltinCode(), code.BuiltinCode()
