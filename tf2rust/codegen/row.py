"""One sample as a row of numbers, for models with a single input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.codegen.model import Model
from tf2rust.ops.core.dims import DimExpr


@dataclass(frozen=True)
class Row:
    """One flattened sample of a model with one input: its element type and its shape, in Rust."""

    element: str
    shape: str

    @staticmethod
    def of(model: Model) -> Row | None:
        """The row of ``model``; None if a sample needs full ``Inputs``."""
        if model.states or len(model.inputs) != 1 or not model.inputs[0].shape:
            return None
        port = model.inputs[0]
        batch, *rest = port.shape
        if batch != 1 and not isinstance(batch, DimExpr):
            return None
        symbolic = [axis for axis, dim in enumerate(rest) if isinstance(dim, DimExpr)]
        # The length of the row determines only one dimension, and the batch must not occur in another.
        if len(symbolic) > 1 or any(dim in (0, batch) for dim in rest):
            return None
        sizes = [str(dim) for dim in rest]
        for axis in symbolic:
            sizes[axis] = _quotient([dim for i, dim in enumerate(sizes) if i != axis])
        return Row("&str" if port.is_text else port.rust_type, f"[{', '.join(['1', *sizes])}]")


def _quotient(others: Sequence[str]) -> str:
    product = 1
    for other in others:
        product *= int(other)
    return "fv.len()" if product == 1 else f"fv.len() / {product}"
