"""OneHot: one-hot vectors of indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.dtypes import DTYPES, INTEGERS
from tf2rust.ops.core.inference import (
    InferenceError,
    Node,
    ValueInfo,
    ValueInfos,
    data_dependent_dim,
    infers,
    normal_axis,
)
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@dataclass(eq=False, kw_only=True)
class OneHot(Layer):
    """The on value where the position on ``axis`` equals the index, the off value elsewhere.

    If the depth is data-dependent, it is a third input.
    """

    kind = "OneHot"
    axis: int

    def index_limits(self) -> dict[int, Dim]:
        return {0: self.y.shape[self.axis]} if len(self.inputs) < 3 else {}

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        return {2: [5]} if len(self.inputs) > 2 else {}


@infers("OneHot")
def _one_hot(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    indices, values = infos[node.x], infos[node.operand(2)]
    depth = infos.known(node.input(1))
    size = None if depth is None else depth.dims if depth.dims is not None else depth.const
    axis = normal_axis(node.attr("axis", -1), len(indices.shape) + 1)
    wide: Dim = data_dependent_dim(node.y)
    if size is not None and depth is not None:
        if size.size != 1:
            raise InferenceError(f"its depth must be one number, but has shape {list(size.shape)}")
        number = size.reshape(-1)[0]
        wide = number if depth.dims is not None else int(number)
    return [ValueInfo(values.dtype, (*indices.shape[:axis], wide, *indices.shape[axis:]))]


@rule(Op("OneHot", Var("indices"), Var("depth"), Var("values")))
def one_hot(m: Match, b: Builder) -> RuleResult:
    """Indices may be floats. An index outside the depth gives off values only."""
    indices, values, y = b.value(m["indices"]), b.value(m["values"]), b.value(m.y)
    if values.rank != 1:
        return m.reject(f"its values are {values}, but must be two numbers")
    if indices.dtype not in ("float32", *INTEGERS) or values.dtype not in DTYPES:
        return m.reject(
            f"it encodes {indices.dtype} as {values.dtype}, which is not supported (supported: float32 and integers)"
        )
    axis, inputs = normal_axis(m.root.attr("axis", -1), y.rank), [indices, values]
    if y.shape[axis] == data_dependent_dim(m.y):
        inputs.append(b.value(m["depth"]))
    return OneHot(axis=axis, inputs=inputs, outputs=[y])
