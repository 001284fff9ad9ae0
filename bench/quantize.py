"""Quantizes the models of the bench, with ONNX Runtime's tools for ONNX and TensorFlow's for TFLite.

Both are calibrated on random samples. That is enough to time a model, not to judge its outputs.
"""

from __future__ import annotations

import contextlib
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from tf2rust.onnx_import.tensorflow.runtime import library, quiet

_SAMPLES = 8


def quantize_onnx(source: Path, target: Path, how: str) -> None:
    """Writes a quantized model to ``target``: QDQ with a scale for each channel (``static``), or with weights in int8
    and inputs that are quantized when the model runs (``dynamic``)."""
    from onnxruntime import quantization

    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quantization.shape_inference.quant_pre_process(source, prepared, skip_symbolic_shape=True)
        if how == "dynamic":
            quantization.quantize_dynamic(prepared, target, weight_type=quantization.QuantType.QInt8)
            return
        reader = _reader(_samples(prepared))
        quantization.quantize_static(
            prepared, target, reader, quant_format=quantization.QuantFormat.QDQ, per_channel=True
        )


def convert_to_tflite(source: Path, how: str, batch: int | None = None) -> bytes:
    """A Keras file as TFLite, for any batch or for one; in float32 if ``how`` is empty.

    Raises many kinds of errors if TensorFlow's converter does not support the model. LSTMs need a fixed batch.
    """
    tf = library("tensorflow")
    # The converter prints what it saves.
    with quiet(), contextlib.redirect_stdout(io.StringIO()):
        model = tf.keras.models.load_model(source, compile=False)
        if batch is None:
            converter = tf.lite.TFLiteConverter.from_keras_model(model)
        else:
            converter = tf.lite.TFLiteConverter.from_concrete_functions([_frozen(model, batch)])
        if how:
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if how == "static":
            rng = np.random.default_rng(3)
            shapes = [tuple(tensor.shape[1:]) for tensor in model.inputs]
            converter.representative_dataset = lambda: (
                [rng.standard_normal((1, *shape), np.float32) for shape in shapes] for _ in range(_SAMPLES)
            )
        found: bytes = converter.convert()
    return found


def _frozen(model: Any, batch: int) -> Any:
    """The function of a Keras model for one batch, with its variables as constants. Loops cannot read variables."""
    tf = library("tensorflow")
    constants = library("tensorflow.python.framework.convert_to_constants")
    specs = [tf.TensorSpec((batch, *tensor.shape[1:]), tensor.dtype, name=tensor.name) for tensor in model.inputs]
    function = tf.function(lambda *inputs: model(list(inputs) if len(inputs) > 1 else inputs[0], training=False))
    return constants.convert_variables_to_constants_v2(function.get_concrete_function(*specs), lower_control_flow=False)


def _samples(path: Path) -> list[dict[str, np.ndarray]]:
    """Standard normal inputs of an ONNX model with float inputs and a symbolic batch."""
    rng, graph = np.random.default_rng(3), onnx.load(path, load_external_data=False).graph
    shapes = {port.name: [dim.dim_value or 1 for dim in port.type.tensor_type.shape.dim] for port in graph.input}
    return [{name: rng.standard_normal(shape, np.float32) for name, shape in shapes.items()} for _ in range(_SAMPLES)]


def _reader(samples: list[dict[str, np.ndarray]]) -> object:
    """The samples as ONNX Runtime's calibration reads them."""
    from onnxruntime.quantization import CalibrationDataReader

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self._left: Iterator[dict[str, np.ndarray]] = iter(samples)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self._left, None)

    return Reader()
