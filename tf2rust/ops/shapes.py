"""Arithmetic on shapes: Shape, and what exporters compute from it. Done at conversion, nothing of it is left to run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf2rust.ops.core.dims import product
from tf2rust.ops.core.facts import Fact, Facts, InferenceError, Node, broadcast, infers, measured

_MOST_AXES = 64
"""What NumPy's arrays have at most."""


@infers("Shape")
def _shape(node: Node, facts: Facts) -> Sequence[Fact]:
    shape = facts.shape(node.ir.inputs[0])  # type: ignore[arg-type]
    return [Fact.of_dims(np.asarray([*shape[node.attr("start", 0) : node.attr("end")], None], dtype=object)[:-1])]


@infers("Size")
def _size(node: Node, facts: Facts) -> Sequence[Fact]:
    total = product(facts.shape(node.ir.inputs[0]))  # type: ignore[arg-type]
    return [Fact.of_dims(np.asarray(total, dtype=object))]


@infers("ConstantOfShape")
def _constant_of_shape(node: Node, facts: Facts) -> Sequence[Fact]:
    shape = facts.dims(node.input(0))
    if shape is None:
        rank = facts.shape(node.ir.inputs[0])  # type: ignore[arg-type]
        if len(rank) != 1 or not isinstance(rank[0], int):
            raise InferenceError("its shape is computed from data, and how many dimensions it has is not known")
        if rank[0] > _MOST_AXES:
            raise InferenceError(f"its shape has {rank[0]} dimensions; arrays have at most {_MOST_AXES}")
        shape = [measured(node.ir.outputs[0], f"d{axis}") for axis in range(rank[0])]
    value = np.asarray(node.attr("value", np.zeros(1, np.float32)))
    if value.size != 1:
        raise InferenceError(f"its value is not one number but of shape {list(value.shape)}")
    return [Fact(value.dtype.name, tuple(shape), fill=float(value.flat[0]))]


@infers("Expand")
def _expand(node: Node, facts: Facts) -> Sequence[Fact]:
    data = facts[node.ir.inputs[0]]  # type: ignore[index]
    target = facts.dims(node.input(1))
    if target is None:
        raise InferenceError("its shape is computed from data, not from shapes and constants")
    return [Fact(data.dtype, broadcast([data.shape, tuple(target)]), fill=data.fill)]
