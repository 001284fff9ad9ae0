"""Layer-, Group-, RMS- and UnitNormalization: one layer each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers = keras.layers
X = In((6, 21))
IMAGE = In((5, 4, 12))
ops = keras.ops


def _mean_square(squares: Any) -> Any:
    return ops.mean(squares, -1, keepdims=True) + 1e-3


TABLE: dict[str, Case] = {
    **{
        f"layer_{name}": case(
            lambda x, o=options: layers.LayerNormalization(**o)(x), given, becomes="LayerNormalization"
        )
        for name, options, given in (
            ("plain", {}, X),
            ("epsilon", {"epsilon": 0.1}, X),
            ("vectors", {}, (33,)),
            ("images", {}, IMAGE),
            ("free", {}, (None, 7)),
            ("axis_1", {"axis": 1}, X),
            ("axes", {"axis": [1, 2]}, X),
            ("no_scale", {"scale": False}, X),
            ("no_center", {"center": False}, X),
            ("neither", {"center": False, "scale": False}, X),
        )
    },
    **{
        f"group_{name}": case(lambda x, o=options: layers.GroupNormalization(**o)(x), given, becomes=becomes)
        for name, options, given, becomes in (
            ("plain", {"groups": 3}, IMAGE, "GroupNormalization"),
            ("one", {"groups": 1}, IMAGE, None),
            ("instance", {"groups": -1}, IMAGE, None),
            ("series", {"groups": 4}, (7, 12), "GroupNormalization"),
            ("free", {"groups": 4}, (None, None, 12), "GroupNormalization"),
            ("no_scale", {"groups": 2, "scale": False}, IMAGE, "GroupNormalization"),
            ("no_center", {"groups": 2, "center": False}, IMAGE, "GroupNormalization"),
        )
    },
    "group_after_conv": case(
        lambda x: layers.ReLU()(layers.GroupNormalization(2)(layers.Conv2D(6, 3)(x))),
        IMAGE,
        becomes="Conv2D GroupNormalization Activation",
    ),
    **{
        f"rms_{name}": case(lambda x, o=options: layers.RMSNormalization(**o)(x), given, becomes="RMSNormalization")
        for name, options, given in (("plain", {}, X), ("images", {}, IMAGE))
    },
    **{
        f"rms_{name}": case(lambda x, own=own: own(x), X, becomes="RMSNormalization")
        for name, own in {
            "by_hand": lambda x: x * ops.rsqrt(_mean_square(ops.square(x))),
            "of_power": lambda x: x * ops.rsqrt(_mean_square(x**2)),
            "by_quotient": lambda x: x * (1.0 / ops.sqrt(_mean_square(ops.square(x)))),
            "divided": lambda x: x / ops.sqrt(_mean_square(ops.square(x))),
        }.items()
    },
    **{
        f"unit_{name}": case(lambda x, o=options: layers.UnitNormalization(**o)(x), given, becomes="UnitNormalization")
        for name, options, given in (("plain", {}, X), ("axis_1", {"axis": 1}, X), ("images", {}, IMAGE))
    },
    "spectral": case(lambda x: layers.SpectralNormalization(layers.Dense(3))(x), X, becomes="Dense"),
    "batch_axis_1": case(lambda x: layers.BatchNormalization(axis=1)(x), IMAGE, becomes="Multiply Add"),
    "normalization": case(
        lambda x: layers.Normalization(mean=[1.0, 2, 3], variance=[1.0, 2, 5])(x), (3,), becomes="Normalization"
    ),
    "rescaling": case(lambda x: layers.Rescaling(1 / 255, offset=-1)(x), IMAGE, becomes="Rescaling"),
}
TABLES = [Table("normalization", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_normalization(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
