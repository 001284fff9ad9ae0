"""Convolutions and pooling over volumes; transposed convolutions; adaptive pooling."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers, ops = keras.layers, keras.ops
SERIES, IMAGE, VOLUME = In((7, 4)), In((6, 5, 4)), In((5, 6, 7, 4))
SIZES = {1: SERIES, 2: IMAGE, 3: VOLUME}
SYMBOLIC = In((None, None, 4), feed=lambda rng, shape: rng.normal(0, 2, (shape[0], 7, 10, shape[3])))

TABLE: dict[str, Case] = {
    **{
        f"conv3d_{padding}_{name}": case(
            lambda x, p=padding, o=options: layers.Conv3D(6, 3, padding=p, **o)(x), VOLUME, becomes="Conv3D"
        )
        for padding in ("valid", "same")
        for name, options in {
            "plain": {},
            "strides": {"strides": 2},
            "dilation": {"dilation_rate": 2},
            "groups": {"groups": 2},
            "no_bias": {"use_bias": False},
            "relu": {"activation": "relu"},
            "tanh": {"activation": "tanh"},
        }.items()
    },
    "conv3d_each_channel": case(lambda x: layers.Conv3D(8, 2, groups=4)(x), VOLUME, becomes="Conv3D"),
    "conv3d_stack": case(
        lambda x: layers.GlobalAveragePooling3D()(
            layers.MaxPooling3D(2)(layers.BatchNormalization()(layers.Conv3D(5, 2, padding="same")(x)))
        ),
        VOLUME,
        becomes="Conv3D MaxPooling3D GlobalAveragePooling3D",
    ),
    "conv3d_free": case(
        lambda x: layers.Conv3D(5, 3, padding="same", strides=2)(x), (None, None, None, 4), becomes="Conv3D"
    ),
    **{
        f"{kind.lower()}_3d_{padding}_{strides}": case(
            lambda x, k=kind, p=padding, s=strides: getattr(layers, f"{k}Pooling3D")(3, s, padding=p)(x),
            VOLUME,
            becomes=f"{kind}Pooling3D",
        )
        for kind in ("Max", "Average")
        for padding in ("valid", "same")
        for strides in (1, 2)
    },
    **{
        f"transpose_{rank}d_{padding}_{name}": case(
            lambda x, r=rank, p=padding, o=options: getattr(layers, f"Conv{r}DTranspose")(5, 3, padding=p, **o)(x),
            SIZES[rank],
            becomes=f"Conv{rank}DTranspose",
        )
        for rank in (1, 2, 3)
        for padding in ("valid", "same")
        for name, options in {
            "plain": {},
            "strides": {"strides": 2},
            "strides_3": {"strides": 3},
            "no_bias": {"use_bias": False},
            "relu": {"strides": 2, "activation": "relu"},
            "gelu": {"strides": 2, "activation": "gelu"},
        }.items()
    },
    "transpose_2d_output_padding": case(
        lambda x: layers.Conv2DTranspose(5, 3, strides=2, output_padding=1, padding="same")(x), IMAGE
    ),
    "transpose_2d_wide": case(
        lambda x: layers.Conv2DTranspose(33, 4, strides=2, padding="same")(x), (5, 6, 19), becomes="Conv2DTranspose"
    ),
    "transpose_2d_small_kernel": case(lambda x: layers.Conv2DTranspose(5, 2, strides=3)(x), IMAGE),
    "transpose_batch_norm": case(
        lambda x: layers.ReLU()(layers.BatchNormalization()(layers.Conv2DTranspose(5, 3, strides=2)(x))),
        IMAGE,
        becomes="Conv2DTranspose",
    ),
    "transpose_after_conv": case(
        lambda x: layers.Conv2DTranspose(5, 3, strides=2, padding="same")(layers.Conv2D(6, 3, padding="same")(x)),
        IMAGE,
        becomes="Conv2D Conv2DTranspose",
    ),
    **{
        f"transpose_free_{padding}": case(
            lambda x, p=padding: layers.Conv2DTranspose(5, 3, strides=2, padding=p)(x), SYMBOLIC
        )
        for padding in ("valid", "same")
    },
    **{
        f"adaptive_{kind.lower()}_{rank}d": case(
            lambda x, k=kind, r=rank: getattr(layers, f"Adaptive{k}Pooling{r}D")(3)(x),
            SIZES[rank],
            becomes=f"Adaptive{kind}Pooling{rank}D",
        )
        for kind in ("Max", "Average")
        for rank in (1, 2, 3)
    },
    "adaptive_channels_first": case(
        lambda x: layers.AdaptiveAveragePooling2D((3, 4), data_format="channels_first")(x),
        (4, 6, 5),
        becomes="Transpose AdaptiveAveragePooling2D Transpose",
    ),
    "adaptive_one_axis": case(lambda x: layers.AdaptiveMaxPooling2D((6, 2))(x), IMAGE, becomes="AdaptiveMaxPooling2D"),
    "adaptive_more_outputs": case(
        lambda x: layers.AdaptiveAveragePooling2D((9, 7))(x), IMAGE, becomes="AdaptiveAveragePooling2D"
    ),
    "pools_chosen_otherwise": case(
        lambda x: ops.take(
            layers.Concatenate(1)([layers.MaxPooling1D(size, 1)(x) for size in (3, 4)]), np.asarray([0, 1, 4]), 1
        ),
        SERIES,
        becomes="MaxPooling1D MaxPooling1D Concatenate Gather",
    ),
    "adaptive_twice": case(
        lambda x: layers.AdaptiveAveragePooling1D(2)(layers.AdaptiveAveragePooling1D(5)(x)),
        SERIES,
        becomes="AdaptiveAveragePooling1D AdaptiveAveragePooling1D",
    ),
}
TABLES = [Table("volumes", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_volumes(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
