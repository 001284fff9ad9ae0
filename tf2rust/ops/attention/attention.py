"""Scaled dot-product attention as one layer, recognised in the subgraphs that exporters write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.attention.mask import (
    Mask,
    biased,
    kept,
    kept_by_where,
    kept_or_zero,
    kept_or_zero_by_constant,
    lowered,
    lowered_by_constant,
    mask_of,
    replaced,
    softmax_of,
    weights_of,
)
from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.layer import Dims, Layer, Perm, Value
from tf2rust.ops.core.pattern import Match, Mismatch, Op, Optional, Scalar, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose, inverse, permute

Axes = tuple[int, ...]


@dataclass(eq=False, kw_only=True)
class Attention(Layer):
    """softmax(scale · q·kᵀ + mask) · v for every sample and head; the softmax is an optional second output.

    Inputs are q, k, v and optionally a mask. ``axes`` gives the batch, head, row and depth axes of q, k, v and the
    output. The second output has the shape [batch, heads, queries, keys].
    """

    kind = "Attention"
    scale: float
    axes: tuple[Axes, Axes, Axes, Axes]
    mask: Mask | None = None

    def multiply_adds(self) -> Dim:
        """Of q·kᵀ, and of the weights with v."""
        (batch, heads, queries, depth), (_, _, keys, _), (_, _, _, width) = (
            [value.shape[axis] for axis in axes] for value, axes in zip(self.inputs, self.axes[:3], strict=False)
        )
        return batch * heads * queries * keys * (depth + width)

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


_PRODUCT = Op("Einsum|MatMul", Var("q"), Var("k"), name="scores")
_SCALED = Optional(
    Op("Mul|Div", Optional(Op("Transpose", _PRODUCT, name="swapped")), Scalar("scale"), name="scaled"),
)


def _weighted(weights: Op) -> Op:
    return Op("Einsum|MatMul", weights, Var("v"), name="weighted")


@rule(_weighted(softmax_of(_SCALED)))
@rule(_weighted(kept(_SCALED)), name="attention_masked")
@rule(_weighted(kept_by_where(_SCALED)), name="attention_where")
@rule(_weighted(replaced(_SCALED)), name="attention_replaced")
@rule(_weighted(kept_or_zero(_SCALED)), name="attention_masked_twice")
@rule(_weighted(kept_or_zero_by_constant(_SCALED)), name="attention_masked_twice_by_constant")
@rule(_weighted(lowered(_SCALED)), name="attention_lowered")
@rule(_weighted(lowered_by_constant(_SCALED)), name="attention_lowered_by_constant")
@rule(_weighted(biased(_SCALED)), name="attention_biased")
def attention(m: Match, b: Builder) -> RuleResult:
    """softmax(scale · q·kᵀ + mask) · v, and the softmax itself if other nodes read it."""
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
    layers: list[Layer] = []
    if m.has("swapped"):
        last = (*range(q.rank - 2), q.rank - 1, q.rank - 2)
        if tuple(m.node("swapped").attr("perm", [])) != last:
            return m.reject("its scores are transposed, but not in the axes of queries and keys", m.node("swapped"))
        turned = Transpose(perm=last, inputs=[k], outputs=[b.temporary(k, permute(k.shape, last))])
        layers.append(turned)
        q, k = turned.y, q
    scores = b.infos.shape(m.node("swapped" if m.has("swapped") else "scores").y)
    if (wider := b.infos.shape(softmax.x)) != scores:
        return m.reject(f"an operation on its scores broadcasts them from {scores} to {wider}", softmax)
    operands = [_with_head(value, layers, b) for value in (q, k, v)]
    masked = mask_of(m, b, len(scores), layers)
    if isinstance(masked, Mismatch):
        return masked
    mask, tensors = (None, []) if masked is None else (masked[0], [masked[1]])
    results = [y, *weights_of(m, b)]
    made = [value if value.rank == 4 else b.temporary(value, _headed(value.shape)) for value in results]
    layers.append(Attention(scale=scale, mask=mask, axes=axes, inputs=[*operands, *tensors], outputs=made))
    layers += [Reshape(inputs=[o], outputs=[r]) for o, r in zip(made, results, strict=True) if o is not r]
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
        return plain, plain if m.has("swapped") else (0, 1, 3, 2), plain, plain
    if m.has("swapped"):
        return m.reject("the scores of its Einsum are transposed", m.node("swapped"))
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


def _headed(shape: Dims) -> Dims:
    """A shape without heads as that of one head."""
    return (shape[0], 1, *shape[1:])


def _with_head(value: Value, layers: list[Layer], b: Builder) -> Value:
    if value.rank == 4:
        return value
    out = b.temporary(value, _headed(value.shape))
    layers.append(Reshape(inputs=[value], outputs=[out]))
    return out
