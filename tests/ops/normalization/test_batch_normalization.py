"""BatchNormalization: alone, and folded into the layers around it."""

from __future__ import annotations

import pytest

from tests.ops.cases import Case, Table, case, check, keras, parametrised, tf_keras
from tests.ops.conftest import Outcomes

layers = keras.layers
RANKS = {"2d": (5,), "3d": (4, 5), "4d": (2, 3, 5)}
OPTIONS = {
    "plain": {},
    "no_scale": {"scale": False},
    "no_center": {"center": False},
    "neither": {"scale": False, "center": False},
    "epsilon": {"epsilon": 0.1},
}

TABLE: dict[str, Case] = {
    **{
        f"norm_{rank}_{name}": case(
            lambda x, o=options: layers.BatchNormalization(**o)(x), shape, becomes="BatchNormalization"
        )
        for rank, shape in RANKS.items()
        for name, options in OPTIONS.items()
    },
    "norm_axis_1": case(lambda x: layers.BatchNormalization(axis=1)(x), (4, 5), becomes="Multiply Add"),
    **{
        f"dense_norm_{name}": case(
            lambda x, o=options: layers.BatchNormalization(**o)(layers.Dense(4)(x)), (5,), becomes="Dense"
        )
        for name, options in OPTIONS.items()
    },
    "dense_3d_norm": case(lambda x: layers.BatchNormalization()(layers.Dense(4)(x)), (3, 5), becomes="Dense"),
    "dense_no_bias_norm_relu": case(
        lambda x: layers.ReLU()(layers.BatchNormalization()(layers.Dense(4, use_bias=False)(x))), (5,), becomes="Dense"
    ),
    "dense_relu_norm": case(
        lambda x: layers.BatchNormalization()(layers.Dense(4, activation="relu")(x)),
        (5,),
        becomes="Dense BatchNormalization",
    ),
    "dense_relu_norm_dense": case(
        lambda x: layers.Dense(3)(layers.BatchNormalization()(layers.Dense(4, activation="relu")(x))),
        (5,),
        becomes="Dense Dense",
    ),
    "norm_dense": case(
        lambda x: layers.Dense(4, activation="relu")(layers.BatchNormalization()(x)), (5,), becomes="Dense"
    ),
    "norm_conv_valid": case(
        lambda x: layers.Conv1D(4, 3, activation="relu")(layers.BatchNormalization()(x)), (7, 5), becomes="Conv1D"
    ),
    # The padding of the convolution is zeros, which the normalization would have moved.
    "norm_conv_same": case(
        lambda x: layers.Conv1D(4, 3, padding="same")(layers.BatchNormalization()(x)),
        (7, 5),
        becomes="BatchNormalization Conv1D",
    ),
    "conv2d_norm_relu": case(
        lambda x: layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3)(x))), (5, 6, 2), becomes="Conv2D"
    ),
    "depthwise_norm": case(
        lambda x: layers.BatchNormalization()(layers.DepthwiseConv2D(3)(x)), (5, 6, 2), becomes="DepthwiseConv2D"
    ),
    "norm_twice": case(
        lambda x: layers.BatchNormalization()(layers.BatchNormalization()(x)), (5,), becomes="BatchNormalization"
    ),
    "norm_grouped_conv": case(
        lambda x: layers.Conv1D(4, 3, groups=2)(layers.BatchNormalization()(x)), (7, 6), becomes="Conv1D"
    ),
    "norm_depthwise": case(
        lambda x: layers.DepthwiseConv1D(3, depth_multiplier=2)(layers.BatchNormalization()(x)),
        (7, 3),
        becomes="DepthwiseConv1D",
    ),
    "norm_conv_groups_of_one": case(
        lambda x: layers.Conv1D(6, 3, groups=3)(layers.BatchNormalization()(x)), (7, 3), becomes="DepthwiseConv1D"
    ),
}
K2: dict[str, Case] = {
    "k2_norm": case(lambda x: tf_keras.layers.BatchNormalization()(x), (4, 5), becomes="BatchNormalization"),
    "k2_dense_norm": case(
        lambda x: tf_keras.layers.BatchNormalization()(tf_keras.layers.Dense(4)(x)), (5,), becomes="Dense"
    ),
    "k2_conv_norm": case(
        lambda x: tf_keras.layers.BatchNormalization()(tf_keras.layers.Conv1D(4, 3)(x)), (6, 5), becomes="Conv1D"
    ),
}
TABLES = [Table("affine", TABLE), Table("affine2", K2, tf_keras, ".h5")]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_batch_normalization(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
