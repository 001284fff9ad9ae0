"""Keeps biases of zeros, which Grappler takes for no bias at all.

A new model has them, and its weights may be replaced by trained ones later.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tf2rust.onnx_import.tensorflow.effects import node_of
from tf2rust.onnx_import.tensorflow.runtime import library

_MARK = float(np.finfo(np.float32).tiny)
"""What zeros are replaced by for a while: a number that changes no sum if Grappler computes with it."""
_MOST = 1 << 20
"""The most elements of a bias."""
_FORWARDS = frozenset({"Identity", "ReadVariableOp", "Reshape", "Squeeze", "ExpandDims"})
_SUMS = frozenset({"Add", "AddV2", "BiasAdd"})


@contextlib.contextmanager
def zero_biases_kept(graph_def: Any) -> Iterator[Callable[[Any], None]]:
    """Inside the ``with`` block the zeros that are summands alone are marked.

    Gives a function that restores them in a GraphDef that was made of this one.
    """
    tf = library("tensorflow")
    constants = [node for node in graph_def.node if _is_float(node)]
    marked = [] if any(_is_full_of(node, _MARK) for node in constants) else _zero_summands(graph_def, constants)
    for node in marked:
        shape = tf.make_ndarray(node.attr["value"].tensor).shape
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.full(shape, _MARK, np.float32)))

    def restore(other: Any) -> None:
        for node in other.node if marked else ():
            if _is_float(node) and _is_full_of(node, _MARK):
                zeros = np.zeros_like(tf.make_ndarray(node.attr["value"].tensor))
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(zeros))

    try:
        yield restore
    finally:
        restore(graph_def)


def _zero_summands(graph_def: Any, constants: list[Any]) -> list[Any]:
    """The constants of zeros that only sums read, whatever their shape there."""
    readers: dict[str, list[Any]] = {}
    for node in graph_def.node:
        for name in node.input:
            readers.setdefault(node_of(name), []).append(node)

    def is_summand(name: str) -> bool:
        found = readers.get(name, [])
        return bool(found) and all(
            is_summand(node.name) if node.op in _FORWARDS else node.op in _SUMS for node in found
        )

    return [node for node in constants if _is_full_of(node, 0.0) and is_summand(node.name)]


def _is_float(node: Any) -> bool:
    """Whether it is a constant of float32 that has axes and no more elements than a bias."""
    if node.op != "Const":  # reading an attribute would give it one
        return False
    sizes = [dim.size for dim in node.attr["value"].tensor.tensor_shape.dim]
    is_float = node.attr["dtype"].type == library("tensorflow").float32.as_datatype_enum
    return is_float and bool(sizes) and math.prod(sizes) <= _MOST


def _is_full_of(node: Any, number: float) -> bool:
    values = library("tensorflow").make_ndarray(node.attr["value"].tensor)
    # The first tells most constants apart without a look at the others.
    return bool(values.size) and bool(values.flat[0] == number) and bool((values == number).all())
