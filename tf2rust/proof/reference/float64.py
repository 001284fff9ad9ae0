"""Runs a model in float64 with ONNX's reference implementation, to measure the rounding of float32."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.load import run_reference
from tf2rust.onnx_import.weights import whole_model

_NARROW = (TensorProto.FLOAT, TensorProto.FLOAT16)
_EXPECTS_FLOAT32 = frozenset({"QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "MatMulInteger"})
"""Operators of quantized models, which are defined only in float32."""


def in_float64(
    proto: onnx.ModelProto,
    weights: Mapping[str, np.ndarray],
    inputs: Mapping[str, np.ndarray],
    *,
    wide: bool = True,
) -> dict[str, np.ndarray]:
    """The outputs with all float16 and float32 values of the model, its weights and ``inputs`` converted to float64.

    Without ``wide``, the same computation in the model's own dtypes. Raises ConversionError if the reference
    implementation cannot run the model.
    """
    whole = whole_model(proto, weights)
    if operators(whole.graph) & _EXPECTS_FLOAT32:
        raise ConversionError("A quantized model cannot run in float64.")
    if not wide:
        return run_reference(whole, inputs)
    _widen(whole.graph)
    return run_reference(whole, {name: _double(array) for name, array in inputs.items()})


def operators(graph: onnx.GraphProto) -> set[str]:
    """The operators of a graph and of its subgraphs."""
    found = {node.op_type for node in graph.node}
    for node in graph.node:
        for inner in _graphs(node):
            found |= operators(inner)
    return found


def _graphs(node: onnx.NodeProto) -> list[onnx.GraphProto]:
    return [g for a in node.attribute for g in (*([a.g] if a.HasField("g") else []), *a.graphs)]


def _double(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float64) if array.dtype in (np.float32, np.float16) else array


def _widen(graph: onnx.GraphProto) -> None:
    for tensor in graph.initializer:
        _widen_tensor(tensor)
    del graph.value_info[:]
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type in _NARROW:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    for node in graph.node:
        _widen_node(node)
        for inner in _graphs(node):
            _widen(inner)


def _widen_tensor(tensor: onnx.TensorProto) -> None:
    if tensor.data_type in _NARROW:
        tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float64), tensor.name))


def _widen_node(node: onnx.NodeProto) -> None:
    for attribute in node.attribute:
        if attribute.HasField("t"):
            _widen_tensor(attribute.t)
        if attribute.name in ("to", "dtype") and attribute.i in _NARROW:
            attribute.i = TensorProto.DOUBLE
        if node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
            numbers = np.float64(attribute.f) if attribute.name == "value_float" else np.array(attribute.floats)
            attribute.CopyFrom(onnx.helper.make_attribute("value", numpy_helper.from_array(np.asarray(numbers))))
    if node.op_type == "ConstantOfShape" and not node.attribute:
        zero = numpy_helper.from_array(np.zeros(1))
        node.attribute.append(onnx.helper.make_attribute("value", zero))
