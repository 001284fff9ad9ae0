"""Ragged tensors in TensorFlow graphs: where their rows come from.

TensorFlow describes the rows of a ragged tensor by row ids, by the number of rows or by splits, and computes each from
the others with operators that ONNX lacks. Here, every ragged tensor keeps the splits of the node that made it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf2rust.onnx_import.tensorflow.effects import node_of
from tf2rust.onnx_import.tensorflow.runtime import library

ROWS = "_tf2rust_rows"
"""The attribute that names the node whose splits describe the rows of a ragged input."""
_IDS, _SIZE, _LENGTHS, _ENDS, _SPLITS = range(5)
"""What a tensor says about rows: the row of each value, their number, their lengths, and where they end and begin."""
_READERS = {"RaggedTensorToTensor": (3, 4), "RaggedBincount": (0,), "StringNGrams": (1,)}
"""The inputs of operators on ragged tensors that describe the rows."""
_SHAPED = "/shaped"
"""The suffix of a node that declares the shape of another."""
_UNCHANGED = ("Cast", "Identity", "Reshape")


def mark_rows(graph_def: Any) -> None:
    """Adds ``ROWS`` to each node that reads a ragged tensor whose rows are known."""
    nodes = {node.name: node for node in graph_def.node}
    known: dict[str, tuple[int, str] | None] = {}
    for node in graph_def.node:
        if node.op in _READERS:
            inputs = [node.input[i] for i in _READERS[node.op] if i < len(node.input)]
            found = [_rows(tensor, nodes, known) for tensor in inputs]
            sources = {source for _, source in filter(None, found)}
            kinds = [kind for kind, _ in filter(None, found)]
            if len(sources) == 1 and kinds in ([_SPLITS], [_SIZE, _IDS]):
                node.attr[ROWS].s = sources.pop().encode()


def with_ranks(graph_def: Any) -> None:
    """Declares the results of RaggedBincount as matrices, whose rank TensorFlow does not infer."""
    counted = {node.name for node in graph_def.node if node.op == "RaggedBincount"}
    for node in graph_def.node:
        node.input[:] = [f"{name}{_SHAPED}" if name in counted else name for name in node.input]
    for name in sorted(counted):
        dtype = next(node for node in graph_def.node if node.name == name).attr["T"].type
        shaped = graph_def.node.add(name=f"{name}{_SHAPED}", op="EnsureShape", input=[name])
        shaped.attr["T"].type = dtype
        for _ in range(2):
            shaped.attr["shape"].shape.dim.add(size=-1)


def _rows(tensor: str, nodes: Mapping[str, Any], known: dict[str, tuple[int, str] | None]) -> tuple[int, str] | None:
    """What a tensor says about the rows of a ragged tensor, and the node that made these rows."""
    if tensor not in known:
        known[tensor] = None
        known[tensor] = _found(tensor, nodes, known)
    return known[tensor]


def _found(tensor: str, nodes: Mapping[str, Any], known: dict[str, tuple[int, str] | None]) -> tuple[int, str] | None:
    name, _, output = tensor.partition(":")
    node = nodes.get(name)
    if node is None:
        return None
    if node.op == "StringNGrams" and output == "1":
        return _SPLITS, name
    if node.op == "UnicodeDecode" and output in ("", "0"):
        encoded = [
            other.name for other in nodes.values() if other.op == "UnicodeEncode" and _decodes(other, name, nodes)
        ]
        return (_SPLITS, encoded[0]) if encoded else None
    if node.op == "StridedSlice":
        return _of_split(node, nodes)
    step = {"DenseBincount": (0, _IDS, _LENGTHS), "Cumsum": (0, _LENGTHS, _ENDS), "ConcatV2": (1, _ENDS, _SPLITS)}
    if node.op in _UNCHANGED:
        return _rows(node.input[0], nodes, known)
    if node.op not in step or (node.op == "ConcatV2" and not _is_zero(node, nodes)):
        return None
    index, before, after = step[node.op]
    found = _rows(node.input[index], nodes, known)
    return None if found is None or found[0] != before else (after, found[1])


def _decodes(node: Any, decoded: str, nodes: Mapping[str, Any]) -> bool:
    """Whether a UnicodeEncode encodes the characters of the node ``decoded``."""
    source = node.input[0]
    while (before := nodes.get(node_of(source))) is not None and before.op in (*_UNCHANGED, "ExpandDims"):
        source = before.input[0]
    return bool(source == f"{decoded}:1")


def _of_split(node: Any, nodes: Mapping[str, Any]) -> tuple[int, str] | None:
    """The row ids or the number of rows among the results of a StringSplitV2."""
    source, _, output = node.input[0].partition(":")
    begin = _constant(node.input[1], nodes)
    axis = {1: 0, 2: 1}.get(node.attr["shrink_axis_mask"].i)
    if source not in nodes or nodes[source].op != "StringSplitV2" or begin is None or axis is None:
        return None
    if begin[axis] != 0 or len(begin) != axis + 1:
        return None
    if output == "2" and axis == 0:
        return _SIZE, source
    return (_IDS, source) if output in ("", "0") and axis == 1 else None


def _is_zero(node: Any, nodes: Mapping[str, Any]) -> bool:
    """Whether a concatenation of two vectors begins with a single 0."""
    first = _constant(node.input[0], nodes)
    return len(node.input) == 3 and first is not None and list(first) == [0]


def _constant(tensor: str, nodes: Mapping[str, Any]) -> Any:
    node = nodes.get(node_of(tensor))
    return (
        library("tensorflow").make_ndarray(node.attr["value"].tensor)
        if node is not None and node.op == "Const"
        else None
    )
