"""float16: a node that reads or writes float16 computes in float32, and rounds each result once."""

from __future__ import annotations

import onnx
import onnx_ir as ir
from onnx import TensorProto, helper

from tf2rust.ops.core.inference import ValueInfos

_NARROW = "float16"


def widened(node: ir.Node, infos: ValueInfos) -> onnx.FunctionProto | None:
    """The node in float32 between Casts; None if the node has no float16 values or is a Cast itself."""
    if node.op_type == "Cast" or any(a.type == ir.AttributeType.GRAPH for a in node.attributes.values()):
        return None
    info = {v: infos.known(v) for v in (*node.inputs, *node.outputs) if v is not None}
    narrow = {v for v, f in info.items() if f is not None and f.dtype == _NARROW}
    version = node.version or 1
    if not narrow & {v for v in node.inputs if v is not None} or None in (info[v] for v in node.outputs if v.name):
        return None
    proto = ir.to_proto(node)
    given = [f"x{i}" for i in range(len(node.inputs))]
    made = [f"y{i}" for i in range(len(node.outputs))]
    inner = onnx.NodeProto()
    inner.CopyFrom(proto)
    del inner.input[:], inner.output[:]
    before, behind = [], []
    for name, value in zip(given, node.inputs, strict=True):
        wide = "" if value is None else name
        if value in narrow:
            wide = f"{name}_wide"
            before.append(helper.make_node("Cast", [name], [wide], to=TensorProto.FLOAT))
        inner.input.append(wide)
    for name, value in zip(made, node.outputs, strict=True):
        wide = name
        if value in narrow:
            wide = f"{name}_wide"
            behind.append(helper.make_node("Cast", [wide], [name], to=TensorProto.FLOAT16))
        inner.output.append(wide)
    nodes = [*before, inner, *behind]
    return helper.make_function("", node.op_type, given, made, nodes, [helper.make_opsetid(node.domain, version)])
