"""Dilated convolutions of TensorFlow graphs over axes of unknown size.

TensorFlow computes a convolution with dilation d as

    BatchToSpaceND(Conv(SpaceToBatchND(x, d, paddings + extra)), d, extra)

where ``extra`` makes the padded size divisible by d. tf2onnx makes a convolution with dilations of it if the paddings
are constant.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tf2rust.onnx_import.tensorflow.effects import node_of
from tf2rust.onnx_import.tensorflow.runtime import library

_CONVOLUTIONS = frozenset({"Conv2D", "Conv3D", "DepthwiseConv2dNative"})
_ARRANGING = frozenset({"Add", "AddV2", "ConcatV2", "Const", "ExpandDims", "Identity", "Pack", "StridedSlice"})
"""The operations that arrange paddings and crops."""


def with_constant_paddings(graph_def: Any) -> None:
    """Replaces the paddings and crops of dilated convolutions by constants without ``extra``.

    The result of the convolution does not depend on ``extra``, as it is cropped again.
    """
    nodes = {node.name: node for node in graph_def.node}
    readers = Counter(node_of(tensor) for node in graph_def.node for tensor in node.input if tensor[0] != "^")
    for last in [node for node in graph_def.node if node.op == "BatchToSpaceND"]:
        first = _beginning(last, nodes, readers)
        paddings = None if first is None else _without_extra(first, last, nodes)
        if first is not None and paddings is not None:
            first.input[2] = _constant(graph_def, f"{first.name}/paddings", paddings)
            last.input[2] = _constant(graph_def, f"{last.name}/crops", np.zeros_like(paddings))


def _beginning(last: Any, nodes: Mapping[str, Any], readers: Mapping[str, int]) -> Any:
    """The SpaceToBatchND before the convolution whose result ``last`` rearranges; None for another pattern."""
    chain = [last, *_first_inputs(last, nodes)]
    ops = [node.op for node in chain]
    if len(ops) > 2 and ops[1] == "Squeeze":  # a convolution over one axis
        if ops[2:5] != ["Conv2D", "ExpandDims", "SpaceToBatchND"]:
            return None
        conv, first = chain[2], chain[4]
    elif len(ops) > 2 and ops[1] in _CONVOLUTIONS and ops[2] == "SpaceToBatchND":
        conv, first = chain[1], chain[2]
    else:
        return None
    inside = chain[1 : chain.index(first) + 1]
    is_plain = conv.attr["padding"].s == b"VALID" and all(readers[node.name] == 1 for node in inside)
    blocks = [_value(node.input[1], nodes) for node in (first, last)]
    return first if is_plain and None not in blocks and blocks[0] == blocks[1] else None


def _first_inputs(node: Any, nodes: Mapping[str, Any]) -> Iterator[Any]:
    """The node of the first input, that of its first input, and so on."""
    for _ in range(4):
        node = nodes.get(node_of(node.input[0])) if node.input else None
        if node is None:
            return
        yield node


def _value(tensor: str, nodes: Mapping[str, Any]) -> list[int] | None:
    node = nodes.get(node_of(tensor))
    if node is None or node.op != "Const":
        return None
    found: list[int] = library("tensorflow").make_ndarray(node.attr["value"].tensor).tolist()
    return found


def _without_extra(first: Any, last: Any, nodes: Mapping[str, Any]) -> np.ndarray | None:
    """The paddings for ``extra`` = 0; None if paddings and crops are not sums with the same ``extra``."""
    tf = library("tensorflow")
    names = [node_of(node.input[2]) for node in (first, last)]
    part, extras = tf.compat.v1.GraphDef(), set[str]()
    waiting, seen = list(names), set(names)
    while waiting:
        node = nodes[waiting.pop()]
        if node.op == "FloorMod":
            extras.add(node.name)
            made = part.node.add(name=node.name, op="Placeholder")
            made.attr["dtype"].type = node.attr["T"].type
            continue
        if node.op not in _ARRANGING:
            return None
        made = part.node.add()
        made.CopyFrom(node)
        made.input[:] = [tensor for tensor in node.input if tensor[0] != "^"]
        new = {node_of(tensor) for tensor in made.input} - seen
        seen |= new
        waiting += sorted(new)
    if len(extras) != 1:
        return None
    (extra,), axes = extras, len(_value(first.input[1], nodes) or [])
    fetched = [f"{name}:0" for name in names]
    try:
        with tf.Graph().as_default() as graph, tf.compat.v1.Session(graph=graph) as session:
            tf.import_graph_def(part, name="")
            runs = [session.run(fetched, {f"{extra}:0": np.full(axes, number)}) for number in (0, 1)]
    except (ValueError, tf.errors.OpError):  # the model arranges something else than paddings
        return None
    (paddings, crops), (more_paddings, more_crops) = runs
    behind = np.tile([0, 1], (axes, 1))
    is_extra = np.array_equal(more_paddings - paddings, behind) and np.array_equal(more_crops, behind)
    return np.asarray(paddings) if is_extra and not crops.any() else None


def _constant(graph_def: Any, name: str, array: np.ndarray) -> str:
    tf = library("tensorflow")
    made = graph_def.node.add(name=name, op="Const")
    made.attr["dtype"].type = tf.as_dtype(array.dtype).as_datatype_enum
    made.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array))
    return name
