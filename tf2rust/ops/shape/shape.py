"""Shape and Size: the dimensions of a tensor as numbers.

Exporters mostly use them for arithmetic on shapes, which is evaluated at conversion. This layer is for dimensions that
are used as data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dims import product
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Dims, Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@dataclass(eq=False, kw_only=True)
class Shape(Layer):
    """Dimensions as int64."""

    kind = "Shape"
    dims: Dims


@infers("Shape")
def _shape(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    shape = infos.shape(node.x)
    return [ValueInfo.of_dims(np.asarray([*shape[node.attr("start", 0) : node.attr("end")], None], dtype=object)[:-1])]


@infers("Size")
def _size(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    total = product(infos.shape(node.x))
    return [ValueInfo.of_dims(np.asarray(total, dtype=object))]


@rule(Op("Shape|Size", Var("x"), name="shape"))
def shape(m: Match, b: Builder) -> RuleResult:
    for attribute in ("start", "end"):
        m.root.has(attribute)
    dims = b.infos.dims(m.y)
    if dims is None:
        return m.reject("its input has an unknown shape")
    return Shape(dims=tuple(dims), inputs=[], outputs=[b.value(m.y)])
