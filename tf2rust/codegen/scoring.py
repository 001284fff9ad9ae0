"""What the crate makes of the outputs of a classifier: scores with confidences, and names of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.codegen.model import Model
from tf2rust.ops.activations import ActivationLayer
from tf2rust.ops.arithmetic import Binary
from tf2rust.ops.cast import Cast
from tf2rust.ops.concat import Concatenate
from tf2rust.ops.core.dims import Expr
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.math import Unary
from tf2rust.ops.reshape import Reshape
from tf2rust.ops.softmax import Softmax
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


def gives_probabilities(graph: LayerGraph) -> bool:
    """Whether the output with the score comes from a sigmoid, or from a softmax over its two columns.

    ``graph`` is as the rules matched it: fusion hides activations in other layers. A Reshape and a Cast change nothing.
    Two columns that a classifier makes of one sigmoid, p and 1 − p, count as a softmax.
    """
    column = score_column(graph)
    if column is None:
        return False
    makers = {value: layer for layer in graph.layers for value in layer.outputs}
    maker = _maker(graph.outputs[0][1], makers)
    if column == 0:
        return _is_sigmoid(maker)
    if isinstance(maker, Softmax):
        return not maker.log and maker.span == 1 and maker.x.shape[maker.axis] == 2
    if not isinstance(maker, Concatenate) or [v.shape[-1] for v in maker.inputs] != [1, 1]:
        return False
    first, second = (_maker(v, makers) for v in maker.inputs)
    return _is_sigmoid(second) and _is_rest(first, second, makers)


def _maker(value: Value, makers: Mapping[Value, Layer]) -> Layer | None:
    """The layer whose numbers ``value`` holds; None for those of an input."""
    layer = makers.get(value)
    while isinstance(layer, Reshape) or (isinstance(layer, Cast) and layer.x.dtype.startswith("float")):
        layer = makers.get(layer.x)
    return layer


def _is_sigmoid(layer: Layer | None) -> bool:
    return isinstance(layer, ActivationLayer) and layer.activation.name == "sigmoid"


def _is_rest(layer: Layer | None, sigmoid: Layer | None, makers: Mapping[Value, Layer]) -> bool:
    """Whether the layer gives 1 − p where ``sigmoid`` gives p: as a difference, or as the sigmoid of −x."""
    if layer is None or sigmoid is None:
        return False
    if _is_sigmoid(layer):
        opposite = _maker(layer.x, makers)
        return isinstance(opposite, Unary) and opposite.function == "Neg" and opposite.x is sigmoid.x
    if not isinstance(layer, Binary) or layer.function != "Sub" or not layer.constant_first:
        return False
    return layer.constant is not None and bool(np.all(layer.constant == 1)) and _maker(layer.x, makers) is sigmoid


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
