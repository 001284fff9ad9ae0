"""BatchNormalization at inference: a factor and a summand for each channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf2rust.ops.arithmetic import Binary
from tf2rust.ops.core.facts import Fact, Facts, Node, infers
from tf2rust.ops.core.layer import Value
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, Yield, rule


@infers("BatchNormalization")
def _batch_normalization(node: Node, facts: Facts) -> Sequence[Fact]:
    x = node.inputs[0]
    assert x is not None
    return [Fact(facts.dtype(x), facts.shape(x))]


@rule(Op("BatchNormalization", Var("x"), Const("scale"), Const("bias"), Const("mean"), Const("variance")))
def batch_normalization(m: Match, b: Builder) -> Yield:
    """x · scale / √(variance + ε) + (bias − mean · that), along axis 1, as layers that others can take in."""
    x, y = b.value(m["x"]), b.value(m.root.ir.outputs[0])
    if m.root.attr("training_mode", 0) or not m.root.attr("spatial", 1):
        return m.reject("it is in training mode, or its statistics are not for each channel")
    m.root.attr("momentum", 0.9)  # matters to training alone
    if x.rank < 2 or x.dtype != "float32":
        return m.reject(f"its input is {x.dtype} of {x.rank} dimensions; float32 of two or more is supported")
    scale, bias, mean, variance = (m.const(name).astype(np.float64) for name in ("scale", "bias", "mean", "variance"))
    factor = scale / np.sqrt(variance + m.root.attr("epsilon", 1e-5))
    channels = (-1, *[1] * (x.rank - 2))
    scaled = b.temporary(y)

    def layer(function: str, constant: np.ndarray, source: Value, target: Value) -> Binary:
        values = constant.astype(np.float32).reshape(channels)
        return Binary(function=function, constant=values, inputs=[source], outputs=[target])

    return [layer("Mul", factor, x, scaled), layer("Add", bias - mean * factor, scaled, y)]
