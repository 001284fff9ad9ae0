"""Reductions whose axis is restored, and perhaps expanded, by separate nodes, as JAX and Flax write it."""

from __future__ import annotations

from tf2rust.ops.core.layer import Dims
from tf2rust.ops.core.pattern import Match, Op, Optional, Var
from tf2rust.ops.core.registry import Builder


def spread(inner: Op) -> Optional:
    """The pattern of ``inner``, of ``Reshape(inner)``, or of ``Expand`` of one of them."""
    reshaped = Optional(Op("Reshape", inner, Var(f"{inner.name}_shape"), name=f"{inner.name}_reshaped"))
    return Optional(Op("Expand", reshaped, Var(f"{inner.name}_full"), name=f"{inner.name}_spread"))


def is_along(m: Match, b: Builder, inner: str, shape: Dims, axis: int) -> bool:
    """Whether the result of ``spread`` for the node ``inner`` broadcasts along ``axis`` of a tensor of this shape.

    ``inner`` has the tensor's shape without the axis. If the axis is not restored, broadcasting would align the other
    axes wrongly, from the right.
    """
    last = f"{inner}_reshaped" if m.has(f"{inner}_reshaped") else inner
    if last != inner:
        m.node(last).has("allowzero")
    kept = (*shape[:axis], 1, *shape[axis + 1 :])
    if b.infos.shape(m.node(last).y) != kept:
        return False
    whole = f"{inner}_spread"
    # JAX also writes an Expand that changes nothing.
    return not m.has(whole) or b.infos.shape(m.node(whole).y) in (kept, shape)
