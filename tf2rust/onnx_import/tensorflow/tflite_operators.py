"""Refuses TFLite operators that neither tf2onnx nor tf2rust converts, before tf2onnx reads the file."""

from __future__ import annotations

from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow import handlers
from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.onnx_import.tensorflow.tflite_lstm import lstm_refusals
from tf2rust.onnx_import.tensorflow.tflite_rewrite import builtin_number, text_of, tflite_schema


def check_convertible(model: Any) -> None:
    """Raises ``ConversionError`` with a reason for each kind of operator, and each LSTM, that cannot be converted."""
    if reasons := [*_without_handler(model), *lstm_refusals(model)]:
        raise ConversionError(reasons)


def _without_handler(model: Any) -> list[str]:
    schema, handled = tflite_schema(), _handled()
    names = {number: name for name, number in vars(schema.BuiltinOperator).items() if not name.startswith("_")}
    tensors: dict[str, str] = {}
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            code = model.operatorCodes[operator.opcodeIndex]
            number = builtin_number(code)
            custom = number == schema.BuiltinOperator.CUSTOM
            name = text_of(code.customCode) if custom else names.get(number, f"number {number}")
            if f"TFL_{name}" not in handled:
                written = [text_of(graph.tensors[int(index)].name) for index in operator.outputs]
                tensors.setdefault(name, f" (tensor {written[0]!r})" if written else "")
    return [
        f"TFLite op {name}{where} has no ONNX equivalent; replace the layer, or convert the original model."
        for name, where in sorted(tensors.items())
    ]


def _handled() -> set[str]:
    """The operators that have a handler, in tf2onnx' notation."""
    handlers.register()
    library("tf2onnx.tfonnx")  # registers tf2onnx' own
    opsets = library("tf2onnx.handler").tf_op.get_opsets().values()
    return {name for versions in opsets for handled in versions for name in handled}
