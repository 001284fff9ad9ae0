"""Dropout, which does nothing at inference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.generator.constant import constant
from tf2rust.ops.shape.expand import Expand
from tf2rust.ops.shape.reshape import Reshape


@infers("Dropout")
def _dropout(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    mask = ValueInfo("bool" if node.version >= 10 else data.dtype, data.shape)
    return [data, mask][: len(node.outputs)]


@rule(Op("Dropout", Var("x"), more=True))
def dropout(m: Match, b: Builder) -> RuleResult:
    """Keeps every element, as its mask output says too."""
    for attribute in ("ratio", "seed"):
        m.root.has(attribute)
    training = m.root.input(2)
    if training is not None and b.infos[training].fill != 0:
        return m.reject("it is, or could be, in training mode")
    if m.root.version < 7 and not m.root.attr("is_test", 0):
        return m.reject("it is in training mode")
    layers: list[Layer] = [Reshape(inputs=[b.value(m["x"])], outputs=[b.value(m.y)])]
    if len(m.root.outputs) > 1 and m.root.outputs[1].name:
        mask = b.value(m.root.outputs[1])
        kept = constant(np.asarray(1, mask.dtype))
        layers += [kept, Expand(inputs=[kept.y], outputs=[mask])]
    return layers
