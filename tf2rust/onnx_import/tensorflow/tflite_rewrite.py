"""Rewrites TFLite models into the operators that TensorFlow's interpreter and tf2onnx have in common.

A rewrite changes a ``ModelT``, TensorFlow's form of a parsed file, in place, and returns whether it changed anything.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.naming import unused_name
from tf2rust.onnx_import.tensorflow.runtime import library

TRANSPOSE_CONV_BIAS = "Convolution2DTransposeBias"
"""MediaPipe's custom operator: a transposed convolution with a bias, which TFLite's own operator gained later."""

_IDENTIFIER = b"TFL3"
_MAX_DENSE_ELEMENTS = 1 << 28
_SAME_SCALE = 1e-3
"""The relative difference of two scales that are the same up to the rounding of converters."""


class TFLiteFile:
    """A parsed TFLite file. ``content`` are the bytes that were read until a rewrite changes the model."""

    def __init__(self, content: bytes) -> None:
        self.model = tflite_schema().ModelT.InitFromPackedBuf(content, 0)
        self._content: bytes | None = content

    @property
    def content(self) -> bytes:
        if self._content is None:
            self._content = packed(self.model)
        return self._content

    def rewrite(self, *rewrites: Callable[[Any], bool]) -> bool:
        """Runs the rewrites. Returns whether one changed the model."""
        changes = [rewrite(self.model) for rewrite in rewrites]
        if any(changes):
            self._content = None
        return any(changes)


def check_quantization(model: Any) -> None:
    """Raises ``ConversionError`` for every quantized tensor whose scales or zero points cannot be meant."""
    reasons = [
        f"the tensor {text_of(tensor.name)!r} of the TFLite model has {wrong}; export the model again."
        for graph in model.subgraphs
        for tensor in graph.tensors
        if (wrong := _wrong_quantization(tensor))
    ]
    if reasons:
        raise ConversionError(reasons)


def _wrong_quantization(tensor: Any) -> str:
    """What is wrong with the scales or the zero points of a tensor; empty if nothing is."""
    scales, bounds = _scales(tensor), _integer_bounds().get(tensor.type)
    if scales is None or bounds is None:
        return ""
    bad = scales[~(np.isfinite(scales) & (scales >= 0))]
    if bad.size:
        return f"the scale {bad[0]:g}, which must be a finite number from 0 on"
    stored = tensor.quantization.zeroPoint
    zeros = np.zeros(1, np.int64) if stored is None else np.asarray(stored, np.int64)
    bad = zeros[(zeros < bounds[0]) | (zeros > bounds[1])]
    return f"the zero point {bad[0]}, which must be from {bounds[0]} to {bounds[1]}" if bad.size else ""


def make_names_distinct(model: Any) -> bool:
    """Renames tensors whose name is missing, not UTF-8 or that of another tensor, because tf2onnx goes by names."""
    if all(_are_distinct([tensor.name for tensor in graph.tensors]) for graph in model.subgraphs):
        return False
    for graph in model.subgraphs:
        taken: set[str] = set()
        for tensor in graph.tensors:
            tensor.name = unused_name(text_of(tensor.name) or "tensor", taken).encode()
    return True


def _are_distinct(names: Sequence[bytes | None]) -> bool:
    return all(name and text_of(name).encode() == name for name in names) and len(set(names)) == len(names)


def use_builtin_operators(model: Any) -> bool:
    """Replaces MediaPipe's ``Convolution2DTransposeBias`` by TRANSPOSE_CONV.

    Raises ``ConversionError`` if it cannot.
    """
    codes = [text_of(code.customCode) for code in model.operatorCodes]
    if TRANSPOSE_CONV_BIAS not in codes:
        return False
    number, transpose_conv = codes.index(TRANSPOSE_CONV_BIAS), tflite_schema().BuiltinOperator.TRANSPOSE_CONV
    code = model.operatorCodes[number]
    code.customCode, code.version = None, 3  # the version that takes a bias
    code.builtinCode = code.deprecatedBuiltinCode = transpose_conv
    for graph in model.subgraphs:
        for operator in graph.operators:
            if operator.opcodeIndex == number:
                _make_builtin(model, graph, operator)
    return True


def _make_builtin(model: Any, graph: Any, operator: Any) -> None:
    """Turns an operator (x, kernel, bias) with a C struct of options into TRANSPOSE_CONV (shape, kernel, x, bias)."""
    schema = tflite_schema()
    x, kernel, bias = operator.inputs
    shape = [int(size) for size in graph.tensors[operator.outputs[0]].shape]
    padding, stride_width, stride_height = struct.unpack("<3i", bytes(operator.customOptions)[:12])
    if padding not in (1, 2) or len(shape) != 4:
        raise ConversionError(
            f"the TFLite operator {TRANSPOSE_CONV_BIAS} has the padding {padding} and an output of rank {len(shape)}, "
            "which is not supported; convert the original model."
        )
    name = graph.tensors[operator.outputs[0]].name + b"/shape"
    operator.inputs = [append_constant(model, graph, np.array(shape, np.int32), name), kernel, x, bias]
    operator.builtinOptionsType = schema.BuiltinOptions.TransposeConvOptions
    operator.builtinOptions = schema.TransposeConvOptionsT(
        padding=schema.Padding.SAME if padding == 1 else schema.Padding.VALID,
        strideW=stride_width,
        strideH=stride_height,
    )
    operator.customOptions = None


def store_weights_densely(model: Any) -> bool:
    """Stores sparse weights densely, and removes DENSIFY, because tf2onnx reads neither.

    Raises ``ConversionError`` if the sparse form is damaged.
    """
    schema = tflite_schema()
    if all(tensor.sparsity is None for graph in model.subgraphs for tensor in graph.tensors):
        return False
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            if tensor.sparsity is not None:
                dense = _dense(tensor, model.buffers[tensor.buffer].data)
                model.buffers.append(schema.BufferT(data=np.frombuffer(dense.tobytes(), np.uint8)))
                tensor.buffer, tensor.sparsity = len(model.buffers) - 1, None
        kept = []
        for operator in graph.operators:
            if builtin_number(model.operatorCodes[operator.opcodeIndex]) == schema.BuiltinOperator.DENSIFY:
                graph.tensors[operator.outputs[0]].buffer = graph.tensors[operator.inputs[0]].buffer
            else:
                kept.append(operator)
        graph.operators = kept
    return True


def _dense(tensor: Any, data: Any) -> np.ndarray:
    """The elements of a sparse tensor, decoded level by level.

    The levels are the tensor's dimensions and then those inside its blocks, in ``traversalOrder``. A dense level
    enumerates all its coordinates for every entry of the level before; a compressed one (CSR) lists them.
    """
    dtype = _sparse_dtypes().get(tensor.type)
    shape = [int(size) for size in tensor.shape]
    damaged = ConversionError(
        f"the sparse weights {tensor.name.decode('utf-8', 'replace')!r} are damaged or of a type that TFLite does not "
        "store sparsely; export the model again."
    )
    if dtype is None or data is None or not 0 < math.prod(shape) <= _MAX_DENSE_ELEMENTS:
        raise damaged
    sparsity = tensor.sparsity
    order = [int(level) for level in sparsity.traversalOrder]
    blocked = [] if sparsity.blockMap is None else [int(axis) for axis in sparsity.blockMap]
    try:
        levels = _coordinates(sparsity.dimMetadata, math.prod(shape))
        by_dimension = dict(zip(order, levels, strict=True))
        block_sizes = {
            axis: int(sparsity.dimMetadata[order.index(len(shape) + i)].denseSize) for i, axis in enumerate(blocked)
        }
        inside = {axis: by_dimension[len(shape) + i] for i, axis in enumerate(blocked)}
        index = tuple(by_dimension[a] * block_sizes.get(a, 1) + inside.get(a, 0) for a in range(len(shape)))
        dense = np.zeros(shape, dtype)
        dense[index] = np.frombuffer(bytes(data), dtype)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as error:
        raise damaged from error
    return dense


def scale_biases_as_sums(model: Any) -> bool:
    """Gives biases of integer products the scale of the sums, which is what TFLite's kernels take them for.

    Converters store equal biases of two layers once, with the scale of one of them.
    """
    schema = tflite_schema()
    ops, types = schema.BuiltinOperator, schema.TensorType
    operands = {
        **dict.fromkeys((ops.CONV_2D, ops.DEPTHWISE_CONV_2D, ops.FULLY_CONNECTED), (0, 1, 2)),
        ops.TRANSPOSE_CONV: (2, 1, 3),
    }
    changes = False
    for graph in model.subgraphs:
        for operator in graph.operators:
            places = operands.get(builtin_number(model.operatorCodes[operator.opcodeIndex]))
            if places is None or len(operator.inputs) <= max(places) or int(operator.inputs[places[2]]) < 0:
                continue
            x, kernel, bias = (graph.tensors[int(operator.inputs[place])] for place in places)
            of_x, of_kernel, of_bias = (_scales(tensor) for tensor in (x, kernel, bias))
            if bias.type not in (types.INT32, types.INT64) or of_x is None or of_kernel is None or of_bias is None:
                continue
            wanted = of_x * of_kernel
            if of_x.size == 1 and not np.allclose(of_bias, wanted, rtol=_SAME_SCALE, atol=0):
                own = _with_scales(bias, wanted)
                graph.tensors.append(own)
                inputs = [int(index) for index in operator.inputs]
                inputs[places[2]], changes = len(graph.tensors) - 1, True
                operator.inputs = inputs
                own.name = unused_name(text_of(bias.name), {text_of(t.name) for t in graph.tensors}).encode()
    return changes


def _scales(tensor: Any) -> np.ndarray | None:
    quantization = tensor.quantization
    if quantization is None or quantization.scale is None or not len(quantization.scale):
        return None
    return np.asarray(quantization.scale, np.float32)


def _with_scales(tensor: Any, scales: np.ndarray) -> Any:
    """A tensor with the same contents and other scales, along its first axis if there are several."""
    schema, made = tflite_schema(), copy(tensor)
    made.quantization = schema.QuantizationParametersT(scale=scales, zeroPoint=np.zeros(scales.size, np.int64))
    return made


def dequantize_hybrid_weights(model: Any) -> bool:
    """Makes the weights of operators that compute in float floats.

    TFLite runs such hybrid operators by quantizing their inputs as well, differently in each of its kernels. With float
    weights it computes what the operators mean.
    """
    types = tflite_schema().TensorType

    def is_hybrid(graph: Any, operator: Any, constant: Any) -> bool:
        return constant.type in (types.INT8, types.UINT8, types.INT4) and all(
            graph.tensors[index].type == types.FLOAT32 for index in operator.outputs
        )

    return _dequantize(model, is_hybrid)


def dequantize_wide_biases(model: Any) -> bool:
    """Makes the 64-bit biases of 16-bit models floats, because ONNX's DequantizeLinear does not take them."""
    wide = tflite_schema().TensorType.INT64
    return _dequantize(model, lambda graph, operator, constant: bool(constant.type == wide))


