"""Activations, and the activations of fused operators."""

from __future__ import annotations

from collections.abc import Sequence

from tf2rust.ops.contrib.call import Call, defines
from tf2rust.ops.core.inference import InferenceError

_PARAMETERS = {
    "Clip": ("min", "max"),
    "Elu": ("alpha",),
    "HardSigmoid": ("alpha", "beta"),
    "HardSwish": (),
    "LeakyRelu": ("alpha",),
    "Relu": (),
    "Sigmoid": (),
    "Softplus": (),
    "Softsign": (),
    "Tanh": (),
    "ThresholdedRelu": ("alpha",),
}
"""The activations of fused operators, and what their parameters are called."""


@defines("Gelu")
def gelu(call: Call) -> Sequence[str]:
    return [call.body.op("Gelu", call.arg(0))]


@defines("BiasGelu")
def bias_gelu(call: Call) -> Sequence[str]:
    return [call.body.op("Gelu", call.body.op("Add", call.arg(0), call.arg(1)))]


@defines("FastGelu")
def fast_gelu(call: Call) -> Sequence[str]:
    """The approximation with tanh, of x plus an optional bias."""
    return [call.body.op("Gelu", biased(call, call.arg(0), 1), approximate="tanh")]


@defines("QuickGelu")
def quick_gelu(call: Call) -> Sequence[str]:
    """x · sigmoid(alpha · x)"""
    body, x = call.body, call.arg(0)
    scaled = body.op("Mul", x, body.constant(call.attr("alpha", 1.702), call.dtype(0)))
    return [body.op("Mul", x, body.op("Sigmoid", scaled))]


@defines("BiasAdd")
def bias_add(call: Call) -> Sequence[str]:
    """x + bias + skip"""
    return [call.body.op("Add", call.body.op("Add", call.arg(0), call.arg(1)), call.arg(2))]


def biased(call: Call, x: str, index: int) -> str:
    """x plus the optional input at ``index``."""
    bias = call.maybe(index)
    return x if bias is None else call.body.op("Add", x, bias)


def activated(call: Call, x: str, kind: str, parameters: Sequence[float]) -> str:
    """x after the activation of a fused operator. An empty ``kind`` means no activation."""
    if not kind:
        return x
    names = _PARAMETERS.get(kind)
    if names is None:
        raise InferenceError(f"its activation is {kind} (supported: {', '.join(_PARAMETERS)})")
    if len(parameters) > len(names):
        raise InferenceError(f"its activation {kind} has {len(parameters)} parameters, but takes {len(names)}")
    if kind == "Clip":
        return call.body.op("Clip", x, *(call.body.constant(limit, call.dtype(0)) for limit in parameters))
    return call.body.op(kind, x, **dict(zip(names, parameters, strict=False)))
