"""The masks of attention scores, as exporters write them in front of the softmax."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Const, Match, Mismatch, Op, Optional, Scalar, Var
from tf2rust.ops.core.registry import Builder
from tf2rust.ops.elementwise.comparison import Not
from tf2rust.ops.elementwise.where import choices_read, chosen
from tf2rust.ops.generator.constant import constant
from tf2rust.ops.shape.reshape import Reshape


@dataclass(frozen=True)
class Mask:
    """How the last input of an attention, which broadcasts to [batch, heads, queries, keys], changes the scores.

    The ``mode`` is one of

    - ``keep``: ``number`` replaces the scores where the input is false;
    - ``keep_or_zero``: the same, and the weights of the replaced scores are 0, even in a row that keeps no score;
    - ``lower``: ``number`` is subtracted from the scores where the input is true;
    - ``add``: the input is added to the scores.
    """

    mode: str
    number: float = 0.0

    def plain(self) -> dict[str, object]:
        return {"mode": self.mode, "number": self.number}


def softmax_of(scores: Op | Optional) -> Op:
    """The softmax of the scores. The layer computes it as a second output if other nodes read it."""
    return Op("Softmax", scores, name="softmax", exposed=True)


def kept(scores: Op | Optional) -> Op:
    """The weights if masked scores become a large negative number, as Keras writes it."""
    return softmax_of(chosen(Var("keep"), scores, Scalar("fill"), name="masked"))


def kept_by_where(scores: Op | Optional) -> Op:
    """The same with Where."""
    return softmax_of(Op("Where", Var("keep"), scores, Scalar("fill"), name="masked"))


def replaced(scores: Op | Optional) -> Op:
    """The weights if a number replaces scores where a condition holds, as PyTorch's ``masked_fill`` does."""
    return softmax_of(Op("Where", Var("replace"), Scalar("fill"), scores, name="masked"))


def kept_or_zero(scores: Op | Optional) -> Op:
    """The weights of Keras' Softmax with a mask: masked scores are replaced, and masked weights are 0."""
    filled = chosen(Var("keep"), scores, Scalar("fill"), name="masked")
    softmax = Op("Softmax", filled, name="softmax")
    return chosen(Var("keep"), softmax, Scalar("nothing", 0.0), name="weights", casts="masked", exposed=True)


def kept_or_zero_by_constant(scores: Op | Optional) -> Op:
    """The same with a constant mask, which constant folding reduces to factors and terms."""
    filled = Op("Add", Op("Mul", Const("factor"), scores, name="masked_a"), Const("filled"), name="masked")
    softmax = Op("Softmax", filled, name="softmax")
    product = Op("Mul", Const("factor"), softmax, name="weights_a")
    return Op("Add", product, Scalar("nothing", 0.0), name="weights", exposed=True)


def lowered(scores: Op | Optional) -> Op:
    """The weights if a large number is subtracted from masked scores, as Keras' Attention does."""
    return softmax_of(chosen(Var("drop"), Op("Sub", scores, Scalar("penalty"), name="low"), scores, name="masked"))


def lowered_by_constant(scores: Op | Optional) -> Op:
    """The same with a constant mask, which constant folding reduces to factors and terms."""
    low = Op("Mul", Const("factor"), Op("Sub", scores, Scalar("penalty"), name="low"), name="masked_a")
    high = Op("Mul", Const("rest"), scores, name="masked_b")
    return softmax_of(Op("Add", low, high, name="masked"))


def biased(scores: Op | Optional) -> Op:
    """The weights if a term is added to the scores: a mask of 0 and −∞, or a position bias."""
    return softmax_of(Op("Add", scores, Var("bias"), name="masked"))


def weights_of(m: Match, b: Builder) -> list[Value]:
    """The value of the weights if other nodes read it, otherwise nothing."""
    name = "weights" if m.has("weights") else "softmax"
    return [b.value(m.node(name).y)] if m.is_exposed(name) else []


def mask_of(m: Match, b: Builder, rank: int, layers: list[Layer]) -> tuple[Mask, Value] | Mismatch | None:
    """The mask of a match of one of the patterns above, and its value of rank 4; None if the pattern has no mask.

    ``rank`` is that of the scores. Appends the layers that compute the value to ``layers``.
    """
    if m.has("masked_when"):
        choices_read(m, "masked")
    if m.has("bias"):
        mask, value = Mask("add"), b.value(m["bias"])
    elif m.has("keep"):
        mask = Mask("keep_or_zero" if m.has("weights") else "keep", m.scalar("fill"))
        value = b.value(_without_true(m["keep"], b))
    elif m.has("replace"):
        mask, layer = Mask("keep", m.scalar("fill")), _negated(m["replace"], b)
        layers.append(layer)
        value = layer.y
    elif m.has("drop"):
        mask, value = Mask("lower", m.scalar("penalty")), b.value(m["drop"])
    elif m.has("factor"):
        found = _constant_mask(m)
        if isinstance(found, Mismatch):
            return found
        mask, made = found[0], constant(found[1])
        layers.append(made)
        value = made.y
    else:
        return None
    value = _beside_scores(value, rank, layers, b)
    if value.rank != 4 or value.dtype != ("float32" if mask.mode == "add" else "bool"):
        return m.reject(f"its mask has the unsupported type {value}")
    return mask, value


def _constant_mask(m: Match) -> tuple[Mask, np.ndarray] | Mismatch:
    """The mask of a match whose mask is constant, and its contents."""
    factor = m.const("factor")
    if not np.isin(factor, (0, 1)).all():
        return m.reject("it multiplies its scores by numbers other than 0 and 1")
    if m.has("rest"):
        if not np.array_equal(m.const("rest"), 1 - factor):
            return m.reject("the factors of its scores do not add up to 1")
        return Mask("lower", m.scalar("penalty")), factor == 1
    filled = m.const("filled")
    fill = float(filled.min(initial=0.0))
    if not np.array_equal(filled, np.float32(fill) * (1 - factor)):
        return m.reject("the constant that it adds to its scores is not the same number wherever their factor is 0")
    return Mask("keep_or_zero", fill), factor == 1


def _negated(condition: ir.Value, b: Builder) -> Layer:
    """The layer that makes the opposite of a condition."""
    if (known := b.infos.const(condition)) is not None:
        return constant(~known)
    value = b.value(condition)
    return Not(inputs=[value], outputs=[b.temporary(value, value.shape)])


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


def _beside_scores(value: Value, rank: int, layers: list[Layer], b: Builder) -> Value:
    """A mask of at most the scores' ``rank`` as [batch, heads, queries, keys]; NumPy aligns the last axes."""
    shape = (*[1] * (rank - value.rank), *value.shape)
    if rank == 3:
        shape = (shape[0], 1, *shape[1:])
    if shape == value.shape:
        return value
    out = b.temporary(value, shape)
    layers.append(Reshape(inputs=[value], outputs=[out]))
    return out
