"""Converts old models to an operator set in which weights can have one scale per channel."""

from __future__ import annotations

from dataclasses import replace

from onnx import version_converter

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tidy import keep
from tf2rust.onnx_import.weights import placeholder, without_weights
from tf2rust.source import Source
from tf2rust.stages import brief

_CHANNEL_SCALES = 13
"""The operator set since which DequantizeLinear has an axis."""


def with_channel_scales(source: Source) -> Source:
    """The source in an operator set with scales per channel. Raises ConversionError if ONNX cannot convert it."""
    version = max((item.version for item in source.proto.opset_import if item.domain in ("", "ai.onnx")), default=1)
    if version >= _CHANNEL_SCALES:
        return source
    try:
        made = version_converter.convert_version(without_weights(source.proto), _CHANNEL_SCALES)
    except Exception as error:  # The converter raises many kinds of errors.
        raise ConversionError(
            f"The model uses operator set {version}, but scales per channel need {_CHANNEL_SCALES}, and ONNX cannot "
            f"convert it ({brief(str(error))}); export the model for operator set {_CHANNEL_SCALES} or later."
        ) from error
    given = {info.name for info in source.proto.graph.input}
    keep(made.graph.input, lambda info: info.name in given)
    known = {tensor.name for tensor in made.graph.initializer}
    made.graph.initializer.extend(
        placeholder(tensor.name, tensor.data_type, tensor.dims)
        for tensor in source.proto.graph.initializer
        if tensor.name in source.weights and tensor.name not in known
    )
    return replace(source, proto=made)
