"""TFLite models that are rewritten agree with TensorFlow's interpreter: sparse and quantized weights, odd names."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnxruntime
import pytest

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow import load_tensorflow
from tf2rust.onnx_import.tensorflow.runtime import library, quiet
from tf2rust.onnx_import.tensorflow.tflite_rewrite import TRANSPOSE_CONV_BIAS, TFLiteFile, store_weights_densely

RNG = np.random.default_rng(5)


def _schema() -> Any:
    return library("tensorflow.lite.python.schema_py_generated")


def _edited(content: bytes, edit: Callable[[Any], None]) -> bytes:
    model = _schema().ModelT.InitFromPackedBuf(content, 0)
    edit(model)
    builder = flatbuffers.Builder(len(content))
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def _converted(model: Any, *, sparse: bool = False, half: bool = False, hybrid: bool = False) -> bytes:
    lite = library("tensorflow").lite
    converter = lite.TFLiteConverter.from_keras_model(model)
    if hybrid:
        converter.optimizations = [lite.Optimize.DEFAULT]
    if sparse:
        converter.optimizations = [lite.Optimize.EXPERIMENTAL_SPARSITY, *([lite.Optimize.DEFAULT] if half else [])]
    if half:
        converter.target_spec.supported_types = [np.float16]
    with quiet():
        content: bytes = converter.convert()
    return content


def _pruned(*, blocks: bool = False, half: bool = False) -> bytes:
    """A convolution and a Dense layer whose weights are mostly zeros, in blocks of four rows if ``blocks``."""
    keras = library("keras")
    x = keras.Input((6, 5, 16))
    y = keras.layers.Conv2D(16, 1, bias_initializer="glorot_normal")(x)
    model = keras.Model(x, keras.layers.Dense(16)(keras.layers.Flatten()(y)))
    for layer in model.layers:
        if layer.weights:
            kernel, bias = layer.get_weights()
            kept = RNG.random(kernel.shape) > 0.8
            if blocks:
                kept = np.repeat(kept[..., ::4], 4, axis=-1)
            layer.set_weights([kernel * kept, bias])
    return _converted(model, sparse=True, half=half)


def _transposed(padding: str) -> bytes:
    """A transposed convolution, written as MediaPipe's operator."""
    keras = library("keras")
    x = keras.Input((6, 5, 4), batch_size=1)
    layer = keras.layers.Conv2DTranspose(3, 3, strides=(2, 3), padding=padding, bias_initializer="glorot_normal")
    return _edited(_converted(keras.Model(x, layer(x))), _as_custom)


def _as_custom(model: Any) -> None:
    schema = _schema()
    graph = model.subgraphs[0]
    (operator,) = graph.operators
    code, options = model.operatorCodes[operator.opcodeIndex], operator.builtinOptions
    _, kernel, x, bias = operator.inputs
    code.customCode, code.builtinCode = TRANSPOSE_CONV_BIAS.encode(), schema.BuiltinOperator.CUSTOM
    code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    operator.inputs, operator.builtinOptions, operator.builtinOptionsType = [x, kernel, bias], None, 0
    operator.customOptions = np.frombuffer(
        struct.pack("<3i", options.padding + 1, options.strideW, options.strideH), np.uint8
    )


def _dilated(layer: str, shape: tuple[int, ...] = (9, 8, 4), **options: Any) -> bytes:
    """A dilated convolution over a free batch, which TFLite's converter leaves in three operators."""
    keras = library("keras")
    x = keras.Input(shape)
    made = getattr(keras.layers, layer)(kernel_size=3, bias_initializer="glorot_normal", **options)(x)
    return _converted(keras.Model(x, made))


def _hybrid(edit: Callable[[Any], None] | None = None) -> bytes:
    """A Dense layer with 8-bit weights, and one with too few weights for it."""
    keras = library("keras")
    x = keras.Input((6, 5, 2))
    y = keras.layers.Dense(33, bias_initializer="glorot_normal")(keras.layers.Flatten()(x))
    content = _converted(keras.Model(x, keras.layers.Dense(3)(y)), hybrid=True)
    return content if edit is None else _edited(content, edit)


def _quantized(model: Any) -> Any:
    """The 8-bit weights."""
    (tensor,) = [t for t in model.subgraphs[0].tensors if t.type == _schema().TensorType.INT8]
    return tensor


