"""Dilated convolutions of TFLite models that are not one operator.

TFLite's converter leaves a convolution with dilation d over a free batch as

    BATCH_TO_SPACE_ND(CONV_2D(SPACE_TO_BATCH_ND(x, d, paddings)), d, crops)

which tf2onnx takes for operators on the channels.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from tf2rust.onnx_import.tensorflow.naming import unused_name
from tf2rust.onnx_import.tensorflow.tflite_rewrite import (
    append_constant,
    builtin_number,
    code_index,
    text_of,
    tflite_schema,
)


@dataclass(frozen=True)
class _Dilated:
    """The operators of a dilated convolution; ``between`` add an axis before a convolution over one axis, and remove it
    after it.
    """

    first: Any
    between: tuple[Any, ...]
    conv: Any
    last: Any
    dilations: np.ndarray
    paddings: np.ndarray
    """[axes, 2]: what the convolution is padded with if nothing is cropped."""


def merge_dilations(model: Any) -> bool:
    """Makes one convolution with dilations, and a PAD, of the three operators."""
    found = [(graph, dilated) for graph in model.subgraphs for dilated in _dilated(model, graph)]
    for graph, dilated in found:
        _rewrite(model, graph, dilated)
    return bool(found)


def _dilated(model: Any, graph: Any) -> Iterator[_Dilated]:
    ops = tflite_schema().BuiltinOperator
    makers = {int(index): operator for operator in graph.operators for index in operator.outputs}
    read = Counter(
        int(index) for operator in graph.operators if operator.inputs is not None for index in operator.inputs
    )
    read.update(int(index) for index in graph.outputs)

    def kind(operator: Any) -> int | None:
        return None if operator is None else builtin_number(model.operatorCodes[operator.opcodeIndex])

    def before(operator: Any) -> Any:
        """What makes the first input, if nothing else reads that."""
        index = int(operator.inputs[0])
        return makers.get(index) if read[index] == 1 else None

    for last in graph.operators:
        if kind(last) != ops.BATCH_TO_SPACE_ND:
            continue
        conv, between = before(last), list[Any]()
        if kind(conv) in (ops.RESHAPE, ops.SQUEEZE):
            between.append(conv)
            conv = before(conv)
        if kind(conv) not in (ops.CONV_2D, ops.DEPTHWISE_CONV_2D):
            continue
        first = before(conv)
        if between and kind(first) in (ops.RESHAPE, ops.EXPAND_DIMS):
            between.insert(0, first)
            first = before(first)
        if kind(first) != ops.SPACE_TO_BATCH_ND or len(between) not in (0, 2) or not _is_plain(conv):
            continue
        rank = 3 if between else 4
        if any(len(graph.tensors[int(end)].shape) != rank for end in (first.inputs[0], last.outputs[0])):
            continue
        block, paddings = (_integers(model, graph, first.inputs[i]) for i in (1, 2))
        same, crops = (_integers(model, graph, last.inputs[i]) for i in (1, 2))
        if block is None or paddings is None or same is None or crops is None or not np.array_equal(block, same):
            continue
        left = paddings.reshape(-1, 2) - crops.reshape(-1, 2)
        if len(left) == rank - 2 and (left >= 0).all():
            yield _Dilated(first, tuple(between), conv, last, block, left)


def _is_plain(conv: Any) -> bool:
    options, schema = conv.builtinOptions, tflite_schema()
    ones = (options.strideW, options.strideH, options.dilationWFactor, options.dilationHFactor)
    return options.padding == schema.Padding.VALID and ones == (1, 1, 1, 1)


def _integers(model: Any, graph: Any, index: int) -> np.ndarray | None:
    """The contents of a constant of int32."""
    tensor = graph.tensors[int(index)]
    data = model.buffers[tensor.buffer].data
    if data is None or tensor.type != tflite_schema().TensorType.INT32:
        return None
    return np.frombuffer(bytes(data), np.int32)


def _rewrite(model: Any, graph: Any, found: _Dilated) -> None:
    schema = tflite_schema()
    first, conv, last = found.first, found.conv, found.last
    padded, result = graph.tensors[int(first.outputs[0])], graph.tensors[int(last.outputs[0])]
    paddings = np.concatenate([np.zeros((1, 2)), found.paddings, np.zeros((1, 2))]).astype(np.int32)
    given = graph.tensors[int(first.inputs[0])]
    first.inputs = [int(first.inputs[0]), _constant(model, graph, paddings, first)]
    first.opcodeIndex = code_index(model, schema.BuiltinOperator.PAD, version=2)
    first.builtinOptionsType, first.builtinOptions = schema.BuiltinOptions.PadOptions, schema.PadOptionsT()
    _set_shape(padded, _sum(given.shape, paddings), _sum(given.shapeSignature, paddings))
    options = conv.builtinOptions
    *rest, options.dilationWFactor = (int(d) for d in found.dilations)
    options.dilationHFactor = rest[0] if rest else 1
    ends = [conv]
    if found.between:
        widen, narrow = found.between
        for operator, tensor in ((widen, padded), (conv, result)):
            shape, signature = ([*s[:1], 1, *s[1:]] for s in (tensor.shape, _signature(tensor)))
            _set_shape(graph.tensors[int(operator.outputs[0])], shape, signature)
        _reshape(model, graph, widen, graph.tensors[int(widen.outputs[0])])
        _reshape(model, graph, narrow, result)
        ends = [narrow]
    ends[0].outputs = [int(last.outputs[0])]
    graph.operators = [operator for operator in graph.operators if operator is not last]


def _reshape(model: Any, graph: Any, operator: Any, tensor: Any) -> None:
    """Lets a RESHAPE write the shape of ``tensor``; other operators have no sizes."""
    schema = tflite_schema()
    if builtin_number(model.operatorCodes[operator.opcodeIndex]) == schema.BuiltinOperator.RESHAPE:
        shape = np.asarray(_signature(tensor), np.int32)
        operator.inputs = [int(operator.inputs[0]), _constant(model, graph, shape, operator)]
        operator.builtinOptions = schema.ReshapeOptionsT(newShape=shape)


def _constant(model: Any, graph: Any, array: np.ndarray, operator: Any) -> int:
    """Adds the second input of an operator under a name of its own, because tf2onnx goes by names."""
    taken = {text_of(tensor.name) for tensor in graph.tensors}
    name = unused_name(f"{text_of(graph.tensors[int(operator.outputs[0])].name)}/dilated", taken)
    return append_constant(model, graph, array, name.encode())


def _signature(tensor: Any) -> list[int]:
    """The sizes, of which those that are free are −1."""
    return [int(size) for size in (tensor.shape if tensor.shapeSignature is None else tensor.shapeSignature)]


def _sum(shape: Any, paddings: np.ndarray) -> list[int] | None:
    if shape is None:
        return None
    return [int(size) if size < 0 else int(size + more.sum()) for size, more in zip(shape, paddings, strict=True)]


def _set_shape(tensor: Any, shape: list[int] | None, signature: list[int] | None) -> None:
    tensor.shape, tensor.shapeSignature = shape, signature
