"""Conv2D, pooling and similar layers on images of fixed and symbolic sizes."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers = keras.layers
X = (9, 8, 4)


def _odd(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(0, 2, (shape[0], 7, 10, shape[3]))


SYMBOLIC = In((None, None, 4), feed=_odd)
OPTIONS = {
    "plain": {},
    "strides": {"strides": 2},
    "strides_3": {"strides": 3},
    "dilation": {"dilation_rate": 2},
    "no_bias": {"use_bias": False},
    "relu": {"activation": "relu"},
}
TABLE: dict[str, Case] = {
    **{
        f"conv2d_{padding}_{name}_{size}": case(
            lambda x, p=padding, o=options: layers.Conv2D(6, 3, padding=p, **o)(x), given, becomes="Conv2D"
        )
        for padding in ("valid", "same")
        for name, options in OPTIONS.items()
        for size, given in (("fixed", X), ("free", SYMBOLIC))
        if (size, name) != ("free", "dilation")  # TensorFlow pads for it itself, which --dim is wanted for
    },
    **{
        f"depthwise_{padding}_{strides}_{size}": case(
            lambda x, p=padding, s=strides: layers.DepthwiseConv2D(3, padding=p, strides=s, depth_multiplier=2)(x),
            given,
            becomes="DepthwiseConv2D",
        )
        for padding in ("valid", "same")
        for strides in (1, 2)
        for size, given in (("fixed", X), ("free", SYMBOLIC))
    },
    **{
        f"separable_{padding}_{size}": case(
            lambda x, p=padding: layers.SeparableConv2D(5, 3, padding=p, activation="relu")(x),
            given,
            becomes="DepthwiseConv2D Conv2D",
        )
        for padding in ("valid", "same")
        for size, given in (("fixed", X), ("free", SYMBOLIC))
    },
    **{
        f"{kind.lower()}_{padding}_{strides}_{size}": case(
            lambda x, k=kind, p=padding, s=strides: getattr(layers, f"{k}Pooling2D")(3, s, padding=p)(x),
            given,
            becomes=f"{kind}Pooling2D",
        )
        for kind in ("Max", "Average")
        for padding in ("valid", "same")
        for strides in (1, 2, 4)
        for size, given in (("fixed", X), ("free", SYMBOLIC))
    },
    "conv2d_groups": case(lambda x: layers.Conv2D(6, 3, groups=2)(x), X, becomes="Conv2D"),
    "pointwise_strides_free": case(
        lambda x: layers.Conv2D(6, 1, strides=2, padding="same")(x), SYMBOLIC, becomes="Conv2D"
    ),
    "residual_free": case(
        lambda x: layers.Add()(
            [
                layers.Conv2D(6, 3, strides=2, padding="same")(x),
                layers.Conv2D(6, 1, strides=2)(x),
                layers.Conv2D(6, 3, strides=2)(layers.ZeroPadding2D(1)(x)),
            ]
        ),
        SYMBOLIC,
        becomes="Conv2D Conv2D Conv2D",
    ),
    "global_average_free": case(
        lambda x: layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3, padding="same", strides=2)(x)),
        SYMBOLIC,
        becomes="Conv2D GlobalAveragePooling2D",
    ),
}
TABLES = [Table("images", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_images(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
