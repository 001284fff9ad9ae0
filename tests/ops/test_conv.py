"""Conv1D with every option: one layer each, with its bias and its activation."""

from __future__ import annotations

import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers = keras.layers
X = In((11, 4))

TABLE: dict[str, Case] = {
    **{
        f"conv1d_{padding}_{_}": case(
            lambda x, p=padding, o=options: layers.Conv1D(6, 3, padding=p, **o)(x), X, becomes="Conv1D"
        )
        for padding in ("valid", "same", "causal")
        for _, options in {
            "plain": {},
            "strides": {"strides": 2},
            "strides_3": {"strides": 3},
            "dilation": {"dilation_rate": 2},
            "groups": {"groups": 2},
            "no_bias": {"use_bias": False},
            "relu": {"activation": "relu"},
        }.items()
    },
    "conv1d_even_kernel_same": case(lambda x: layers.Conv1D(3, 4, padding="same")(x), X, becomes="Conv1D"),
    "conv1d_wide_kernel": case(lambda x: layers.Conv1D(3, 11)(x), X, becomes="Conv1D"),
    "conv1d_pointwise": case(lambda x: layers.Conv1D(3, 1, activation="tanh")(x), X, becomes="Conv1D"),
    "conv1d_one_channel": case(lambda x: layers.Conv1D(1, 3, padding="same")(x), (11, 1), becomes="Conv1D"),
    "conv1d_one_step": case(lambda x: layers.Conv1D(2, 3, padding="same")(x), (1, 4), becomes="Conv1D"),
    "conv1d_groups_dilation": case(
        lambda x: layers.Conv1D(8, 3, groups=4, dilation_rate=2)(x), X, becomes="DepthwiseConv1D"
    ),
    "conv1d_channels_first": case(
        lambda x: layers.Conv1D(6, 3, data_format="channels_first", activation="relu")(x),
        X,
        becomes="Transpose Conv1D Transpose",
    ),
    "conv1d_free_time_valid": case(lambda x: layers.Conv1D(6, 3, activation="relu")(x), (None, 4), becomes="Conv1D"),
    "conv1d_free_time_same": case(lambda x: layers.Conv1D(6, 3, padding="same")(x), (None, 4), becomes="Conv1D"),
    "conv1d_free_time_causal": case(lambda x: layers.Conv1D(6, 3, padding="causal")(x), (None, 4), becomes="Conv1D"),
    "conv1d_free_time_strides": case(lambda x: layers.Conv1D(6, 3, strides=2)(x), (None, 4), becomes="Conv1D"),
    "conv1d_stack": case(
        lambda x: layers.Conv1D(3, 3, activation="selu")(layers.Conv1D(5, 3, padding="causal", activation="elu")(x)),
        X,
        becomes="Conv1D Conv1D",
    ),
    "conv1d_batch_norm": case(lambda x: layers.BatchNormalization()(layers.Conv1D(5, 3)(x)), X, becomes="Conv1D"),
    "conv1d_batch_norm_relu": case(
        lambda x: layers.ReLU()(layers.BatchNormalization()(layers.Conv1D(5, 3, use_bias=False)(x))),
        X,
        becomes="Conv1D",
    ),
    "conv1d_groups_batch_norm": case(
        lambda x: layers.BatchNormalization()(layers.Conv1D(6, 3, groups=2)(x)), X, becomes="Conv1D"
    ),
    "separable_conv1d": case(
        lambda x: layers.SeparableConv1D(5, 3, activation="relu")(x), X, becomes="DepthwiseConv1D Conv1D"
    ),
    "depthwise_conv1d": case(
        lambda x: layers.DepthwiseConv1D(3, depth_multiplier=2, padding="same")(x), X, becomes="DepthwiseConv1D"
    ),
}
TABLES = [Table("conv", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_conv(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
