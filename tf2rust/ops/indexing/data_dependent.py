"""NonZero, Compress and Unique, whose output sizes are data-dependent.

Such a dimension is a symbol of its own, which the crate computes before the layer runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.dtypes import DTYPES, TEXT
from tf2rust.ops.core.inference import (
    InferenceError,
    Node,
    ValueInfo,
    ValueInfos,
    data_dependent_dim,
    infers,
    normal_axis,
)
from tf2rust.ops.core.layer import Dims, Layer, Value
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.shape.reshape import Reshape


@dataclass(eq=False, kw_only=True)
class NonZero(Layer):
    """The indices of the elements that are not zero: [rank, count]."""

    kind = "NonZero"


@dataclass(eq=False, kw_only=True)
class Compress(Layer):
    """The slices along ``axis`` for which the second input is true."""

    kind = "Compress"
    takes_text = True
    axis: int


@dataclass(eq=False, kw_only=True)
class Unique(Layer):
    """The unique slices along ``axis``, with their first indices, the inverse indices and the counts."""

    kind = "Unique"
    axis: int
    in_order: bool


@infers("NonZero")
def _nonzero(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    rank = len(infos.shape(node.x))
    return [ValueInfo("int64", (rank, data_dependent_dim(node.y)))]


@infers("Compress")
def _compress(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data, count = infos[node.x], data_dependent_dim(node.y)
    if not node.has("axis"):
        return [ValueInfo(data.dtype, (count,))]
    axis = normal_axis(node.attr("axis"), len(data.shape))
    return [ValueInfo(data.dtype, (*data.shape[:axis], count, *data.shape[axis + 1 :]))]


@infers("Unique")
def _unique(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data, count = infos[node.x], data_dependent_dim(node.y)
    length: Dim = product(data.shape)
    shape: Dims = (count,)
    if node.has("axis"):
        if not data.shape:
            raise InferenceError("it has an axis, but its input is a scalar")
        axis = normal_axis(node.attr("axis"), len(data.shape))
        length, shape = data.shape[axis], (*data.shape[:axis], count, *data.shape[axis + 1 :])
    more = [ValueInfo("int64", (size,)) for size in (count, length, count)]
    return [ValueInfo(data.dtype, shape), *more][: len(node.outputs)]


@rule(Op("NonZero", Var("x")))
def nonzero(m: Match, b: Builder) -> RuleResult:
    x = b.value(m["x"])
    if x.dtype not in DTYPES:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(DTYPES)})")
    return NonZero(inputs=[x], outputs=[b.value(m.y)])


def _flat(x: Value, b: Builder) -> Reshape:
    return Reshape(inputs=[x], outputs=[b.temporary(x, (product(x.shape),))])


@rule(Op("Compress", Var("x"), Var("condition")))
def compress(m: Match, b: Builder) -> RuleResult:
    x, condition, y = b.value(m["x"]), b.value(m["condition"]), b.value(m.y)
    if x.dtype not in (*DTYPES, TEXT) or condition.dtype != "bool" or condition.rank != 1:
        return m.reject(
            f"its input {x} or its condition {condition} is not supported (supported: {', '.join(DTYPES)} with a "
            "bool vector)"
        )
    if m.root.has("axis"):
        axis = normal_axis(m.root.attr("axis"), x.rank)
        return Compress(axis=axis, inputs=[x, condition], outputs=[y])
    flat = _flat(x, b)
    return [flat, Compress(axis=0, inputs=[flat.y, condition], outputs=[y])]


@rule(Op("Unique", Var("x")))
def unique(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    if x.dtype not in DTYPES:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(DTYPES)})")
    layers: list[Layer] = []
    axis = 0
    if m.root.has("axis"):
        axis = normal_axis(m.root.attr("axis"), x.rank)
    else:
        layers.append(_flat(x, b))
        x = layers[0].y
    count, length = y.shape[axis], x.shape[axis]
    outputs = [y]
    for i, size in enumerate((count, length, count), start=1):
        given = m.root.outputs[i] if i < len(m.root.outputs) else None
        outputs.append(b.value(given) if given is not None and given.name else b.temporary(y, (size,), "int64"))
    in_order = bool(m.root.attr("sorted", 1))
    return [*layers, Unique(axis=axis, in_order=in_order, inputs=[x], outputs=outputs)]