def _dequantize(model: Any, chosen: Callable[[Any, Any, Any], bool]) -> bool:
    """Makes quantized constants float32 if ``chosen`` (graph, operator, constant) holds. Returns whether one was."""
    schema = tflite_schema()
    changes = False
    for graph in model.subgraphs:
        floats: dict[int, int] = {}
        for operator in graph.operators:
            if operator.inputs is None or builtin_number(model.operatorCodes[operator.opcodeIndex]) in (
                *(schema.BuiltinOperator.DEQUANTIZE, schema.BuiltinOperator.QUANTIZE),
            ):
                continue
            inputs = [int(index) for index in operator.inputs]
            for place, index in enumerate(inputs):
                if index < 0 or not chosen(graph, operator, graph.tensors[index]):
                    continue
                if index not in floats:
                    array, name = _dequantized(model, graph.tensors[index]), graph.tensors[index].name
                    floats[index] = index if array is None else append_constant(model, graph, array, name)
                inputs[place] = floats[index]
            if inputs != list(operator.inputs):
                operator.inputs, changes = inputs, True
                if hasattr(operator.builtinOptions, "asymmetricQuantizeInputs"):
                    # Otherwise tf2onnx writes a quantization of the inputs.
                    operator.builtinOptions.asymmetricQuantizeInputs = False
        _drop_tensors(graph, [index for index, own in floats.items() if own != index])
    return changes


