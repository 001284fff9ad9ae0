"""TensorScatter: writes steps into a cache of keys or values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dtypes import DTYPES, INTEGERS
from tf2rust.ops.core.inference import infers, normal_axis, same_shape
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.generator.constant import constant


@dataclass(eq=False, kw_only=True)
class TensorScatter(Layer):
    """Writes the second input into the first along ``axis``. The third gives the start position for each sequence."""

    kind = "TensorScatter"
    axis: int
    circular: bool


infers("TensorScatter")(same_shape)


@rule(Op("TensorScatter", Var("x"), Var("updates"), more=True))
def tensor_scatter(m: Match, b: Builder) -> RuleResult:
    x, updates, y = b.value(m["x"]), b.value(m["updates"]), b.value(m.y)
    axis, mode = normal_axis(m.root.attr("axis", -2), x.rank), m.root.attr("mode", "linear")
    if updates.rank != x.rank:
        return m.reject(f"its cache {x} and its updates {updates} have different ranks")
    if x.dtype not in DTYPES or mode not in ("linear", "circular") or axis == 0:
        return m.reject(f"its mode {mode} for {x} is not supported (supported: linear and circular)")
    layers: list[Layer] = []
    given = m.root.input(2)
    if given is None:
        if not isinstance(x.shape[0], int):
            return m.reject(f"it has no write positions for a batch of `{x.shape[0]}` samples")
        layers.append(constant(np.zeros(x.shape[0], np.int64)))
    starts = layers[0].y if given is None else b.value(given)
    if starts.dtype not in INTEGERS or starts.rank != 1:
        return m.reject(f"its write positions {starts} are not a vector of integers")
    return [
        *layers,
        TensorScatter(axis=axis, circular=mode == "circular", inputs=[x, updates, starts], outputs=[y]),
    ]
