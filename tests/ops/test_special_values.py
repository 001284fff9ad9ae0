"""NaN, infinities, −0, denormals and the largest numbers in every function of floats.

TensorFlow and ONNX Runtime give the expected results, with three exceptions. If one of several numbers is NaN, their
results depend on its position (maxima and their indices, sorting, TensorFlow's softmax); NumPy is the reference there.
They return NaN for ∞ · 0 where a function has a limit, which tf-layers returns; its own tests check this. TensorFlow
takes denormals for zeros.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from tests.ops.cases import Case, In, Table, case, check, keras, parametrised
from tests.ops.conftest import Outcomes, Results
from tests.ops.nodes import Node, check_node, const, named, node

INF, NAN = np.inf, np.nan
MAX, TINY, DENORMAL = 3.4028235e38, 1.1754944e-38, 1e-42
SPECIAL = np.asarray(
    [NAN, INF, -INF, 0.0, -0.0, DENORMAL, -DENORMAL, TINY, -TINY, MAX, -MAX, 1, -1, 0.5, -0.5, 88, -88, 104, -104, 1e10,
     -1e10, 2, -2, 1e-6], np.float32,
)  # fmt: skip
LEFT, RIGHT = (np.ascontiguousarray(a) for a in np.meshgrid(SPECIAL, SPECIAL, indexing="ij"))
ROWS = np.asarray(
    [
        [1, 2, 3, 4],
        [NAN, 1, 2, 3],
        [1, 2, 3, NAN],
        [INF, 1, 2, 3],
        [1, -INF, 2, 3],
        [INF, INF, 1, 2],
        [-INF, -INF, -INF, -INF],
        [INF, -INF, 1, 2],
        [INF, NAN, 1, 2],
        [-INF, NAN, -INF, -INF],
        [MAX, 1, -MAX, 0],
        [-0.0, 0.0, -0.0, 0.0],
        [1e20, 1e20, 1, 1],
        [NAN, NAN, NAN, NAN],
    ],
    np.float32,
)
COLUMNS = np.ascontiguousarray(ROWS.T)
SMALL = ROWS[np.nanmax(np.where(np.isinf(ROWS), 0, np.abs(ROWS)), axis=1, initial=0) < 1e10]
NORMAL = SPECIAL[~(np.abs(SPECIAL) == DENORMAL)]
LEFT_NORMAL, RIGHT_NORMAL = (np.ascontiguousarray(a) for a in np.meshgrid(NORMAL, NORMAL, indexing="ij"))
BOUNDED = SPECIAL[~np.isinf(SPECIAL)]
WITH_LIMITS: tuple[str, ...] = (
    "Softsign",
    "Mish",
    "HardSwish",
    "Gelu",
    "gelu",
    "softsign",
    "silu",
    "mish",
    "squareplus",
)
UNARY = [
    "Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Ceil", "Cos", "Cosh", "Erf", "Exp", "Floor", "Log",
    "Neg", "Reciprocal", "Round", "Sign", "Sin", "Sinh", "Sqrt", "Tan", "Relu", "LeakyRelu", "ThresholdedRelu",
    "Elu", "Celu", "Selu", "Sigmoid", "HardSigmoid", "HardSwish", "Softplus", "Softsign", "Tanh", "Mish", "Gelu",
    "IsNaN", "IsInf",
]  # fmt: skip
BINARY = [
    "Add", "Sub", "Mul", "Div", "Pow", "Max", "Min", "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual",
    "PRelu",
]  # fmt: skip


def _largest(x: np.ndarray, axis: int) -> np.ndarray:
    """1 at the first maximum, 0 elsewhere."""
    return np.asarray(np.moveaxis(np.eye(x.shape[axis], dtype=x.dtype)[np.argmax(x, axis)], -1, axis))


Exact = Callable[..., np.ndarray]


def _along(function: Exact, axis: int) -> Exact:
    return lambda x, *_: np.asarray(function(x, axis=axis))


REDUCTIONS: dict[str, Exact | None] = {
    "Max": partial(np.max, keepdims=True),
    "Min": partial(np.min, keepdims=True),
    **dict.fromkeys(["Sum", "Mean", "Prod", "L1", "L2", "SumSquare", "LogSum", "LogSumExp"]),
}
ALONG_AXIS: dict[str, Exact | None] = {
    "ArgMax": partial(np.argmax, keepdims=True),
    "ArgMin": partial(np.argmin, keepdims=True),
    "Hardmax": _largest,
    **dict.fromkeys(["Softmax", "LogSoftmax", "LpNormalization"]),
}
TABLE_NAME = "special"
NODES: dict[str, Node] = {
    **{op.lower(): node(op, BOUNDED if op in WITH_LIMITS else SPECIAL) for op in UNARY},
    **{op.lower(): node(op, LEFT, RIGHT) for op in BINARY},
    "fmod": node("Mod", LEFT, RIGHT, fmod=1),
    "clip": node("Clip", SPECIAL, const(-1, "float32"), const(3, "float32")),
    "clip_below": node("Clip", SPECIAL, None, const(3, "float32")),
    "clip_above": node("Clip", SPECIAL, const(-1, "float32")),
    "clip_given": node("Clip", SPECIAL, np.asarray(-1, np.float32), np.asarray(3, np.float32)),
    "where": node("Where", np.arange(24) % 2 == 0, SPECIAL, SPECIAL[::-1].copy()),
    **{
        f"reduce_{op.lower()}_{name}": node(f"Reduce{op}", x, const([axis]), exact=exact and _along(exact, axis))
        for op, exact in REDUCTIONS.items()
        for name, x, axis in (("rows", SMALL, 1), ("columns", np.ascontiguousarray(SMALL.T), 0))
    },
    **{
        f"{op.lower()}_{name}": node(op, x, axis=axis, exact=exact and _along(exact, axis))
        for op, exact in ALONG_AXIS.items()
        for name, x, axis in (("rows", ROWS, 1), ("columns", COLUMNS, 0))
    },
    "shrink": node("Shrink", SPECIAL, lambd=0.5, bias=0.25),
    "argmax_last": node(
        "ArgMax", ROWS, axis=1, select_last_index=1, exact=lambda x: 3 - np.argmax(x[:, ::-1], 1, keepdims=True)
    ),
    "top_k": node("TopK", ROWS, const([2]), axis=1, outputs=2),
    "top_k_smallest": node("TopK", ROWS, const([2]), axis=1, outputs=2, largest=0),
    "cumulated": node("CumSum", ROWS, const(1)),
    **{
        f"{op.lower()}_{size}": node(op, SMALL[:, None], kernel_shape=[size], pads=[1, 1])
        for op in ("AveragePool", "LpPool")
        for size in (2, 3)
    },
    "max_pool": node("MaxPool", ROWS[:, None], kernel_shape=[2], exact=lambda x: np.maximum(x[..., :-1], x[..., 1:])),
    "layer_normalization": node("LayerNormalization", SMALL, const(np.ones(4), "float32")),
    "instance_normalization": node("InstanceNormalization", SMALL[:, None], *np.ones((2, 1), np.float32)),
    "nonzero": node("NonZero", SPECIAL),
    "cast_to_bool": node("Cast", SPECIAL, to=9),
    "round_trip_half": node("Cast", SPECIAL, to=10),
    "unique": node("Unique", np.asarray([2, INF, -INF, 2, 1], np.float32), outputs=4),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_special_values(key: str, results: Results) -> None:
    check_node(results[key])


layers, ops = keras.layers, keras.ops


def _fed(array: np.ndarray) -> In:
    """The input whose three samples are these numbers."""
    rows = np.stack([array] * 3)
    return In(array.shape, "float32", lambda *_: rows)


ACTIVATIONS = [
    "relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "sigmoid", "tanh", "softplus", "softsign", "silu",
    "mish", "exponential", "hard_sigmoid", "hard_tanh", "hard_shrink", "soft_shrink", "tanh_shrink", "squareplus",
    "sparse_plus", "sparse_sigmoid", "log_sigmoid", "glu",
]  # fmt: skip
UNARY_KERAS = [
    "abs", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctanh", "ceil", "cos", "cosh", "erf", "exp",
    "expm1", "floor", "isfinite", "isinf", "isnan", "log", "log10", "log1p", "log2", "negative", "reciprocal",
    "round", "rsqrt", "sign", "sin", "sinh", "sqrt", "square", "tan", "logical_not",
]  # fmt: skip
BINARY_KERAS = [
    "add", "subtract", "multiply", "divide", "true_divide", "floor_divide", "maximum", "minimum", "power", "equal",
    "less", "greater", "not_equal", "less_equal", "greater_equal", "logaddexp", "divide_no_nan",
    "squared_difference",
]  # fmt: skip
ALONG = ["max", "min", "sum", "mean", "prod", "var", "std", "logsumexp", "all", "any"]

TABLE: dict[str, Case] = {
    **{
        f"activation_{name}": case(
            lambda x, name=name: layers.Activation(name)(x),
            _fed(NORMAL[~(np.abs(NORMAL) > 1e10)] if name in WITH_LIMITS else NORMAL),
        )
        for name in ACTIVATIONS
    },
    **{
        f"unary_{name}": case(lambda x, name=name: getattr(ops, name)(x), _fed(NORMAL))
        for name in UNARY_KERAS
        if hasattr(ops, name)
    },
    **{
        f"binary_{name}": case(lambda x, y, name=name: getattr(ops, name)(x, y), _fed(LEFT_NORMAL), _fed(RIGHT_NORMAL))
        for name in BINARY_KERAS
        if hasattr(ops, name)
    },
    **{f"along_{name}": case(lambda x, name=name: getattr(ops, name)(x, axis=-1), _fed(SMALL)) for name in ALONG},
    **{
        f"layer_{name}": case(lambda x, f=f: f(x), _fed(SMALL))
        for name, f in {
            "log_softmax": ops.log_softmax,
            "normalize": ops.normalize,
            "unit": lambda x: layers.UnitNormalization()(x),
            "layer_normalization": lambda x: layers.LayerNormalization()(x),
            "rms_normalization": lambda x: layers.RMSNormalization()(x),
            "average_pool": lambda x: layers.AveragePooling1D(2, padding="same")(x),
            "global_max": lambda x: layers.GlobalMaxPooling1D()(x),
            "clip": lambda x: ops.clip(x, -1, 2),
            "relu_with": lambda x: layers.ReLU(max_value=2, negative_slope=0.1, threshold=0.5)(x),
            "nan_to_num": lambda x: ops.nan_to_num(x),
            "threshold": lambda x: ops.threshold(x, 0.5, 0.25),
            "where": lambda x: ops.where(x > 1, x, 0.0),
            "cumsum": lambda x: ops.cumsum(x, axis=-1),
            "discretization": lambda x: layers.Discretization([0.0, 1.0, 2.5])(x),
            "discretization_one_hot": lambda x: layers.Discretization([0.0, 1.0, 2.5], output_mode="one_hot")(x[:, 0]),
            "digitize": lambda x: ops.digitize(x, np.asarray([0.0, 1.0, 2.5], np.float32)),
            "rescaling": lambda x: layers.Rescaling(2.0, offset=1.0)(x),
        }.items()
    },
}
TABLES = [Table("special", TABLE)]


@pytest.mark.parametrize(("table", "name", "item"), parametrised(TABLES))
def test_special_values_of_keras(outcomes: Outcomes, table: str, name: str, item: Case) -> None:
    check(outcomes[table, name], item)
