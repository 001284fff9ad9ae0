"""Conv1D with every option: one layer each, with its bias and its activation; and convolutions after Winograd."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes
from tf2rust.ops.conv.conv import Conv
from tf2rust.ops.conv.window import Window
from tf2rust.ops.core.dims import DimExpr
from tf2rust.ops.core.layer import Value

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
# Wide enough for Winograd's algorithm.
WINOGRAD: dict[str, Case] = {
    **{
        f"conv1d_winograd_{size}_{padding}": case(
            lambda x, k=size, p=padding: layers.Conv1D(40, k, padding=p, activation="relu")(x),
            (50, 32),
            becomes="Conv1D",
        )
        for size in (2, 3, 4, 5)
        for padding in ("valid", "same", "causal")
    },
    **{
        f"conv2d_winograd_{'x'.join(map(str, size))}_{padding}": case(
            lambda x, k=size, p=padding: layers.Conv2D(33, k, padding=p, activation="tanh")(x),
            (13, 14, 16),
            becomes="Conv2D",
        )
        for size in ((3, 3), (2, 4), (5, 2))
        for padding in ("valid", "same")
    },
    "conv1d_winograd_free_time": case(lambda x: layers.Conv1D(32, 3, padding="same")(x), (None, 32), becomes="Conv1D"),
    "conv2d_winograd_batch_norm": case(
        lambda x: layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(32, 3, use_bias=False)(x))),
        (15, 11, 24),
        becomes="Conv2D",
    ),
}
TABLES = [Table("conv", TABLE), Table("winograd", WINOGRAD)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_conv(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)


@pytest.mark.parametrize(
    ("shape", "kernel", "options", "expected"),
    [
        ((50, 32), (3,), {}, True),
        ((None, 32), (5,), {}, True),
        ((14, 14, 256), (3, 3), {}, True),
        ((7, 7, 16), (3, 3), {}, True),
        ((7, 7, 512), (3, 3), {}, False),  # the weights would be read for few pixels
        ((50, 32), (6,), {}, False),
        ((50, 32), (1,), {}, False),
        ((50, 15), (3,), {}, False),
        ((4, 32), (3,), {}, False),  # two outputs of a tile of four
        ((50, 32), (3,), {"strides": (2,)}, False),
        ((50, 32), (3,), {"dilations": (2,)}, False),
    ],
)
def test_when_multiplications_are_saved(
    shape: tuple[int | None, ...], kernel: tuple[int, ...], options: dict[str, tuple[int, ...]], expected: bool
) -> None:
    rank, channels = len(kernel), shape[-1]
    assert isinstance(channels, int)
    given: dict[str, tuple[int, ...]] = {"strides": (1,) * rank, "dilations": (1,) * rank, **options}
    window = Window(kernel, given["strides"], given["dilations"], ((0, 0),) * rank)
    x = Value("x", "float32", (DimExpr.symbol("n"), *(DimExpr.symbol("t") if d is None else d for d in shape)))
    y = Value("y", "float32", (x.shape[0], *window.output(x.shape[1:-1]), 64))
    conv = Conv(kernel=np.zeros((*kernel, channels, 64), np.float32), window=window, inputs=[x], outputs=[y])
    assert conv.winograd == expected
