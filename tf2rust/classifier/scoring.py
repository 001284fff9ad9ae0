"""What the crate derives from a classifier's outputs: scores with confidence levels, and class names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tf2rust.classifier.labels import check_labels, read_labels
from tf2rust.classifier.thresholds import ZEROS, Thresholds, find_thresholds, read_thresholds
from tf2rust.errors import ConversionError
from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.activation.softmax import Softmax
from tf2rust.ops.core.dims import format_shape
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.cast import Cast
from tf2rust.ops.elementwise.unary import Unary
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.proof.proof import Proof
from tf2rust.proof.samples.features import Features


@dataclass(frozen=True)
class Scoring:
    """The column of a binary classifier's output that holds the score (None for other models), and its thresholds."""

    column: int | None
    thresholds: Thresholds
    labels: tuple[str, ...] = ()


def score_column(graph: LayerGraph) -> int | None:
    """The score's column if the only output is floating-point with shape [n, 1] or [n, 2], otherwise None."""
    if len(graph.outputs) != 1:
        return None
    ((_, value),) = graph.outputs
    is_score = value.rank == 2 and value.dtype in ("float32", "float64") and value.shape[1] in (1, 2)
    columns = value.shape[1] if is_score else None
    return columns - 1 if isinstance(columns, int) else None


def gives_probabilities(graph: LayerGraph) -> bool:
    """Whether the score comes from a sigmoid, or from a softmax over its two columns.

    ``graph`` must not be fused yet, as fusion moves activations into other layers. Reshape and Cast layers are skipped.
    Two columns p and 1 − p, computed from one sigmoid, count as a softmax.
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
    """The layer that computes ``value``; None for an input of the model."""
    layer = makers.get(value)
    while isinstance(layer, Reshape) or (isinstance(layer, Cast) and layer.x.dtype.startswith("float")):
        layer = makers.get(layer.x)
    return layer


def _is_sigmoid(layer: Layer | None) -> bool:
    return isinstance(layer, ActivationLayer) and layer.activation.name == "sigmoid"


def _is_rest(layer: Layer | None, sigmoid: Layer | None, makers: Mapping[Value, Layer]) -> bool:
    """Whether the layer computes 1 − p from ``sigmoid``'s p, either as a difference or as the sigmoid of −x."""
    if layer is None or sigmoid is None:
        return False
    if _is_sigmoid(layer):
        opposite = _maker(layer.x, makers)
        return isinstance(opposite, Unary) and opposite.function == "Neg" and opposite.x is sigmoid.x
    if not isinstance(layer, Binary) or layer.function != "Sub" or not layer.constant_first:
        return False
    return layer.constant is not None and bool(np.all(layer.constant == 1)) and _maker(layer.x, makers) is sigmoid


def class_count(graph: LayerGraph) -> int | None:
    """The last dimension of the only output; None for several outputs or a symbolic dimension."""
    shapes = [value.shape for _, value in graph.outputs]
    last = shapes[0][-1] if len(shapes) == 1 and shapes[0] else None
    return last if isinstance(last, int) else None


_NO_CLASSIFIER = (
    "`labels` in --path_to_fv are ignored because the output does not come from a sigmoid or a two-class softmax; "
    "to find thresholds anyway, give --binary_classification true."
)


def find_scoring(
    graph: LayerGraph,
    features: Features | None,
    proof: Proof,
    *,
    is_binary: bool | None,
    thresholds_file: Path | None,
    rates: Mapping[str, float],
    labels_file: Path | None,
) -> tuple[Scoring, list[str]]:
    """Returns how the crate scores a sample, and notes on the thresholds.

    If ``is_binary`` is None, the model is a binary classifier if its output is a probability. Thresholds come from the
    file, or are found from the false-positive ``rates``. Raises ConversionError for files and options that do not fit
    the model.
    """
    labels: tuple[str, ...] = ()
    if labels_file is not None:
        labels = check_labels(labels_file, read_labels(labels_file), class_count(graph))
    if graph.states and (is_binary or thresholds_file is not None):
        raise ConversionError(
            "--binary_classification and --thresholds need a model that scores single samples, but this one keeps a "
            "state between calls; remove the option."
        )
    column = None if graph.states else score_column(graph)
    if column is None and is_binary:
        raise ConversionError(
            "--binary_classification true needs one floating-point output of shape [n, 1] or [n, 2]; this model "
            "has "
            + ", ".join(f"`{name}` {value.dtype} {format_shape(value.shape)}" for name, value in graph.outputs)
            + "."
        )
    if is_binary is None:
        is_binary = gives_probabilities(graph)
    if column is None or not is_binary:
        if thresholds_file is not None:
            raise ConversionError(
                "--thresholds needs a binary classifier, but the output of this model does not come from a sigmoid "
                "or a two-class softmax; remove the option, or give --binary_classification true."
            )
        unused = column is not None and features is not None and features.labels is not None
        return Scoring(None, Thresholds(), labels), [_NO_CLASSIFIER] * unused
    if thresholds_file is not None:
        return Scoring(column, read_thresholds(thresholds_file), labels), []
    if features is None or features.labels is None:
        return Scoring(column, Thresholds(), labels), [
            f"{ZEROS}, so every score has high confidence; give --thresholds, or `labels` of 0 and 1 in --path_to_fv."
        ]
    (scores,) = proof.outputs.values()
    thresholds, notes = find_thresholds(scores[:, column], features.labels, rates)
    return Scoring(column, thresholds, labels), notes
