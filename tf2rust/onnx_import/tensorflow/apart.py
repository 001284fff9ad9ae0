"""Keeps large variables apart from the graph while it is frozen and exported.

TensorFlow, Grappler and tf2onnx copy each constant about twenty times, and no protobuf message holds more than 2 GB.
Large variables therefore become placeholders of the frozen graph, and inputs of the exported one; afterwards the inputs
become initializers without contents. Their contents are arrays that share the memory of TensorFlow's variables.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx

from tf2rust.onnx_import.tensorflow.effects import node_of
from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.onnx_import.weights import placeholder

LARGE = 1 << 20
"""The minimum size in bytes of variables that are kept apart."""
_DTYPES = ("float16", "float32", "float64")
_FORWARDS = frozenset({"Identity", "ReadVariableOp", "Reshape", "Transpose"})
_READERS = frozenset({"BatchMatMul", "BatchMatMulV2", "BatchMatMulV3", "Einsum", "Gather", "GatherV2", "MatMul"})
"""The operations whose export does not depend on the contents of their operands."""


@contextlib.contextmanager
def variables_apart(function: Any) -> Iterator[dict[str, Any]]:
    """Makes TensorFlow freeze large variables of ``function`` as zeros without memory inside the ``with`` block.

    Gives these variables by the names of their nodes.
    """
    module: Any = library("tensorflow.python.framework.convert_to_constants")
    converter, tensors = module._FunctionConverterDataInEager, module.tensor_util
    read, encode = converter._eval, tensors.make_tensor_proto
    large = {id(variable): variable for variable in function.graph.variables if _is_large(variable)}
    captures = {id(outer): node_of(inner.name) for outer, inner in function.graph.captures}
    apart = {captures[id(v.handle)]: v for v in large.values() if id(v.handle) in captures}

    def read_small(self: Any, tensor: Any) -> Any:
        if id(tensor) not in large or id(tensor.handle) not in captures:
            return read(self, tensor)
        return np.broadcast_to(np.zeros((), tensor.dtype.as_numpy_dtype), tensor.shape)

    def encode_zeros(values: Any, *args: Any, **options: Any) -> Any:
        if not isinstance(values, np.ndarray) or any(values.strides) or values.nbytes < LARGE:
            return encode(values, *args, **options)
        zeros = encode(np.zeros(1, values.dtype))
        zeros.tensor_shape.Clear()
        for size in values.shape:
            zeros.tensor_shape.dim.add(size=size)
        zeros.ClearField("tensor_content")
        return zeros

    converter._eval, tensors.make_tensor_proto = read_small, encode_zeros
    try:
        yield apart
    finally:
        converter._eval, tensors.make_tensor_proto = read, encode


def detach(graph_def: Any, apart: Mapping[str, Any]) -> dict[str, np.ndarray[Any, Any]]:
    """Turns the constants of the variables ``apart`` into placeholders. Returns the contents of these, by tensor.

    A variable whose contents the export may need becomes a constant with contents.
    """
    tf = library("tensorflow")
    readers: dict[str, list[Any]] = {}
    for node in graph_def.node:
        for name in node.input:
            readers.setdefault(node_of(name), []).append(node)

    def is_operand(name: str) -> bool:
        return all(
            is_operand(node.name) if node.op in _FORWARDS else node.op in _READERS for node in readers.get(name, [])
        )

    arrays = {}
    for node in graph_def.node:
        if node.name not in apart or node.op != "Const":
            continue
        array = _shared(apart[node.name])
        if not is_operand(node.name):
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array))
            continue
        arrays[f"{node.name}:0"] = array
        node.op = "Placeholder"
        node.attr["shape"].shape.CopyFrom(node.attr["value"].tensor.tensor_shape)
        del node.attr["value"]
    return arrays


def as_initializers(proto: onnx.ModelProto, names: Mapping[str, object]) -> None:
    """Turns the inputs in ``names`` into initializers without contents."""
    inputs = list(proto.graph.input)
    del proto.graph.input[:]
    for value in inputs:
        if value.name not in names:
            proto.graph.input.append(value)
            continue
        dtype = value.type.tensor_type
        dims = [dim.dim_value for dim in dtype.shape.dim]
        proto.graph.initializer.append(placeholder(value.name, dtype.elem_type, dims, value.name))


def kept_apart(proto: onnx.ModelProto) -> dict[str, str]:
    """The names of the initializers without contents, with the inputs that they were."""
    return {t.name: t.external_data[0].value for t in proto.graph.initializer if t.data_location == t.EXTERNAL}


def _is_large(variable: Any) -> bool:
    size = variable.shape.num_elements()
    return variable.dtype.name in _DTYPES and size is not None and size * variable.dtype.size >= LARGE


def _shared(variable: Any) -> np.ndarray[Any, Any]:
    """The contents of a variable in TensorFlow's memory, read-only."""
    array = np.asarray(memoryview(variable.read_value()))
    array.flags.writeable = False
    return array
