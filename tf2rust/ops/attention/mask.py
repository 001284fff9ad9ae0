"""What exporters do to the scores of an attention in front of the softmax."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Const, Match, Mismatch, Op, Optional, Scalar, Var
from tf2rust.ops.core.registry import Builder
from tf2rust.ops.elementwise.where import choices_read, chosen
from tf2rust.ops.generator.constant import constant
from tf2rust.ops.shape.reshape import Reshape


@dataclass(frozen=True)
class Mask:
    """What the last input of an attention, which broadcasts to [batch, heads, queries, keys], does to the scores.

    ``mode`` is ``keep``: scores for which it is false become ``number``; ``keep_or_zero``: the same, and the weights of
    those scores are 0 even where no score is kept; ``lower``: ``number`` is subtracted from scores for which it is
    true; or ``add``: it is added.
    """

    mode: str
    number: float = 0.0

    def plain(self) -> dict[str, object]:
        return {"mode": self.mode, "number": self.number}


def softmax_of(scores: Op | Optional) -> Op:
    """The pattern of the weights of these scores, which the layer makes as well if others read them."""
    return Op("Softmax", scores, name="softmax", exposed=True)


def kept(scores: Op | Optional) -> Op:
    """The weights of scores of which those not chosen become a very small number, as Keras writes it."""
    return softmax_of(chosen(Var("keep"), scores, Scalar("fill"), name="masked"))


def kept_by_where(scores: Op | Optional) -> Op:
    """The same with ONNX' Where."""
    return softmax_of(Op("Where", Var("keep"), scores, Scalar("fill"), name="masked"))


def kept_or_zero(scores: Op | Optional) -> Op:
    """The weights of Keras' Softmax with a mask, which multiplies them with the mask once more."""
    filled = chosen(Var("keep"), scores, Scalar("fill"), name="masked")
    softmax = Op("Softmax", filled, name="softmax")
    return chosen(Var("keep"), softmax, Scalar("nothing", 0.0), name="weights", casts="masked", exposed=True)


def kept_or_zero_by_constant(scores: Op | Optional) -> Op:
    """The same with a constant mask, of which only the products are left."""
    filled = Op("Add", Op("Mul", Const("factor"), scores, name="masked_a"), Const("filled"), name="masked")
    softmax = Op("Softmax", filled, name="softmax")
    product = Op("Mul", Const("factor"), softmax, name="weights_a")
    return Op("Add", product, Scalar("nothing", 0.0), name="weights", exposed=True)


def lowered(scores: Op | Optional) -> Op:
    """The weights of scores from which a large number is subtracted where they are masked, as Keras' Attention does."""
    return softmax_of(chosen(Var("drop"), Op("Sub", scores, Scalar("penalty"), name="low"), scores, name="masked"))


def lowered_by_constant(scores: Op | Optional) -> Op:
    """The same with a constant mask, of which only the products are left."""
    low = Op("Mul", Const("factor"), Op("Sub", scores, Scalar("penalty"), name="low"), name="masked_a")
    high = Op("Mul", Const("rest"), scores, name="masked_b")
    return softmax_of(Op("Add", low, high, name="masked"))


def biased(scores: Op | Optional) -> Op:
    """The weights of scores to which something is added: a mask of zeros and −∞, or a bias by position."""
    return softmax_of(Op("Add", scores, Var("bias"), name="masked"))


def weights_of(m: Match, b: Builder) -> list[Value]:
    """The value of the weights if something else reads them too, otherwise nothing."""
    name = "weights" if m.has("weights") else "softmax"
    return [b.value(m.node(name).y)] if m.is_exposed(name) else []


def mask_of(m: Match, b: Builder, rank: int, layers: list[Layer]) -> tuple[Mask, Value] | Mismatch | None:
    """The mask of a match of one of the patterns above and its value of rank 4, for scores of ``rank``; None without.

    The layers that prepare it are added to ``layers``.
    """
    if m.has("masked_when"):
        choices_read(m, "masked")
    if m.has("bias"):
        mask, value = Mask("add"), b.value(m["bias"])
    elif m.has("keep"):
        mask = Mask("keep_or_zero" if m.has("weights") else "keep", m.scalar("fill"))
        value = b.value(_without_true(m["keep"], b))
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
        return m.reject(f"its mask is {value}")
    return mask, value


def _constant_mask(m: Match) -> tuple[Mask, np.ndarray] | Mismatch:
    """The mask of which a match has the constant products."""
    factor = m.const("factor")
    if not np.isin(factor, (0, 1)).all():
        return m.reject("its scores are multiplied with other numbers than 0 and 1")
    if m.has("rest"):
        if not np.array_equal(m.const("rest"), 1 - factor):
            return m.reject("the factors of its scores do not add up to 1")
        return Mask("lower", m.scalar("penalty")), factor == 1
    filled = m.const("filled")
    fill = float(filled.min(initial=0.0))
    if not np.array_equal(filled, np.float32(fill) * (1 - factor)):
        return m.reject("what is added to its scores is not one number wherever their factor is 0")
    return Mask("keep_or_zero", fill), factor == 1


def _without_true(value: ir.Value, b: Builder) -> ir.Value:
    """The condition without operands of And that are true everywhere."""
    node = value.producer()
    if node is None or node.op_type != "And":
        return value
    a, c = node.inputs
    assert a is not None
    assert c is not None
    for one, other in ((a, c), (c, a)):
        if b.facts[one].fill == 1:
            return _without_true(other, b)
    return value


def _beside_scores(value: Value, rank: int, layers: list[Layer], b: Builder) -> Value:
    """A mask of at most the scores' ``rank`` as [batch, heads, queries, keys]: NumPy aligns the last axes."""
    shape = (*[1] * (rank - value.rank), *value.shape)
    if rank == 3:
        shape = (shape[0], 1, *shape[1:])
    if shape == value.shape:
        return value
    out = b.temporary(value, shape)
    layers.append(Reshape(inputs=[value], outputs=[out]))
    return out