def _with_half_bytes(model: Any) -> None:
    """Weights of 4 bits, two in a byte."""
    tensor = _quantized(model)
    tensor.type = _schema().TensorType.INT4
    stored = np.clip(np.asarray(model.buffers[tensor.buffer].data).view(np.int8) // 16, -8, 7)
    model.buffers[tensor.buffer].data = (stored[::2] & 15 | (stored[1::2] & 15) << 4).astype(np.uint8)
    tensor.quantization.scale = np.asarray(tensor.quantization.scale) * 16


def _named(name: bytes | None) -> Callable[[Any], None]:
    def edit(model: Any) -> None:
        model.signatureDefs = []
        for tensor in model.subgraphs[0].tensors:
            tensor.name = name

    return edit


CASES = {
    "hybrid": lambda: _hybrid(),
    "hybrid_int4": lambda: _hybrid(_with_half_bytes),
    "same_names": lambda: _hybrid(_named(b"t")),
    "no_names": lambda: _hybrid(_named(None)),
    "damaged_names": lambda: _hybrid(_named(b"\xff\n")),
    "sparse": lambda: _pruned(),
    "sparse_float16": lambda: _pruned(half=True),
    "sparse_blocks": lambda: _pruned(blocks=True),
    "dilated_same": lambda: _dilated("Conv2D", filters=5, padding="same", dilation_rate=2),
    "dilated_valid": lambda: _dilated("Conv2D", filters=5, dilation_rate=(3, 2)),
    "dilated_depthwise": lambda: _dilated("DepthwiseConv2D", padding="same", dilation_rate=3),
    "dilated_line": lambda: _dilated("Conv1D", (11, 4), filters=5, padding="same", dilation_rate=2),
    "transposed_same": lambda: _transposed("same"),
    "transposed_valid": lambda: _transposed("valid"),
}


@pytest.mark.parametrize("name", CASES)
def test_agrees_with_the_interpreter(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.tflite"
    path.write_bytes(CASES[name]())
    model = load_tensorflow(path)
    (given,) = model.proto.graph.input
    batch, *dims = given.type.tensor_type.shape.dim
    x = {given.name: RNG.normal(size=(batch.dim_value or 2, *(d.dim_value for d in dims)))}
    x = {name: array.astype(np.float32) for name, array in x.items()}
    (expected,) = model.run(x).values()
    (found,) = onnxruntime.InferenceSession(model.proto.SerializeToString()).run(None, x)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


def test_biases_have_the_scale_of_the_sums(tmp_path: Path) -> None:
    """TFLite's kernels read no scale of a bias, and a bias that two layers share has that of one of them."""
    keras, tf = library("keras"), library("tensorflow")
    x = keras.Input((6, 5, 4), batch_size=1)
    y = keras.layers.Conv2D(5, 3, bias_initializer="glorot_normal")(x)
    y = keras.layers.DepthwiseConv2D(3, bias_initializer="glorot_normal")(y)
    model = keras.Model(x, keras.layers.Dense(3, bias_initializer="glorot_normal")(keras.layers.Flatten()(y)))
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([sample] for sample in RNG.normal(size=(8, 1, 6, 5, 4)).astype("f4"))
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    with quiet():
        content = converter.convert()

    def with_other_scales(model: Any) -> None:
        for tensor in model.subgraphs[0].tensors:
            if tensor.type == _schema().TensorType.INT32 and tensor.quantization.scale is not None:
                tensor.quantization.scale = np.asarray(tensor.quantization.scale) * 3

    found = []
    for number, part in enumerate((content, _edited(content, with_other_scales))):
        path = tmp_path / f"{number}.tflite"
        path.write_bytes(part)
        proto = load_tensorflow(path).proto
        feeds = {proto.graph.input[0].name: np.linspace(-2, 2, 120, dtype=np.float32).reshape(1, 6, 5, 4)}
        found.append(onnxruntime.InferenceSession(proto.SerializeToString()).run(None, feeds)[0])
    np.testing.assert_allclose(*found, rtol=1e-6)


def test_the_cases_are_what_they_claim() -> None:
    def sparsity(content: bytes) -> list[Any]:
        (graph,) = _schema().ModelT.InitFromPackedBuf(content, 0).subgraphs
        return [tensor.sparsity for tensor in graph.tensors if tensor.sparsity is not None]

    assert len(sparsity(_pruned())) == len(sparsity(_pruned(half=True))) == 2
    assert any(found.blockMap is not None for found in sparsity(_pruned(blocks=True)))
    assert TRANSPOSE_CONV_BIAS.encode() in _transposed("same")
    assert all(b"SpaceToBatchND" in CASES[name]() for name in CASES if name.startswith("dilated"))


def _without_values(model: Any) -> None:
    (tensor, *_) = [t for t in model.subgraphs[0].tensors if t.sparsity is not None]
    model.buffers[tensor.buffer].data = np.zeros(0, np.uint8)


def _with_an_index_outside(model: Any) -> None:
    (tensor, *_) = [t for t in model.subgraphs[0].tensors if t.sparsity is not None]
    (level, *_) = [level for level in tensor.sparsity.dimMetadata if level.arrayIndices is not None]
    level.arrayIndices.values = np.full_like(level.arrayIndices.values, 250)


@pytest.mark.parametrize("damage", [_without_values, _with_an_index_outside])
def test_damaged_sparse_weights_are_refused(damage: Callable[[Any], None]) -> None:
    with pytest.raises(ConversionError, match=r"the sparse weights .* are damaged"):
        TFLiteFile(_edited(_pruned(), damage)).rewrite(store_weights_densely)


@pytest.mark.parametrize(
    ("scale", "zero", "sentence"),
    [
        (np.nan, 0, "has the scale nan"),
        (np.inf, 0, "has the scale inf"),
        (-0.5, 0, "has the scale -0.5"),
        (0.5, 128, "has the zero point 128, which must be from -128 to 127"),
        (0.5, -(1 << 40), "has the zero point -1099511627776"),
    ],
)
def test_impossible_quantization_is_refused(tmp_path: Path, scale: float, zero: int, sentence: str) -> None:
    def edit(model: Any) -> None:
        tensor = _quantized(model)
        tensor.quantization.scale, tensor.quantization.zeroPoint = np.float32([scale]), np.array([zero])

    path = tmp_path / "model.tflite"
    path.write_bytes(_hybrid(edit))
    with pytest.raises(ConversionError, match=f"the tensor .* of the TFLite model {sentence}"):
        load_tensorflow(path)
