"""NonMaxSuppression: of boxes that overlap, the one with the highest score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.facts import Fact, Facts, Node, infers, measured
from tf2rust.ops.core.layer import Layer, RustCall
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.generator.constant import constant


@dataclass(eq=False, kw_only=True)
class NonMaxSuppression(Layer):
    """Of boxes that overlap, the one with the highest score: [count, 3] of image, class and box.

    Inputs are boxes, scores, the most boxes of a class, the overlap that is one and, where it is given, the least
    score.
    """

    kind = "NonMaxSuppression"
    centers: bool

    def _text(self, call: RustCall, method: str, *more: str) -> str:
        batch, classes, boxes = (call.dim(d) for d in self.inputs[1].shape)
        least = call.inputs[4] if len(call.inputs) > 4 else "&[]"
        limits = f"({call.inputs[2]}, {call.inputs[3]}, {least})"
        arguments = [call.inputs[0], call.inputs[1], limits, call.scratch(), *more]
        return (
            f"NonMaxSuppression {{ batch: {batch}, classes: {classes}, boxes: {boxes}, "
            f"centers: {str(self.centers).lower()} }}.{method}({', '.join(arguments)})"
        )

    def measures(self, call: RustCall) -> dict[str, str]:
        return {str(self.y.shape[0]): self._text(call, "count")}

    def rust_call(self, call: RustCall) -> str:
        return self._text(call, "run", call.outputs[0])

    def rust_imports(self) -> set[str]:
        return {"NonMaxSuppression"}


@infers("NonMaxSuppression")
def _non_max_suppression(node: Node, facts: Facts) -> Sequence[Fact]:
    return [Fact("int64", (measured(node.y), 3))]


@rule(Op("NonMaxSuppression", Var("boxes"), Var("scores"), more=True))
def non_max_suppression(m: Match, b: Builder) -> Yield:
    layers: list[Layer] = []
    inputs = [b.value(m["boxes"]), b.value(m["scores"])]
    if inputs[0].dtype != "float32" or inputs[1].rank != 3:
        return m.reject(f"its boxes are {inputs[0].dtype}; what is there is float32")
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
