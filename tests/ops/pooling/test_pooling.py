"""Pooling over time, with every option."""

from __future__ import annotations

import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes

layers = keras.layers
X = In((11, 4))

OPTIONS = {
    "pool_2": {"pool_size": 2},
    "pool_3": {"pool_size": 3},
    "strides_1": {"pool_size": 3, "strides": 1},
    "strides_2": {"pool_size": 3, "strides": 2},
    "gaps": {"pool_size": 2, "strides": 4},
}
TABLE: dict[str, Case] = {
    **{
        f"{kind.lower()}_{padding}_{name}": case(
            lambda x, k=kind, p=padding, o=options: getattr(layers, f"{k}Pooling1D")(padding=p, **o)(x),
            X,
            becomes=f"{kind}Pooling1D",
        )
        for kind in ("Max", "Average")
        for padding in ("valid", "same")
        for name, options in OPTIONS.items()
    },
    **{
        f"{kind.lower()}_channels_first": case(
            lambda x, k=kind: getattr(layers, f"{k}Pooling1D")(2, data_format="channels_first")(x),
            X,
            becomes=f"Transpose {kind}Pooling1D Transpose",
        )
        for kind in ("Max", "Average")
    },
    **{
        f"global_{kind.lower()}_{name}": case(
            lambda x, k=kind, o=options: getattr(layers, f"Global{k}Pooling1D")(**o)(x),
            X,
            becomes=becomes or f"Global{kind}Pooling1D",
        )
        for kind, function in (("Max", "Max"), ("Average", "Mean"))
        for name, options, becomes in (
            ("plain", {}, ""),
            ("keepdims", {"keepdims": True}, ""),
            ("channels_first", {"data_format": "channels_first"}, function),
            ("channels_first_keepdims", {"data_format": "channels_first", "keepdims": True}, function),
        )
    },
    # Zeros around the input take part, also in the maximum.
    **{
        f"{kind.lower()}_behind_zeros": case(
            lambda x, k=kind: getattr(layers, f"{k}Pooling1D")(3, strides=2)(layers.ZeroPadding1D((1, 2))(x)),
            X,
            becomes=f"{kind}Pooling1D",
        )
        for kind in ("Max", "Average")
    },
    "max_of_images_behind_zeros": case(
        lambda x: layers.MaxPooling2D(3, strides=2)(layers.ZeroPadding2D(1)(x)), (6, 7, 3), becomes="MaxPooling2D"
    ),
    "max_same_behind_zeros": case(
        lambda x: layers.MaxPooling1D(3, strides=1, padding="same")(layers.ZeroPadding1D(1)(x)),
        X,
        becomes="ZeroPadding MaxPooling1D",
    ),
    "max_free_time": case(lambda x: layers.MaxPooling1D(2)(x), (None, 4), becomes="MaxPooling1D"),
    "average_free_time_same": case(
        lambda x: layers.AveragePooling1D(3, strides=1, padding="same")(x), (None, 4), becomes="AveragePooling1D"
    ),
    "global_max_free_time": case(lambda x: layers.GlobalMaxPooling1D()(x), (None, 4), becomes="GlobalMaxPooling1D"),
    "global_average_after_conv": case(
        lambda x: layers.GlobalAveragePooling1D()(layers.Conv1D(5, 3, activation="relu")(x)),
        X,
        becomes="Conv1D GlobalAveragePooling1D",
    ),
    "max_after_conv": case(
        lambda x: layers.MaxPooling1D(2)(layers.Conv1D(5, 3, activation="relu")(x)), X, becomes="Conv1D MaxPooling1D"
    ),
}
TABLES = [Table("pooling", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_pooling(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
