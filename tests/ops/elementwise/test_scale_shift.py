"""Factors and summands per channel that no other layer can fuse: one layer, one pass over memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto

from tests.models.graphs import graph, node, save
from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes
from tf2rust.conversion import match_layers
from tf2rust.source import open_onnx

layers, ops = keras.layers, keras.ops


def _pooled(*chain: Callable[[], Any]) -> Any:
    """The chain behind a pooling, which cannot fuse it."""

    def build(x: Any) -> Any:
        x = layers.MaxPooling1D()(x)
        for layer in chain:
            x = layer()(x)
        return x

    return build


def _far(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers far from zero and near to each other."""
    return 1e5 + rng.normal(0, 1, shape)


TABLE: dict[str, Case] = {
    "batch_normalization": case(_pooled(layers.BatchNormalization), (6, 5), becomes="MaxPooling1D BatchNormalization"),
    "relu": case(
        _pooled(layers.BatchNormalization, layers.ReLU),
        (6, 70),
        becomes="MaxPooling1D BatchNormalization",
    ),
    "relu6": case(
        _pooled(layers.BatchNormalization, lambda: layers.ReLU(6)),
        (6, 3),
        becomes="MaxPooling1D BatchNormalization",
    ),
    "gelu": case(
        _pooled(layers.BatchNormalization, lambda: layers.Activation("gelu")),
        (6, 40),
        becomes="MaxPooling1D BatchNormalization",
    ),
    "twice": case(
        _pooled(layers.BatchNormalization, layers.BatchNormalization),
        (6, 5),
        becomes="MaxPooling1D BatchNormalization",
    ),
    "activation_between": case(
        _pooled(layers.BatchNormalization, layers.ReLU, layers.BatchNormalization),
        (6, 5),
        becomes="MaxPooling1D BatchNormalization BatchNormalization",
    ),
    "rescaling": case(_pooled(lambda: layers.Rescaling(1 / 127.5, -1)), (6, 3), becomes="MaxPooling1D Rescaling"),
    "normalization": case(
        _pooled(lambda: layers.Normalization(mean=[1.0, -2.0, 3.0], variance=[0.5, 2.0, 4.0])),
        (6, 3),
        becomes="MaxPooling1D Normalization",
    ),
    "far_from_zero": case(
        lambda x: ops.relu((x - np.float32(1e5)) * np.array([3, -2], np.float32) + 0.5),
        In((4, 2), feed=_far),
        becomes="Normalization",
    ),
    "read_twice": case(
        lambda x: ops.concatenate([(y := ops.multiply(x, np.array([2, 3], np.float32))), y + 1.0], -1),
        (4, 2),
        becomes="Multiply Add Concatenate",
    ),
    "in_front_of_zeros": case(
        lambda x: layers.Conv1D(4, 3, padding="same")(layers.Normalization(mean=[1.0, 2.0], variance=[3.0, 4.0])(x)),
        (9, 2),
        becomes="Subtract Conv1D",
    ),
}


TABLES = [Table("scale_shift", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_scale_shift(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)


def test_factors_beyond_float32_stay_apart(tmp_path: Path) -> None:
    """Their product is infinite, though what they make of a small number is not."""
    nodes = [
        node("MaxPool", ["x"], ["p"], kernel_shape=[2]),
        node("Mul", ["p", "c"], ["q"]),
        node("Mul", ["q", "c"], ["y"]),
    ]
    shapes = {"x": (TensorProto.FLOAT, ["n", 3, 4])}, {"y": (TensorProto.FLOAT, ["n", 3, 3])}
    for factor, kinds in ((1e3, ["MaxPooling1D", "Rescaling"]), (1e30, ["MaxPooling1D", "Multiply", "Multiply"])):
        model = graph(nodes, *shapes, {"c": np.array(factor, np.float32)})
        _, layers = match_layers(open_onnx(save(model, tmp_path / f"{factor}.onnx")))
        assert [layer.kind for layer in layers.layers if layer.kind != "Transpose"] == kinds
