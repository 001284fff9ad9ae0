"""Storage dtypes: a node that reads or writes them computes in a wider dtype, and rounds each result once."""

from __future__ import annotations

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper

from tf2rust.ops.core.dtypes import NARROW
from tf2rust.ops.core.inference import ValueInfos

_CASTS = frozenset({"Cast", "BitCast"})
"""Operators that are about the dtype."""
_QUANTIZATION = frozenset({"QuantizeLinear", "DequantizeLinear"})
_COMPUTED = ("float16", "bfloat16")
"""The storage dtypes that quantization does not convert itself."""
_DTYPE_ATTRIBUTES = ("dtype", "output_dtype")
"""Attributes that set the dtype of an output."""


def widened(node: ir.Node, infos: ValueInfos) -> onnx.FunctionProto | None:
    """The node in wider dtypes between Casts; None if it reads no storage dtypes, or is a Cast itself."""
    if node.op_type in _CASTS or any(a.type == ir.AttributeType.GRAPH for a in node.attributes.values()):
        return None
    info = {v: infos.known(v) for v in (*node.inputs, *node.outputs) if v is not None}
    known = _COMPUTED if node.op_type in _QUANTIZATION else NARROW
    narrow = {v: NARROW[f.dtype] for v, f in info.items() if f is not None and f.dtype in known}
    version = node.version or 1
    if not any(v in narrow for v in node.inputs if v is not None) or None in (info[v] for v in node.outputs if v.name):
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
        if value is not None and value in narrow:
            wide = f"{name}_wide"
            before.append(helper.make_node("Cast", [name], [wide], to=_number(narrow[value].wide)))
        inner.input.append(wide)
    for name, value in zip(made, node.outputs, strict=True):
        wide = name
        if value in narrow:
            wide = f"{name}_wide"
            behind.append(helper.make_node("Cast", [wide], [name], to=_number(narrow[value].name)))
        inner.output.append(wide)
    for attribute in inner.attribute:
        if attribute.name in _DTYPE_ATTRIBUTES:
            attribute.i = next(
                (_number(n.wide) for n in narrow.values() if _number(n.name) == attribute.i), attribute.i
            )
    nodes = [*before, inner, *behind]
    return helper.make_function("", node.op_type, given, made, nodes, [helper.make_opsetid(node.domain, version)])


def _number(dtype: str) -> int:
    """The number of a dtype in ONNX."""
    return ir.DataType.from_numpy(np.dtype(dtype)).value