def _drop_tensors(graph: Any, indices: Sequence[int]) -> None:
    """Empties tensors that nothing reads; tf2onnx does not know all of their types."""
    lists = [operator.inputs for operator in graph.operators if operator.inputs is not None]
    read = {int(index) for found in (*lists, graph.outputs) for index in found}
    for index in indices:
        if index not in read:
            tensor = graph.tensors[index]
            tensor.type, tensor.buffer, tensor.quantization = tflite_schema().TensorType.INT8, 0, None


def _dequantized(model: Any, tensor: Any) -> np.ndarray | None:
    """The numbers that a constant, quantized tensor stands for; None for other tensors."""
    types, data, quantization = tflite_schema().TensorType, model.buffers[tensor.buffer].data, tensor.quantization
    if data is None or quantization is None or quantization.details is not None:
        return None
    if quantization.scale is None or not len(quantization.scale):
        return None
    dtypes = {types.INT4: np.int8, types.INT8: np.int8, types.UINT8: np.uint8, types.INT64: np.int64}
    stored = np.frombuffer(bytes(data), dtypes[tensor.type])
    shape = [int(size) for size in tensor.shape]
    if tensor.type == types.INT4:  # two in a byte, the lower four bits first
        stored = np.stack([(stored << 4) >> 4, stored >> 4], -1).reshape(-1)[: math.prod(shape)]
    along = [1] * len(shape)
    if len(quantization.scale) > 1:
        along[quantization.quantizedDimension] = -1
    scale = np.asarray(quantization.scale, np.float32).reshape(along)
    zero = 0 if quantization.zeroPoint is None else np.asarray(quantization.zeroPoint, np.int64).reshape(along)
    with np.errstate(over="ignore"):
        return np.asarray((stored.reshape(shape).astype(np.int64) - zero) * scale, np.float32)


