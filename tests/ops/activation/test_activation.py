"""Every activation of both generations of Keras: alone, and inside the layer before it."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised, tf_keras
from tests.ops.conftest import Outcomes

layers = keras.layers


def _far(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers around zero, at the kinks of all functions, and the largest and smallest."""
    values = np.concatenate([rng.normal(0, 3, 200), [-1e4, 1e4, -88.0, 88.0, -20.0, 20.0, 0.0, -0.0]])
    kinks = [-3.0, 3.0, 6.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, -2.5, 2.5]
    return np.resize(np.concatenate([[-1e4, 1e4, 0.0, -0.0], kinks, values]), shape)


def _near(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    return rng.normal(0, 4, shape)


FAR = In((77,), feed=_far)
NEAR = In((77,), feed=_near)

# Keras 3's names, and whether the function is one layer (what else it is stands in the table below).
NAMES = [
    "relu",
    "leaky_relu",
    "relu6",
    "softplus",
    "softsign",
    "tanh",
    "sigmoid",
    "log_sigmoid",
    "hard_sigmoid",
    "hard_silu",
    "hard_tanh",
    "silu",
    "swish",
    "selu",
    "elu",
    "celu",
    "gelu",
    "mish",
    "tanh_shrink",
    "hard_shrink",
    "soft_shrink",
    "squareplus",
    "sparse_plus",
    "sparse_sigmoid",
]


def _name_of(**options: float | None) -> str:
    return "_".join(f"{k}_{v}".replace(".", "_").replace("-", "m") for k, v in options.items())


def _relu_cases(kit: Any) -> dict[str, Case]:
    """Every combination of ReLU's three options."""
    table = {}
    for high, slope, threshold in itertools.product((None, 2.5), (0.0, 0.1), (0.0, 0.5)):
        options = {"max_value": high, "negative_slope": slope, "threshold": threshold}
        table[f"relu_{_name_of(**options)}"] = case(
            lambda x, o=options: kit.layers.ReLU(**o)(x), FAR, becomes="Activation"
        )
    return table


def _inside(name: str) -> Case:
    return case(lambda x: layers.Dense(5, activation=name)(x), (7,), becomes="Dense")


def _inside_conv(name: str) -> Case:
    return case(lambda x: layers.Conv1D(4, 3, padding="causal", activation=name)(x), (8, 3), becomes="Conv1D")


KERAS3: dict[str, Case] = {
    **{name: case(lambda x, n=name: layers.Activation(n)(x), FAR, becomes="Activation") for name in NAMES},
    "linear": case(lambda x: layers.Activation("linear")(x), FAR, becomes=""),
    "exponential": case(lambda x: layers.Activation("exponential")(x), NEAR, becomes="Activation"),
    "gelu_approximate": case(lambda x: keras.ops.gelu(x, approximate=True), FAR, becomes="Activation"),
    **_relu_cases(keras),
    "leaky_relu_layer": case(lambda x: layers.LeakyReLU(0.3)(x), FAR, becomes="Activation"),
    "elu_alpha": case(lambda x: layers.ELU(0.7)(x), FAR, becomes="Activation"),
    "celu_alpha": case(lambda x: keras.ops.celu(x, alpha=0.6), FAR, becomes="Activation"),
    "hard_shrink_wide": case(lambda x: keras.ops.hard_shrink(x, threshold=1.5), FAR, becomes="Activation"),
    "soft_shrink_wide": case(lambda x: keras.ops.soft_shrink(x, threshold=1.5), FAR, becomes="Activation"),
    "threshold_moved": case(lambda x: keras.ops.threshold(x, 1.5, -2.0), FAR),
    "prelu": case(lambda x: layers.PReLU()(x), (4, 6), becomes="PReLU"),
    "prelu_shared": case(lambda x: layers.PReLU(shared_axes=[1])(x), (4, 6), becomes="PReLU"),
    "prelu_shared_image": case(lambda x: layers.PReLU(shared_axes=[1, 2])(x), (3, 4, 5), becomes="PReLU"),
    "prelu_in_dense": case(lambda x: layers.PReLU()(layers.Dense(21)(x)), (7,), becomes="Dense"),
    "prelu_in_conv": case(
        lambda x: layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(5, 3)(x)), (7, 8, 3), becomes="Conv2D"
    ),
    "prelu_in_winograd": case(
        lambda x: layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(36, 3)(x)), (14, 14, 16), becomes="Conv2D"
    ),
    "prelu_in_depthwise": case(
        lambda x: layers.PReLU(shared_axes=[1, 2])(layers.DepthwiseConv2D(3)(x)), (7, 8, 21), becomes="DepthwiseConv2D"
    ),
    "prelu_behind_residual": case(
        lambda x: layers.PReLU(shared_axes=[1])(layers.Add()([x, layers.Conv1D(5, 3, padding="same")(x)])),
        (8, 5),
        becomes="Conv1D",
    ),
    "leaky_relu_in_conv": case(lambda x: layers.LeakyReLU(0.3)(layers.Conv1D(5, 3)(x)), (8, 3), becomes="Conv1D"),
    "glu": case(lambda x: layers.Activation("glu")(x), (4, 6)),
    "glu_axis": case(lambda x: keras.ops.glu(x, axis=1), (4, 6)),
    **{f"dense_{name}": _inside(name) for name in NAMES},
    **{f"conv_{name}": _inside_conv(name) for name in NAMES},
    "dense_relu_with_options": case(
        lambda x: layers.ReLU(max_value=2.5, negative_slope=0.1, threshold=0.5)(layers.Dense(5)(x)),
        (7,),
        becomes="Dense",
    ),
}

_K2 = tf_keras.layers
KERAS2: dict[str, Case] = {
    **{
        f"k2_{name}": case(lambda x, n=name: _K2.Activation(n)(x), FAR, becomes="Activation")
        for name in [
            "relu",
            "sigmoid",
            "hard_sigmoid",
            "tanh",
            "softplus",
            "softsign",
            "swish",
            "selu",
            "elu",
            "gelu",
            "mish",
        ]
    },
    **{f"k2_{name}": item for name, item in _relu_cases(tf_keras).items()},
    "k2_thresholded_relu": case(lambda x: _K2.ThresholdedReLU(0.8)(x), FAR, becomes="Activation"),
    "k2_leaky_relu": case(lambda x: _K2.LeakyReLU(0.2)(x), FAR, becomes="Activation"),
    "k2_elu": case(lambda x: _K2.ELU(0.7)(x), FAR, becomes="Activation"),
    "k2_prelu": case(lambda x: _K2.PReLU(shared_axes=[1])(x), (4, 6), becomes="PReLU"),
    "k2_dense_hard_sigmoid": case(lambda x: _K2.Dense(5, activation="hard_sigmoid")(x), (7,), becomes="Dense"),
}

TABLES = [Table("activations3", KERAS3), Table("activations2", KERAS2, tf_keras, ".h5")]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_activation(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
