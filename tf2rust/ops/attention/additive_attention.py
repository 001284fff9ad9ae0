"""Additive attention as one layer, recognised in the subgraph that Keras' AdditiveAttention becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.attention.mask import Mask, lowered, lowered_by_constant, mask_of, softmax_of, weights_of
from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.inference import normal_axis
from tf2rust.ops.core.layer import Layer, Value, Weight
from tf2rust.ops.core.pattern import Const, Match, Mismatch, Op, Optional, Scalar, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.reduction.reduce import reduced_axes


@dataclass(eq=False, kw_only=True)
class AdditiveAttention(Layer):
    """softmax(Σ scale · tanh(q + k) + mask) · v, summed over the depth; the softmax is an optional second output.

    Inputs are q [batch, queries, depth], k [batch, keys, depth], v [batch, keys, value depth] and optionally a
    mask. ``scale`` has the shape [depth]; None stands for ones.
    """

    kind = "AdditiveAttention"
    scale: np.ndarray | None
    mask: Mask | None = None

    def weights(self) -> list[Weight]:
        return [] if self.scale is None else [Weight("scale", self.scale)]

    def multiply_adds(self) -> Dim:
        """Of the scores with ``scale``, and of the weights with v."""
        q, k, v = (value.shape for value in self.inputs[:3])
        return q[0] * q[1] * k[1] * (q[2] + v[2])

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        batch = self.y.shape[:1]
        if not all(batched[:3]) or any(v.shape[:1] != batch for v in self.inputs[:3]):
            return False
        masks = zip(self.inputs[3:], batched[3:], strict=True)
        return all(v.shape[:1] == (batch if own else (1,)) for v, own in masks)


_SUMS = Op(
    "Add",
    Op("Unsqueeze", Var("q"), Const("q_axis"), name="queries"),
    Op("Unsqueeze", Var("k"), Const("k_axis"), name="keys"),
    name="sums",
)
_TERMS = Optional(Op("Mul", Op("Tanh", _SUMS), Const("scale"), name="scaled"))
_SUMMED = Op("ReduceSum", _TERMS, Const("axes"), name="scores")
_SCORES = Optional(Op("Mul", _SUMMED, Scalar("common_scale"), name="scaled_scores"))


def _weighted(weights: Op) -> Op:
    return Op("MatMul", weights, Var("v"), name="weighted")


@rule(_weighted(softmax_of(_SCORES)))
@rule(_weighted(lowered(_SCORES)), name="additive_attention_lowered")
@rule(_weighted(lowered_by_constant(_SCORES)), name="additive_attention_lowered_by_constant")
def additive_attention(m: Match, b: Builder) -> RuleResult:
    """Queries and keys broadcast against each other; Keras' Attention with ``score_mode="concat"`` is the same."""
    q, k, v, y = (b.value(x) for x in (m["q"], m["k"], m["v"], m.y))
    if any(value.dtype != "float32" or value.rank != 3 for value in (q, k, v)):
        return m.reject("its operands are not float32 of rank 3")
    axes = [[normal_axis(int(a), 4) for a in m.const(name).reshape(-1)] for name in ("q_axis", "k_axis")]
    if axes == [[1], [2]]:
        q, k = k, q
    elif axes != [[2], [1]]:
        return m.reject(f"the new axes {axes} of its operands do not broadcast queries against keys", m.node("sums"))
    if q.shape[::2] != k.shape[::2] or v.shape[:2] != k.shape[:2]:
        return m.reject(f"its operands {q}, {k} and {v} have different batches, rows or depths")
    scores, softmax = m.node("scores"), m.node("softmax")
    if reduced_axes(scores, b.infos) != [3] or scores.attr("keepdims", 1):
        return m.reject("its scores are not sums over the depth", scores)
    if softmax.attr("axis", -1) not in (-1, 2):
        return m.reject("its softmax is not over the keys", softmax)
    if (wider := b.infos.shape(softmax.x)) != b.infos.shape(scores.y):
        return m.reject(f"an operation on its scores broadcasts them to {wider}", softmax)
    scale = _scale(m, q)
    if isinstance(scale, Mismatch):
        return scale
    layers: list[Layer] = []
    masked = mask_of(m, b, 3, layers)
    if isinstance(masked, Mismatch):
        return masked
    mask, tensors = (None, []) if masked is None else (masked[0], [masked[1]])
    layers.append(AdditiveAttention(scale=scale, mask=mask, inputs=[q, k, v, *tensors], outputs=[y, *weights_of(m, b)]))
    return layers


def _scale(m: Match, q: Value) -> np.ndarray | Mismatch | None:
    """The factor of each element of the depth; None if all are 1."""
    common = np.float32(m.scalar("common_scale") if m.has("common_scale") else 1.0)
    scale = common * (m.const("scale") if m.has("scale") else np.ones((), np.float32))
    depth = q.shape[2]
    if (scale == 1).all() and scale.size == 1:
        return None
    if not isinstance(depth, int) or scale.size not in (1, depth) or scale.shape[-1:] not in ((), (1,), (depth,)):
        return m.reject(f"its scale of shape {scale.shape} does not match the depth {depth}")
    return np.ascontiguousarray(np.broadcast_to(scale.reshape(-1), (depth,)))
