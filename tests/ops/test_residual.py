"""Residual connections: the sum is fused into the layer that computes one of its operands."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ops.cases import Case, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers = keras.layers


def _block(x: Any, body: Any, *behind: Any) -> Any:
    """x + body(x) and the following layers; x is computed by a layer, so it can be overwritten."""
    x = layers.Activation("tanh")(x)
    y = layers.Add()([x, body(x)])
    for layer in behind:
        y = layer(y)
    return y


def _shared(x: Any) -> Any:
    """The operand is read again after the sum, so it must not be overwritten."""
    x = layers.Activation("tanh")(x)
    y = layers.Add()([x, layers.Conv1D(4, 3, padding="same")(x)])
    return layers.Concatenate()([x, y])


def _both(x: Any) -> Any:
    """Two convolutions into one sum, as where a block changes its size."""
    x = layers.Activation("tanh")(x)
    return layers.ReLU()(layers.Add()([layers.Conv1D(6, 3, padding="same")(x), layers.Conv1D(6, 1)(x)]))


TABLE: dict[str, Case] = {
    "dense": case(lambda x: _block(x, layers.Dense(5)), (5,), becomes="Activation Dense"),
    "dense_3d": case(lambda x: _block(x, layers.Dense(5), layers.ReLU()), (3, 5), becomes="Activation Dense"),
    "dense_wide": case(lambda x: _block(x, layers.Dense(40), layers.ReLU()), (9, 40), becomes="Activation Dense"),
    "activation_behind": case(
        lambda x: _block(x, layers.Dense(5), layers.Activation("sigmoid")), (5,), becomes="Activation Dense"
    ),
    "activation_in_front": case(
        lambda x: _block(x, layers.Dense(5, activation="relu")), (5,), becomes="Activation Dense Add"
    ),
    "scaled_behind": case(
        lambda x: _block(x, layers.Dense(5), layers.BatchNormalization()),
        (5,),
        becomes="Activation Dense BatchNormalization",
    ),
    "onto_an_input": case(lambda x: layers.Add()([x, layers.Dense(5)(x)]), (5,), becomes="Dense"),
    "onto_another_input": case(lambda x, y: layers.Add()([layers.Dense(5)(x), y]), (7,), (5,), becomes="Dense"),
    "broadcast": case(lambda x, y: layers.Add()([layers.Dense(5)(x), y]), (3, 7), (1, 5), becomes="Dense Add"),
    "onto_itself": case(lambda x: layers.Add()([layers.Dense(5)(x)] * 2), (7,), becomes="Dense Add"),
    "of_three": case(lambda x: layers.Add()([x, layers.Dense(5)(x), layers.Dense(5)(x)]), (5,), becomes="Dense Dense"),
    "subtracted": case(
        lambda x: layers.Subtract()([x, layers.Dense(5)(x)]),
        (5,),
        becomes="Dense Subtract",
    ),
    "conv1d": case(
        lambda x: _block(x, layers.Conv1D(4, 3, padding="same"), layers.ReLU()), (9, 4), becomes="Activation Conv1D"
    ),
    "conv1d_fast": case(
        lambda x: _block(x, layers.Conv1D(32, 3, padding="same"), layers.ReLU()), (30, 32), becomes="Activation Conv1D"
    ),
    "conv2d": case(lambda x: _block(x, layers.Conv2D(3, 3, padding="same")), (5, 6, 3), becomes="Activation Conv2D"),
    "conv2d_fast": case(
        lambda x: _block(x, layers.Conv2D(32, 3, padding="same"), layers.Activation("tanh")),
        (12, 14, 32),
        becomes="Activation Conv2D",
    ),
    "conv2d_groups": case(
        lambda x: _block(x, layers.Conv2D(6, 3, padding="same", groups=2)), (5, 6, 6), becomes="Activation Conv2D"
    ),
    "pointwise": case(lambda x: _block(x, layers.Conv2D(20, 1)), (5, 6, 20), becomes="Activation Conv2D"),
    "depthwise": case(
        lambda x: _block(x, layers.DepthwiseConv2D(3, padding="same")),
        (5, 6, 3),
        becomes="Activation DepthwiseConv2D Add",
    ),
    "conv3d": case(
        lambda x: _block(x, layers.Conv3D(3, 3, padding="same")), (4, 5, 6, 3), becomes="Activation Conv3D Add"
    ),
    "read_again": case(_shared, (9, 4), becomes="Activation Conv1D Concatenate"),
    "both_convolutions": case(_both, (9, 4), becomes="Activation Conv1D Conv1D"),
    "normalized_in_front": case(
        lambda x: _block(x, lambda x: layers.Dense(5)(layers.BatchNormalization()(x))), (5,), becomes="Activation Dense"
    ),
    "padded_in_front": case(
        lambda x: _block(x, lambda x: layers.Conv1D(4, 3)(layers.ZeroPadding1D(1)(x))),
        (9, 4),
        becomes="Activation Conv1D",
    ),
    # What is padded and normalized is the other operand, which the layer only adds.
    "padded_operand": case(
        lambda x, y: layers.Add()([layers.Conv1D(4, 1)(x), layers.ZeroPadding1D(1)(y)]),
        (9, 4),
        (7, 4),
        becomes="ZeroPadding Conv1D",
    ),
    "normalized_operand": case(
        lambda x, y: layers.Add()([layers.Dense(5)(x), layers.BatchNormalization()(y)]),
        (7,),
        (5,),
        becomes="BatchNormalization Dense",
    ),
    "free_width": case(
        lambda x: _block(x, layers.Conv1D(4, 3, padding="same"), layers.ReLU()), (None, 4), becomes="Activation Conv1D"
    ),
}
TABLES = [Table("residual", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_residual(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
