"""CategoryEncoding: rows of category indices as one vector per row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dtypes import INTEGERS
from tf2rust.ops.core.inference import normal_axis
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.reduction.reduce import reduced_axes


@dataclass(eq=False, kw_only=True)
class CategoryEncoding(Layer):
    """The last axis holds indices of categories; each row becomes their counts, or 1 for each that occurs."""

    kind = "CategoryEncoding"
    output_mode: str

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched) and self.x.rank > 1


@rule(
    Op(
        "ReduceSum|ReduceMax",
        Op("OneHot", Var("x"), Var("depth"), Var("values"), name="encoded"),
        more=True,
        name="category_encoding",
    )
)
def category_encoding(m: Match, b: Builder) -> RuleResult:
    """The sum of one-hot vectors counts, their maximum tells what occurs."""
    x, y, values, node = b.value(m["x"]), b.value(m.y), b.infos.const(m["values"]), m.node("encoded")
    axis = normal_axis(node.attr("axis", -1), x.rank + 1)
    axes, keeps = reduced_axes(m.root, b.infos), bool(m.root.attr("keepdims", 1))
    if x.dtype not in INTEGERS or y.dtype != "float32" or values is None or not np.array_equal(values, [0, 1]):
        return m.reject("its vectors are not ones and zeros of float32 made of integers")
    if x.rank == 0 or axis != x.rank or axes != [x.rank - 1] or keeps or not isinstance(y.shape[-1], int):
        return m.reject("it does not reduce the last axis of the indices, or the number of categories is unknown")
    mode = "count" if m.root.op == "ReduceSum" else "multi_hot"
    return CategoryEncoding(output_mode=mode, inputs=[x], outputs=[y])
