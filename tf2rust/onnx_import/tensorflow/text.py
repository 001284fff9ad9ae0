"""Lookup tables and operators on strings, which tf2onnx lacks or exports for another runtime.

They become operators of the domain ``tf2rust``, which ``ops/text/tensorflow.py`` describes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from onnx import numpy_helper

from tf2rust.onnx_import.tensorflow.effects import node_of
from tf2rust.onnx_import.tensorflow.ragged import ROWS
from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.ops.core.inference import OWN_DOMAIN
from tf2rust.ops.text.lookup import LOOKUP

Tables = Mapping[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]
"""The keys and values of lookup tables, by the node of the table."""


_INT64, _STRING = 7, 8
"""Numbers of ONNX' dtypes."""


def tables_of(graph_def: Any, captured: Mapping[str, Any]) -> Tables:
    """The contents of the tables that the graph reads; ``captured`` are their handles by placeholder.

    The placeholders become nodes that create tables, so that TensorFlow infers the shapes of lookups.
    """
    tf = library("tensorflow")
    found = {}
    nodes = {node.name: node for node in graph_def.node}
    for node in graph_def.node:
        name = node_of(node.input[0]) if node.op == "LookupTableFindV2" else ""
        while name in nodes and nodes[name].op == "Identity":
            name = node_of(nodes[name].input[0])
        if name in captured and name not in found:
            dtypes = {
                f"T{part}": node.attr[attribute].type for part, attribute in (("keys", "Tin"), ("values", "Tout"))
            }
            exported = tf.raw_ops.LookupTableExportV2(table_handle=captured[name], **dtypes)
            found[name] = (exported.keys.numpy(), exported.values.numpy())
            table = nodes[name]
            table.Clear()
            table.name, table.op = name, "MutableHashTableV2"
            table.attr["key_dtype"].type, table.attr["value_dtype"].type = dtypes["Tkeys"], dtypes["Tvalues"]
    return found


def lookup(graph: Any, node: Any, *, initialized_tables: Tables, **_: Any) -> None:
    """A table with constant contents; the keys are sorted, because TensorFlow exports them in any order."""
    table, default = node.inputs[0], node.inputs[2]
    while table.type == "Identity":
        table = table.inputs[0]
    if table.name not in initialized_tables or not default.is_const():
        raise ValueError("the contents of the table, or its default, are not constant")
    keys, values = initialized_tables[table.name]
    order = np.argsort(keys, kind="stable")
    parts = {"keys": keys[order], "values": values[order], "default": np.asarray(_constant(default)).reshape(1)}
    tensors = {name: numpy_helper.from_array(np.asarray(array)) for name, array in parts.items()}
    _replace(graph, node, LOOKUP, [node.input[1]], **tensors)


def equal(graph: Any, node: Any, **parts: Any) -> None:
    """Compares strings; tf2onnx' own handler compares numbers."""
    if graph.get_dtype(node.input[0]) != _STRING:
        library("tf2onnx.onnx_opset.logical").Equal.version_11(graph, node, **parts)
    elif node.type == "NotEqual":
        node.type = "Equal"
        graph.insert_new_node_on_output("Not", node.output[0], name=library("tf2onnx.utils").make_name(node.name))


def copied(*attributes: str) -> Any:
    """The same operator in the domain ``tf2rust``, with these attributes."""

    def handler(graph: Any, node: Any, **_: Any) -> None:
        given = {name: node.get_attr_value(name) for name in attributes}
        present = {name: value for name, value in given.items() if value is not None}
        _replace(graph, node, node.type, list(node.input), **present)

    return handler


def as_string(graph: Any, node: Any, **_: Any) -> None:
    """Integers in decimal notation, without padding."""
    if node.get_attr_value("width", -1) != -1 or node.get_attr_value("fill", b"") not in (b"", ""):
        raise ValueError("it pads numbers")
    _replace(graph, node, node.type, list(node.input))


def string_split(graph: Any, node: Any, **_: Any) -> None:
    """The parts, and the splits of their rows; what describes the rows in another way is not computed."""
    if not node.inputs[1].is_const():
        raise ValueError("its separator is not constant")
    delimiter, limit = np.asarray(_constant(node.inputs[1])).reshape(-1)[0], node.get_attr_value("maxsplit", -1)
    indices, values, shape = node.output
    outputs = [values, _splits(node.name), indices, shape]
    _replace(graph, node, node.type, [node.input[0]], outputs, delimiter=delimiter, maxsplit=limit)


def left_to_readers(graph: Any, node: Any, **_: Any) -> None:
    """Leaves a node to the handlers of those that read it; one that another node reads is reported later."""


