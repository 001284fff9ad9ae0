"""NonMaxSuppression: selects the box with the highest score among overlapping boxes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, data_dependent_dim, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.generator.constant import constant


@dataclass(eq=False, kw_only=True)
class NonMaxSuppression(Layer):
    """The selected boxes as [count, 3]: image, class and box.

    The inputs are boxes, scores, the maximum number of boxes per class, the overlap threshold and, optionally, the
    score threshold.
    """

    kind = "NonMaxSuppression"
    centers: bool


@infers("NonMaxSuppression")
def _non_max_suppression(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    return [ValueInfo("int64", (data_dependent_dim(node.y), 3))]


@rule(Op("NonMaxSuppression", Var("boxes"), Var("scores"), more=True))
def non_max_suppression(m: Match, b: Builder) -> RuleResult:
    layers: list[Layer] = []
    inputs = [b.value(m["boxes"]), b.value(m["scores"])]
    if inputs[0].dtype != "float32" or inputs[1].rank != 3:
        return m.reject(f"its boxes have the unsupported dtype {inputs[0].dtype} (supported: float32)")
    for i, absent in ((2, np.zeros(1, np.int64)), (3, np.zeros(1, np.float32))):
        given = m.root.input(i)
        if given is None:
            layers.append(constant(absent))
        inputs.append(layers[-1].y if given is None else b.value(given))
    if (least := m.root.input(4)) is not None:
        inputs.append(b.value(least))
    centers = bool(m.root.attr("center_point_box", 0))
    y = b.value(m.y)
    return [*layers, NonMaxSuppression(centers=centers, inputs=inputs, outputs=[y])]