def append_constant(model: Any, graph: Any, array: np.ndarray, name: bytes) -> int:
    """Adds a float32 or int32 constant to a graph. Returns its number."""
    schema = tflite_schema()
    types = {np.dtype(np.float32): schema.TensorType.FLOAT32, np.dtype(np.int32): schema.TensorType.INT32}
    model.buffers.append(schema.BufferT(data=np.frombuffer(array.tobytes(), np.uint8)))
    graph.tensors.append(
        schema.TensorT(
            shape=list(array.shape),
            type=types[array.dtype],
            buffer=len(model.buffers) - 1,
            name=name,
            hasRank=True,
        )
    )
    return len(graph.tensors) - 1


def _coordinates(levels: Any, most: int) -> list[np.ndarray]:
    """The coordinate of every stored element in every level. Raises ValueError beyond ``most`` elements."""
    found: list[np.ndarray] = []
    count = 1
    for level in levels:
        if level.arraySegments is None:
            if count * level.denseSize > most:
                raise ValueError("more elements than the tensor has")
            repeats, own = np.full(count, level.denseSize), np.tile(np.arange(level.denseSize), count)
        else:
            segments = np.asarray(level.arraySegments.values, np.int64)
            own = np.asarray(level.arrayIndices.values, np.int64)
            repeats = np.diff(segments)
            if len(repeats) != count or repeats.sum() != len(own) or (own < 0).any():
                raise ValueError("segments and indices do not fit each other")
        found = [*(np.repeat(coordinates, repeats) for coordinates in found), own]
        count = len(own)
    return found


def _sparse_dtypes() -> dict[int, type[np.generic]]:
    types = tflite_schema().TensorType
    return {types.FLOAT32: np.float32, types.FLOAT16: np.float16, types.INT8: np.int8}


def _integer_bounds() -> dict[int, tuple[int, int]]:
    """The smallest and the largest number of the types that tensors can be quantized to."""
    types = tflite_schema().TensorType
    bits = {types.INT4: 4, types.INT8: 8, types.INT16: 16, types.INT32: 32, types.INT64: 64}
    return {types.UINT8: (0, 255), **{own: (-(1 << n - 1), (1 << n - 1) - 1) for own, n in bits.items()}}


def text_of(name: bytes | None) -> str:
    """A name in a TFLite file, which can be missing or not UTF-8."""
    return (name or b"").decode("utf-8", "replace")


def builtin_number(code: Any) -> int:
    """The operator's number. Files before 2020 store it in a byte; readers take the larger number."""
    return int(max(code.deprecatedBuiltinCode, code.builtinCode))


def code_index(model: Any, number: int, version: int) -> int:
    """The index of a builtin operator among the model's operator codes. If it is not among them, it is added with this
    version.
    """
    for index, code in enumerate(model.operatorCodes):
        if builtin_number(code) == number:
            return index
    code = tflite_schema().OperatorCodeT(builtinCode=number, deprecatedBuiltinCode=min(number, 127), version=version)
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def packed(model: Any) -> bytes:
    """The model as a file."""
    builder = library("flatbuffers").Builder(1 << 20)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())


def tflite_schema() -> Any:
    """TensorFlow's classes for the parts of a TFLite file."""
    return library("tensorflow.lite.python.schema_py_generated")
