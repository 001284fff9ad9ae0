"""BatchNormalization at inference: a factor and a summand per channel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.unary import Unary
from tf2rust.ops.linear.affine import FAR
from tf2rust.ops.shape.reshape import Reshape


@infers("BatchNormalization")
def _batch_normalization(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x = node.inputs[0]
    assert x is not None
    return [ValueInfo(infos.dtype(x), infos.shape(x))]


def _is_training(node: Node) -> bool:
    node.has("consumed_inputs")
    return bool(node.attr("training_mode", 0)) or (node.version < 7 and not node.attr("is_test", 0))


@rule(Op("BatchNormalization", Var("x"), Const("scale"), Const("bias"), Const("mean"), Const("variance")))
def batch_normalization(m: Match, b: Builder) -> RuleResult:
    """x · scale / √(variance + ε) + (bias − mean · that), along axis 1, as layers that others can fuse.

    A mean that would make the summand large is subtracted first.
    """
    x, y = b.value(m["x"]), b.value(m.y)
    if _is_training(m.root) or not m.root.attr("spatial", 1):
        return m.reject("it is in training mode, or its statistics are not one number per channel")
    m.root.attr("momentum", 0.9)  # only used in training
    if x.rank < 2 or x.dtype != "float32":
        return m.reject(f"its input {x.dtype} of rank {x.rank} is not supported (supported: float32 of rank 2 or more)")
    scale, bias, mean, variance = (m.const(name).astype(np.float64) for name in ("scale", "bias", "mean", "variance"))
    factor = scale / np.sqrt(variance + m.root.attr("epsilon", 1e-5))
    channels = (-1, *[1] * (x.rank - 2))
    centred, scaled = b.temporary(y), b.temporary(y)

    def layer(function: str, constant: np.ndarray, source: Value, target: Value) -> Binary:
        values = constant.astype(np.float32).reshape(channels)
        return Binary(function=function, constant=values, inputs=[source], outputs=[target])

    if np.abs(mean * factor).max(initial=0.0) > FAR:
        return [layer("Sub", mean, x, centred), layer("Mul", factor, centred, scaled), layer("Add", bias, scaled, y)]
    return [layer("Mul", factor, x, scaled), layer("Add", bias - mean * factor, scaled, y)]


@rule(Op("BatchNormalization", Var("x"), Var("scale"), Var("bias"), Var("mean"), Var("variance")))
def batch_normalization_of_inputs(m: Match, b: Builder) -> RuleResult:
    """The same with dynamic statistics: (x − mean) · (scale / √(variance + ε)) + bias."""
    x, y = b.value(m["x"]), b.value(m.y)
    if _is_training(m.root) or not m.root.attr("spatial", 1):
        return m.reject("it is in training mode, or its statistics are not one number per channel")
    m.root.attr("momentum", 0.9)  # only used in training
    epsilon = np.asarray(m.root.attr("epsilon", 1e-5), np.float32)
    parts = [b.value(m[name]) for name in ("scale", "bias", "mean", "variance")]
    if x.rank < 2 or any(v.dtype != "float32" for v in (x, *parts)):
        return m.reject(f"its input {x.dtype} of rank {x.rank} is not supported (supported: float32 of rank 2 or more)")
    layers: list[Layer] = []

    def put(layer: Layer) -> Value:
        layers.append(layer)
        return layer.y

    shape = (*parts[0].shape, *[1] * (x.rank - 2))
    scale, bias, mean, variance = (put(Reshape(inputs=[v], outputs=[b.temporary(v, shape)])) for v in parts)
    safe = put(Binary(function="Add", constant=epsilon, inputs=[variance], outputs=[b.temporary(variance)]))
    deviation = put(Unary(function="Sqrt", inputs=[safe], outputs=[b.temporary(variance)]))
    factor = put(Binary(function="Div", inputs=[scale, deviation], outputs=[b.temporary(variance)]))
    centred = put(Binary(function="Sub", inputs=[x, mean], outputs=[b.temporary(y)]))
    scaled = put(Binary(function="Mul", inputs=[centred, factor], outputs=[b.temporary(y)]))
    put(Binary(function="Add", inputs=[scaled, bias], outputs=[y]))
    return layers
