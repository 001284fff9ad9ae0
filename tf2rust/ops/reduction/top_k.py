"""TopK: the greatest or least elements along an axis, sorted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.inference import (
    InferenceError,
    Node,
    ValueInfo,
    ValueInfos,
    data_dependent_dim,
    infers,
    normal_axis,
)
from tf2rust.ops.core.layer import Dims
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.reduction.along_axis import AlongAxis


@dataclass(eq=False, kw_only=True)
class TopK(AlongAxis):
    """The ``greatest`` or least elements along ``axis``, sorted, and their indices.

    If the number is data-dependent, it is a second input.
    """

    kind = "TopK"
    greatest: bool

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        return {1: [1 if self.x.shape[self.axis] == 1 else 2]} if len(self.inputs) > 1 else {}


@infers("TopK")
def _top_k(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    axis = normal_axis(node.attr("axis", -1), len(data.shape))
    given = [node.attr("k")] if node.version < 10 else infos.dims(node.input(1))
    if given is not None and len(given) != 1:
        raise InferenceError(f"its k must be one number, but has {len(given)}")
    if given == [None]:
        raise InferenceError("it lacks the attribute `k`, which TopK before operator set 10 requires")
    k = data_dependent_dim(node.y) if given is None else given[0]
    shape: Dims = (*data.shape[:axis], k, *data.shape[axis + 1 :])
    return [ValueInfo(data.dtype, shape), ValueInfo("int64", shape)][: len(node.outputs)]


@rule(Op("TopK", Var("x"), more=True))
def top_k(m: Match, b: Builder) -> RuleResult:
    x = b.value(m["x"])
    if x.dtype not in NUMBERS:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(NUMBERS)})")
    axis = normal_axis(m.root.attr("axis", -1), x.rank)
    m.root.has("sorted"), m.root.has("k")  # sorted output is also valid if the order is unspecified
    values = b.value(m.y)
    outputs = [values, b.value(m.root.outputs[1])] if len(m.root.outputs) > 1 else [values]
    if len(outputs) == 1:
        outputs.append(b.temporary(values, dtype="int64"))
    count = m.root.input(1)
    computed = count is not None and values.shape[axis] == data_dependent_dim(m.y)
    inputs = [x, b.value(count)] if computed and count is not None else [x]
    return TopK(axis=axis, greatest=bool(m.root.attr("largest", 1)), inputs=inputs, outputs=outputs)
