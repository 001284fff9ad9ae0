"""What the crate makes of the outputs of a classifier: scores with confidences, and names of classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.codegen.model import Model
from tf2rust.ops.core.dims import Expr
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.thresholds import Thresholds


@dataclass(frozen=True)
class Scoring:
    """Which column of a binary classifier's output holds the score (None: it is none), and what scores mean."""

    column: int | None
    thresholds: Thresholds
    labels: tuple[str, ...] = ()


def score_column(graph: LayerGraph) -> int | None:
    """The column of the score where the only output is of floats and of shape [n, 1] or [n, 2]; else None."""
    if len(graph.outputs) != 1:
        return None
    ((_, value),) = graph.outputs
    is_score = value.rank == 2 and value.dtype in ("float32", "float64") and value.shape[1] in (1, 2)
    columns = value.shape[1] if is_score else None
    return columns - 1 if isinstance(columns, int) else None


def class_count(graph: LayerGraph) -> int | None:
    """The last dimension of the only output; None where there are several outputs, or it is free."""
    shapes = [value.shape for _, value in graph.outputs]
    last = shapes[0][-1] if len(shapes) == 1 and shapes[0] else None
    return last if isinstance(last, int) else None


@dataclass(frozen=True)
class Row:
    """One sample of a model with one input, flattened: its Rust type, and the shape it is given, in Rust."""

    element: str
    shape: str

    @staticmethod
    def of(model: Model) -> Row | None:
        """The row of ``model``; None where a sample is more than a row, so that it takes whole ``Inputs``."""
        if len(model.inputs) != 1 or not model.inputs[0].shape:
            return None
        port = model.inputs[0]
        batch, *rest = port.shape
        if batch != 1 and not isinstance(batch, Expr):
            return None
        free = [axis for axis, dim in enumerate(rest) if isinstance(dim, Expr)]
        # The length of the row tells one dimension at most; the batch must not be hidden in another.
        if len(free) > 1 or any(dim in (0, batch) for dim in rest):
            return None
        sizes = [str(dim) for dim in rest]
        for axis in free:
            sizes[axis] = _quotient([dim for i, dim in enumerate(sizes) if i != axis])
        return Row(port.rust_type, f"[{', '.join(['1', *sizes])}]")


def _quotient(others: Sequence[str]) -> str:
    product = 1
    for other in others:
        product *= int(other)
    return "fv.len()" if product == 1 else f"fv.len() / {product}"
