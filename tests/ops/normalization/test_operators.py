"""ONNX' normalizations without a counterpart in Keras."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import check_node, const, floats, named, node, symbolic

IMAGE = floats(2, 3, 4, 5)
HOLES = np.where(np.arange(3)[:, None] == 1, 0, floats(3, 4)).astype(np.float32)

FAR = {mean: (mean + floats(2, 4, 5, 6, seed=4).astype(np.float64)).astype(np.float32) for mean in (1e4, 1e6)}
ONES = np.ones(4, np.float32)
ONE, ZERO = const(ONES, "float32"), const(0 * ONES, "float32")


def _normal(*axes: int, epsilon: float = 1e-5) -> Callable[..., np.ndarray]:
    """(x − mean) / √(variance + ε) over these axes in float64."""

    def exact(x: np.ndarray, *_: np.ndarray) -> np.ndarray:
        x = x.astype(np.float64)
        deviation = np.sqrt(x.var(axes, keepdims=True) + epsilon)
        return np.asarray((x - x.mean(axes, keepdims=True)) / deviation).astype(np.float32)

    return exact


def _groups(x: np.ndarray, *_: np.ndarray) -> np.ndarray:
    return _normal(2, 3, 4)(x.reshape(2, 2, 2, 5, 6)).reshape(x.shape)


def _by_channel(x: np.ndarray, *_: np.ndarray) -> np.ndarray:
    """BatchNormalization with a mean of 10⁴ and a variance of 4."""
    return np.asarray((x.astype(np.float64) - 1e4) / np.sqrt(4 + 1e-5)).astype(np.float32)


TABLE_NAME = "normalization_onnx"
NODES = {
    **{
        f"lp_{p}_{axis}": node("LpNormalization", symbolic(HOLES, 0), p=p, axis=axis)
        for p in (1, 2)
        for axis in (0, 1)
    },
    "lp_of_nothing": node("LpNormalization", HOLES.T.copy(), axis=0),
    "instance": node("InstanceNormalization", symbolic(IMAGE, 0), floats(3), floats(3, seed=2)),
    "instance_line": node("InstanceNormalization", IMAGE[..., 0], floats(3), floats(3, seed=2), epsilon=0.1),
    **{f"mean_variance_{len(axes)}": node("MeanVarianceNormalization", IMAGE, axes=axes) for axes in ([1], [0, 2, 3])},
    "mean_variance_of_equals": node(
        "MeanVarianceNormalization", np.full((1, 2, 3, 4), 0.1, np.float32), exact=np.zeros_like
    ),
    # Far from 0, ONNX Runtime itself is off by more than the bound.
    **{
        f"layer_far_{x:g}": node("LayerNormalization", FAR[x], const(np.ones(6), "float32"), exact=_normal(3))
        for x in FAR
    },
    **{f"instance_far_{x:g}": node("InstanceNormalization", FAR[x], ONES, 0 * ONES, exact=_normal(2, 3)) for x in FAR},
    **{
        f"group_far_{x:g}": node(
            "GroupNormalization", FAR[x], ONE, ZERO, num_groups=2, exact=_groups
        )
        for x in FAR
    },
    **{
        f"mean_variance_far_{x:g}": node("MeanVarianceNormalization", FAR[x], exact=_normal(0, 2, 3, epsilon=0))
        for x in FAR
    },
    "batch_far": node(
        "BatchNormalization", FAR[1e4], ONE, ZERO, const(1e4 * ONES, "float32"),
        const(4 * ONES, "float32"), exact=_by_channel,
    ),
    "batch_far_given": node(
        "BatchNormalization", FAR[1e4], ONES, 0 * ONES, 1e4 * ONES, 4 * ONES, exact=_by_channel,
    ),
}  # fmt: skip


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_normalization_onnx(key: str, results: Results) -> None:
    check_node(results[key])