def unicode_split(graph: Any, node: Any, **_: Any) -> None:
    """The characters of strings, which TensorFlow decodes to numbers and encodes one by one."""
    codes, splits = node.inputs[:2]
    while codes.type in ("Cast", "Identity", "Reshape", "Unsqueeze"):
        codes = codes.inputs[0]
    encodings = [codes.get_attr_value("input_encoding", b""), node.get_attr_value("output_encoding", b"")]
    if codes.type != "UnicodeDecode" or not _is_step_of_one(splits) or encodings != [b"UTF-8", b"UTF-8"]:
        raise ValueError("it does not encode each character of a string in UTF-8 alone")
    _replace(graph, node, "UnicodeSplit", [codes.input[0]], [node.output[0], _splits(node.name)])


def _is_step_of_one(node: Any) -> bool:
    """Whether the node counts from 0 in steps of 1."""
    if node.type == "Mul":
        others = [other for other in node.inputs if not other.is_const()]
        steps = [other.get_tensor_value() for other in node.inputs if other.is_const()]
        return steps == [1] and len(others) == 1 and _is_step_of_one(others[0])
    ends = [node.inputs[0], node.inputs[2]] if node.type == "Range" else []
    return [end.get_tensor_value() for end in ends if end.is_const()] == [0, 1]


def string_ngrams(graph: Any, node: Any, **_: Any) -> None:
    """The n-grams, and the splits of their rows."""
    if node.get_attr_value("pad_width", 0) != 0 or node.get_attr_value("preserve_short_sequences", False):
        raise ValueError("it pads rows")
    given = {name: node.get_attr_value(name) for name in ("ngram_widths", "separator")}
    inputs = [_splits(_source(node)), node.input[0]]
    _replace(graph, node, node.type, inputs, [node.output[0], _splits(node.name)], **given)


def ragged_to_dense(graph: Any, node: Any, **_: Any) -> None:
    """Rows of one width."""
    shape = node.inputs[0].get_tensor_value() if node.inputs[0].is_const() else None
    if shape is None or len(shape) != 2 or shape[0] != -1:
        raise ValueError("its result is not a matrix whose width is constant or that of the longest row")
    _replace(graph, node, node.type, [_splits(_source(node)), *node.input[1:3]], width=int(shape[1]))


def ragged_bincount(graph: Any, node: Any, bins: int | None) -> None:
    """The counts of indices below ``bins`` in each row."""
    weights = graph.get_shape(node.input[3])
    if bins is None or weights is None or 0 not in weights:
        raise ValueError("it has weights, or the number of bins is not constant")
    is_binary = int(bool(node.get_attr_value("binary_output", False)))
    inputs = [_splits(_source(node)), node.input[1]]
    graph.set_shape(node.output[0], [-1, bins])
    dtype = graph.get_dtype(node.output[0])
    _replace(graph, node, node.type, inputs, bins=bins, binary_output=is_binary, dtype=dtype)


def hashed_cross(graph: Any, node: Any, **_: Any) -> None:
    """The dense form of what a SparseCross node makes of columns with one feature per row each."""
    cross = node.inputs[0]
    is_cross = all(source is cross for source in node.inputs[:3]) and cross.type == "SparseCross"
    if not is_cross or not cross.get_attr_value("hashed_output") or cross.get_attr_value("N"):
        raise ValueError("it is not the dense form of the hashed combination of dense features")
    if any((graph.get_shape(name) or [])[1:] != [1] for name in cross.input):
        raise ValueError("its features do not have one column each")
    parts = []
    for name in cross.input:
        is_text, shape = graph.get_dtype(name) == _STRING, graph.get_shape(name)
        kind: dict[str, Any] = {"op_type": "Cast", "attr": {"to": _INT64}}
        if is_text:
            kind = {"op_type": "Fingerprint64", "domain": OWN_DOMAIN}
        parts.append(graph.make_node(inputs=[name], shapes=[shape], dtypes=[_INT64], **kind).output[0])
    given = {"key": cross.get_attr_value("hash_key"), "buckets": cross.get_attr_value("num_buckets")}
    _replace(graph, node, "HashedCross", parts, **given)


def _splits(name: str) -> str:
    """The splits that the node ``name`` computes."""
    return f"{name}:splits"


def _source(node: Any) -> str:
    """The node that computes the splits of a ragged input."""
    found = node.get_attr_value(ROWS)
    if found is None:
        raise ValueError("the rows of its ragged input are not those of a split string")
    return found.decode() if isinstance(found, bytes) else str(found)


def _constant(node: Any) -> Any:
    """The contents of a constant, also of strings."""
    return numpy_helper.to_array(node.get_attr("value").t)


def _replace(graph: Any, node: Any, op: str, inputs: list[str], outputs: list[str] | None = None, **given: Any) -> None:
    """Replaces a TensorFlow node by one of the domain ``tf2rust``."""
    names = outputs or list(node.output)
    known = {name: (graph.get_shape(name), graph.get_dtype(name)) for name in node.output}
    shapes, dtypes = zip(*(known.get(name, (None, _INT64)) for name in names), strict=True)
    graph.remove_node(node.name)
    graph.make_node(
        op,
        inputs,
        name=node.name,
        outputs=names,
        shapes=list(shapes),
        dtypes=list(dtypes),
        domain=OWN_DOMAIN,
        attr=given,
    )
