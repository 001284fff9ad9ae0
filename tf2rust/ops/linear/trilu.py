"""Trilu: the upper or lower triangle of each matrix."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.dtypes import DTYPES
from tf2rust.ops.core.inference import infers, same_shape
from tf2rust.ops.core.layer import Layer
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule


@dataclass(eq=False, kw_only=True)
class Trilu(Layer):
    """The elements of each matrix on and above its ``diagonal`` if ``upper``, or on and below it; zeros elsewhere.

    If ``diagonal`` is None, it is a second input.
    """

    kind = "Trilu"
    upper: bool
    diagonal: int | None


infers("Trilu")(same_shape)


@rule(Op("Trilu", Var("x"), more=True))
def trilu(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    given = m.root.input(1)
    if x.dtype not in DTYPES:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(DTYPES)})")
    known = np.asarray(0) if given is None else b.infos.const(given)
    inputs = [x, b.value(given)] if known is None and given is not None else [x]
    k = None if known is None else int(known.reshape(()))
    return Trilu(upper=bool(m.root.attr("upper", 1)), diagonal=k, inputs=inputs, outputs=[y])
