"""Models in bfloat16 for ONNX Runtime, whose processor kernels lack it: nodes compute in float32 and round once.

    y = MatMul(x, w)   →   y = Cast(MatMul(Cast(x, float), Cast(w, float)), bfloat16)

Inputs and outputs of the model become float32, with numbers of bfloat16.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper

_UNCHANGED = frozenset({"Cast", "Constant", "ConstantOfShape", "BitCast"})


def in_float32(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model with Casts around all nodes that read or write bfloat16."""
    wide = onnx.shape_inference.infer_shapes(proto)
    graph = wide.graph
    _widen(graph, {})
    before, behind = [], []
    for info in graph.input:
        if _is_narrow(info):
            before.append(helper.make_node("Cast", [f"{info.name}/given"], [info.name], to=TensorProto.BFLOAT16))
            _make_wide(info, f"{info.name}/given")
    for info in graph.output:
        if _is_narrow(info):
            behind.append(helper.make_node("Cast", [info.name], [f"{info.name}/result"], to=TensorProto.FLOAT))
            _make_wide(info, f"{info.name}/result")
    nodes = list(graph.node)
    del graph.node[:], graph.value_info[:]
    graph.node.extend([*before, *nodes, *behind])
    return wide


def as_given(inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The inputs of the changed model."""
    return {
        **{name: array for name, array in inputs.items() if array.dtype.name != "bfloat16"},
        **{f"{name}/given": a.astype(np.float32) for name, a in inputs.items() if a.dtype.name == "bfloat16"},
    }


def as_declared(array: np.ndarray, info: onnx.ValueInfoProto) -> np.ndarray:
    """An output of the changed model in the dtype that the model declares."""
    return array.astype("bfloat16") if _is_narrow(info) else array


def _is_narrow(info: onnx.ValueInfoProto) -> bool:
    return info.type.tensor_type.elem_type == TensorProto.BFLOAT16


def _make_wide(info: onnx.ValueInfoProto, name: str) -> None:
    info.name = name
    info.type.tensor_type.elem_type = TensorProto.FLOAT


def _widen(graph: onnx.GraphProto, outer: Mapping[str, bool]) -> None:
    """Puts Casts around the nodes of a graph; ``outer`` says which values around it are bfloat16."""
    narrow = dict(outer)
    narrow.update({info.name: _is_narrow(info) for info in (*graph.input, *graph.value_info, *graph.output)})
    narrow.update({tensor.name: tensor.data_type == TensorProto.BFLOAT16 for tensor in graph.initializer})
    nodes = []
    for node in graph.node:
        inner = [g for a in node.attribute for g in (*([a.g] if a.HasField("g") else []), *a.graphs)]
        for body in inner:
            _widen(body, narrow)
        if inner or node.op_type in _UNCHANGED:
            nodes.append(node)
            continue
        before, behind = [], []
        for i, name in enumerate(node.input):
            if narrow.get(name):
                node.input[i] = f"{name}/wide_{len(nodes)}"
                before.append(helper.make_node("Cast", [name], [node.input[i]], to=TensorProto.FLOAT))
        for i, name in enumerate(node.output):
            if narrow.get(name):
                node.output[i] = f"{name}/wide"
                behind.append(helper.make_node("Cast", [node.output[i]], [name], to=TensorProto.BFLOAT16))
        unique = {cast.output[0]: cast for cast in before}
        nodes += [*unique.values(), node, *behind]
    del graph.node[:]
    graph.node.extend(nodes)
