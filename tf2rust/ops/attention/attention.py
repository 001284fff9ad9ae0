"""Scaled dot-product attention as one layer, matched from what exporters write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import onnx_ir as ir

from tf2rust.ops.core.layer import Dims, Layer, Perm, Value
from tf2rust.ops.core.pattern import Match, Mismatch, Op, Optional, Scalar, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.where import choices_read, chosen
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose, inverse

Axes = tuple[int, ...]


@dataclass(eq=False, kw_only=True)
class Attention(Layer):
    """softmax(scale · q·kᵀ + mask) · v for every sample and head.

    Inputs are q, k, v and optionally a mask that broadcasts to [batch, heads, queries, keys]: either bools, where
    scores for false become ``fill``, or floats that are added. ``axes`` gives the batch, head, row and depth axes of q,
    k, v and the output.
    """

    kind = "Attention"
    scale: float
    axes: tuple[Axes, Axes, Axes, Axes]
    fill: float = 0.0

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        if any(p is not None for p in perms[3:]):
            return None
        moved = [
            own if perm is None else tuple(perm[a] for a in own)
            for own, perm in zip(self.axes[:3], perms[:3], strict=True)
        ]
        if moved[0][3] != 3:
            return None
        return replace(self, axes=(moved[0], moved[1], moved[2], self.axes[3])), (0, 1, 2, 3)

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        """The output with permuted axes."""
        if not isinstance(consumer, Transpose) or consumer.perm[3] != 3:
            return None
        back = inverse(consumer.perm)
        return replace(self, axes=(*self.axes[:3], tuple(back[a] for a in self.axes[3])))


_SCORES = Op("Einsum|MatMul", Var("q"), Var("k"), name="scores")
_SCALED = Optional(Op("Mul|Div", _SCORES, Scalar("scale"), name="scaled"))


def _weighted(scores: Op | Optional) -> Op:
    return Op("Einsum|MatMul", Op("Softmax", scores, name="softmax"), Var("v"), name="weighted")


@rule(_weighted(_SCALED))
def attention(m: Match, b: Builder) -> RuleResult:
    """softmax(scale · q·kᵀ) · v."""
    return _attention(m, b, None)


@rule(_weighted(chosen(Var("mask"), _SCALED, Scalar("fill"), name="masked")))
def attention_masked(m: Match, b: Builder) -> RuleResult:
    """Masked scores become a large negative number, as Keras writes it."""
    choices_read(m, "masked")
    return _attention(m, b, _without_true(m["mask"], b), m.scalar("fill"))


@rule(_weighted(Op("Where", Var("mask"), _SCALED, Scalar("fill"), name="masked")))
def attention_where(m: Match, b: Builder) -> RuleResult:
    """The same with ONNX's Where."""
    return _attention(m, b, _without_true(m["mask"], b), m.scalar("fill"))


@rule(_weighted(Op("Add", _SCALED, Var("bias"), name="masked")))
def attention_biased(m: Match, b: Builder) -> RuleResult:
    """A sum with the scores: a mask of zeros and −∞, or a positional bias."""
    return _attention(m, b, m["bias"])


def _without_true(value: ir.Value, b: Builder) -> ir.Value:
    """The condition without operands of And that are true everywhere."""
    node = value.producer()
    if node is None or node.op_type != "And":
        return value
    a, c = node.inputs
    assert a is not None
    assert c is not None
    for one, other in ((a, c), (c, a)):
        if b.infos[one].fill == 1:
            return _without_true(other, b)
    return value


def _attention(m: Match, b: Builder, mask: ir.Value | None, fill: float = 0.0) -> RuleResult:
    q, k, v, y = (b.value(x) for x in (m["q"], m["k"], m["v"], m.y))
    if any(value.dtype != "float32" for value in (q, k, v)):
        return m.reject("its operands are not float32")
    softmax = m.node("softmax")
    if softmax.attr("axis", -1) not in (-1, len(b.infos.shape(softmax.y)) - 1):
        return m.reject("its softmax is not over the keys", softmax)
    scale = 1.0
    if m.has("scaled"):
        scale = m.scalar("scale") if m.node("scaled").op == "Mul" else 1 / m.scalar("scale")
    axes = _axes(m, b)
    if isinstance(axes, Mismatch):
        return axes
    scores = b.infos.shape(m.node("scores").y)
    if (wider := b.infos.shape(softmax.x)) != scores:
        return m.reject(f"an operation on its scores broadcasts them from {scores} to {wider}", softmax)
    layers: list[Layer] = []
    operands = [_with_head(value, layers, b) for value in (q, k, v)]
    if mask is not None:
        operands.append(_beside_scores(b.value(mask), len(scores), layers, b))
        if operands[3].rank != 4 or operands[3].dtype not in ("bool", "float32"):
            return m.reject(f"its mask has the unsupported shape {operands[3]}")
        if (operands[3].dtype == "bool") != m.has("fill"):
            return m.reject("its mask is added although it is bool, or selects although it is not")
    out = y if y.rank == 4 else b.temporary(y, (y.shape[0], 1, *y.shape[1:]))
    layers.append(Attention(scale=scale, fill=fill, axes=axes, inputs=operands, outputs=[out]))
    if out is not y:
        layers.append(Reshape(inputs=[out], outputs=[y]))
    return layers


def _axes(m: Match, b: Builder) -> tuple[Axes, Axes, Axes, Axes] | Mismatch:
    """The batch, head, row and depth axes of q, k, v and the output; [b, t, d] counts as [b, 1, t, d]."""
    scores, weighted = m.node("scores"), m.node("weighted")
    shapes = [b.infos.shape(m[name]) for name in "qkv"]
    if scores.op == weighted.op == "MatMul":
        if len({len(s) for s in shapes}) != 1 or len(shapes[0]) not in (3, 4):
            return m.reject("its operands do not all have rank 3 or 4")
        if any(s[:-2] != shapes[0][:-2] for s in shapes):
            return m.reject("its operands have different batches or heads")
        plain = (0, 1, 2, 3)
        return plain, (0, 1, 3, 2), plain, plain
    if scores.op != "Einsum" or weighted.op != "Einsum":
        return m.reject("only one of its two products is an Einsum")
    return _einsum_axes(m, scores.attr("equation"), weighted.attr("equation"))


def _einsum_axes(m: Match, first: str, second: str) -> tuple[Axes, Axes, Axes, Axes] | Mismatch:
    """The axes from the letters of the equations: ``btnh,bsnh->bnts`` and ``bnts,bsnh->btnh`` in Keras."""
    (q, k, scores), (weights, v, y) = (e.replace(" ", "").replace("->", ",").split(",") for e in (first, second))
    if any(len(set(part)) != 4 or len(part) != 4 for part in (q, k, scores, weights, v, y)):
        return m.reject(f"the equations of its products are {first} and {second}, which is not an attention")
    batch, head, query, key = list(scores)
    depth = (set(q) & set(k)) - set(scores)
    own = dict(zip(weights, (batch, head, query, key), strict=True))
    v, y = ("".join(own.get(c, c.upper()) for c in part) for part in (v, y))
    value = set(v) - set(own.values())
    fits = (
        len(depth) == len(value) == 1
        and set(q) == {batch, head, query, *depth}
        and set(k) == {batch, head, key, *depth}
        and set(v) == {batch, head, key, *value}
        and set(y) == {batch, head, query, *value}
    )
    if not fits or q[3] not in depth or y[3] not in value:
        return m.reject(f"the equations of its products are {first} and {second}, which is not an attention")

    def axes_of(part: str, *letters: str) -> Axes:
        return tuple(part.index(c) for c in letters)

    (d,), (e,) = depth, value
    return (
        axes_of(q, batch, head, query, d),
        axes_of(k, batch, head, key, d),
        axes_of(v, batch, head, key, e),
        axes_of(y, batch, head, query, e),
    )


def _with_head(value: Value, layers: list[Layer], b: Builder) -> Value:
    if value.rank == 4:
        return value
    return _reshaped(value, (value.shape[0], 1, *value.shape[1:]), layers, b)


def _beside_scores(value: Value, rank: int, layers: list[Layer], b: Builder) -> Value:
    """A mask of at most the scores' ``rank`` as [batch, heads, queries, keys]; NumPy aligns the last axes."""
    shape = (*[1] * (rank - value.rank), *value.shape)
    if rank == 3:
        shape = (shape[0], 1, *shape[1:])
    return value if shape == value.shape else _reshaped(value, shape, layers, b)


def _reshaped(value: Value, shape: Dims, layers: list[Layer], b: Builder) -> Value:
    out = b.temporary(value, shape)
    layers.append(Reshape(inputs=[value], outputs=[out]))
    return out
