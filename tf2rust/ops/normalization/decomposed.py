"""Layer-, Group-, RMS- and UnitNormalization, recognised in the subgraphs that exporters write."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product as every

import numpy as np

from tf2rust.ops.core.dims import product
from tf2rust.ops.core.inference import normal_axis
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.pattern import Const, Match, Mismatch, Op, Scalar, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.normalization.layers import (
    GroupNormalization,
    LayerNormalization,
    RmsNormalization,
    UnitNormalization,
    along,
)
from tf2rust.ops.reduction.keepdims import is_along, spread

X = Var("x")


def _axes(m: Match, b: Builder, rank: int, *names: str) -> list[int] | None:
    """The common axes of all these reductions, with keepdims; None if they differ."""
    found = set()
    for name in names:
        node = m.node(name)
        node.has("noop_with_empty_axes")
        if not node.attr("keepdims", 1):
            return None
        found.add(tuple(sorted(normal_axis(a, rank) for a in b.infos.ints(node, "axes", 1) or range(rank))))
    return list(next(iter(found))) if len(found) == 1 else None


def _vector(m: Match, name: str, axes: Sequence[int], x: Value) -> np.ndarray | Mismatch | None:
    """gamma or beta along these axes; None if the pattern has none."""
    if not m.has(name):
        return None
    vector = along(m.const(name), axes, x.rank)
    size = product(x.shape[a] for a in axes)
    if vector is not None and vector.size == 1 and isinstance(size, int):
        vector = np.full(size, vector[0])
    return vector if vector is not None and vector.size == size else m.reject(f"its {name} has other axes")


_MEAN = Op("ReduceMean", X, more=True, name="mean")
_CENTRED = Op("Sub", X, _MEAN, name="centred")
_VARIANCE = Op("ReduceMean", Op("Mul", _CENTRED, _CENTRED, name="squared"), more=True, name="variance")
_RECIPROCAL = Op("Reciprocal", Op("Sqrt", Op("Add", _VARIANCE, Scalar("epsilon"), name="guarded")))


def _two_pass(scale: bool, center: bool) -> Op:
    """x·s + (−mean·s + beta) with s = gamma / √(variance + ε), as tf2onnx writes Keras' batch_normalization."""
    factor = Op("Mul", _RECIPROCAL, Const("gamma"), name="scale") if scale else _RECIPROCAL
    moved = Op("Mul", Op("Neg", _MEAN), factor, name="moved")
    offset = Op("Add", moved, Const("beta"), name="offset") if center else moved
    return Op("Add", Op("Mul", X, factor, name="scaled"), offset, name="normalised")


def _normalised(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    axes = _axes(m, b, x.rank, "mean", "variance")
    if not axes:
        return m.reject("mean and variance are not computed over the same axes")
    epsilon, rank = m.scalar("epsilon"), x.rank
    grouped = rank >= 3 and axes == [*range(1, rank - 2), rank - 1]
    whole = axes == list(range(axes[0], axes[-1] + 1))
    along_axes = axes if whole else [rank - 2, rank - 1]
    gamma, beta = _vector(m, "gamma", along_axes, x), _vector(m, "beta", along_axes, x)
    if isinstance(gamma, Mismatch):
        return gamma
    if isinstance(beta, Mismatch):
        return beta
    if whole:
        return LayerNormalization(
            axis=axes[0], span=len(axes), epsilon=epsilon, gamma=gamma, beta=beta, inputs=[x], outputs=[y]
        )
    groups = x.shape[-2]
    if not grouped or not isinstance(groups, int) or not isinstance(x.shape[-1], int):
        return m.reject(f"it normalises over the axes {axes}, which are neither adjacent nor groups of channels")
    return GroupNormalization(
        groups=groups, channel_axes=2, epsilon=epsilon, gamma=gamma, beta=beta, inputs=[x], outputs=[y]
    )


for _scale, _center in every((True, False), repeat=2):
    _suffix = {(True, True): "", (True, False): "_scaled", (False, True): "_centered", (False, False): "_plain"}
    rule(_two_pass(_scale, _center), name=f"normalization{_suffix[_scale, _center]}")(_normalised)


_POWER = Op("ReduceMean", Op("Pow", _CENTRED, Scalar("two", 2.0)), more=True, name="variance")


@rule(Op("Div", _CENTRED, Op("Sqrt", Op("Add", _POWER, Scalar("epsilon"), name="guarded"))))
def normalization_divided(m: Match, b: Builder) -> RuleResult:
    """(x − mean) / √(mean((x − mean)²) + ε), as PyTorch writes it. Gamma and beta are fused later."""
    return _normalised(m, b)


_SQUARES_OF_X = {"": Op("Mul", X, X, name="squared"), "_of_power": Op("Pow", X, Scalar("two", 2.0), name="squared")}


def _rms_root(squares: Op) -> Op:
    mean = Op("ReduceMean", squares, more=True, name="mean")
    return Op("Sqrt", Op("Add", mean, Scalar("epsilon"), name="guarded"))


def _rms_normalised(m: Match, b: Builder) -> RuleResult:
    """x / √(mean(x²) + ε) · gamma, as tf2onnx writes it."""
    x = b.value(m["x"])
    axes = _axes(m, b, x.rank, "mean")
    if not axes or axes != list(range(axes[0], axes[-1] + 1)):
        return m.reject("the mean is not computed over adjacent axes")
    gamma = _vector(m, "gamma", axes, x)
    if isinstance(gamma, Mismatch):
        return gamma
    y = b.value(m.y)
    return RmsNormalization(
        axis=axes[0], span=len(axes), epsilon=m.scalar("epsilon"), gamma=gamma, inputs=[x], outputs=[y]
    )


_SCALED_RECIPROCAL = Op("Mul", Op("Reciprocal", _rms_root(_SQUARES_OF_X[""])), Const("gamma"), name="scale")
rule(Op("Mul", X, _SCALED_RECIPROCAL, name="normalised"), name="rms_normalization")(_rms_normalised)
# Without gamma, as PyTorch writes it as well. A product with gamma is fused later.
for _power, _squares in _SQUARES_OF_X.items():
    _root = _rms_root(_squares)
    for _name, _whole in {
        "plain": Op("Mul", X, Op("Reciprocal", _root), name="normalised"),
        "quotient": Op("Mul", X, Op("Div", Scalar("one", 1.0), _root), name="normalised"),
        "divided": Op("Div", X, _root, name="normalised"),
    }.items():
        rule(_whole, name=f"rms_normalization_{_name}{_power}")(_rms_normalised)

_LENGTH = Op("Reciprocal", Op("Sqrt", Op("ReduceSum", Op("Mul", X, X, name="squared"), more=True, name="sum")))


@rule(Op("Mul", X, Op("Min", _LENGTH, Scalar("limit"), name="limited"), name="normalised"))
def unit_normalization(m: Match, b: Builder) -> RuleResult:
    """x · min(1 / ‖x‖, limit), as tf2onnx writes it."""
    x = b.value(m["x"])
    axes = _axes(m, b, x.rank, "sum")
    if not axes or axes != list(range(axes[0], axes[-1] + 1)):
        return m.reject("the sum is not computed over adjacent axes")
    y = b.value(m.y)
    return UnitNormalization(axis=axes[0], span=len(axes), limit=m.scalar("limit"), inputs=[x], outputs=[y])


_ONE_MEAN = Op("Mul", Op("ReduceSum", X, more=True, name="sum"), Scalar("count"), name="mean")
_SQUARES = Op("ReduceSum", Op("Mul", X, X, name="squared"), more=True, name="sum_of_squares")
_MEAN_SQUARE = Op("Mul", _SQUARES, Scalar("count2"), name="mean_square")
_ONE_PASS = Op(
    "Max",
    Scalar("zero", 0.0),
    Op("Sub", _MEAN_SQUARE, Op("Mul", _ONE_MEAN, _ONE_MEAN, name="mean_squared"), name="difference"),
    name="variance",
)
_SCALE = Op(
    "Mul",
    Op("Reciprocal", Op("Sqrt", Op("Add", spread(_ONE_PASS), Scalar("epsilon"), name="guarded"))),
    Const("gamma"),
    name="scale",
)


@rule(
    Op(
        "Add",
        Op("Mul", Op("Sub", X, spread(_ONE_MEAN), name="centred"), _SCALE, name="scaled"),
        Const("beta"),
        name="shifted",
    )
)
def layer_normalization_one_pass(m: Match, b: Builder) -> RuleResult:
    """With the variance E[x²] − E[x]², as Flax writes it."""
    x = b.value(m["x"])
    axes = set()
    for name in ("sum", "sum_of_squares"):
        node = m.node(name)
        node.has("keepdims"), node.has("noop_with_empty_axes")
        axes.add(tuple(normal_axis(a, x.rank) for a in b.infos.ints(node, "axes", 1) or ()))
    if len(axes) != 1 or len(next(iter(axes))) != 1:
        return m.reject("mean and mean square are not computed over the same single axis")
    axis = next(iter(axes))[0]
    size = x.shape[axis]
    if not isinstance(size, int) or any(abs(m.scalar(c) * size - 1) > 1e-5 for c in ("count", "count2")):
        return m.reject(f"the sums are not divided by the size {size} of axis {axis}")
    gamma, beta = along(m.const("gamma"), [axis], x.rank), along(m.const("beta"), [axis], x.rank)
    if gamma is None or beta is None or not gamma.size == beta.size == size:
        return m.reject("gamma and beta do not have the normalised axis")
    if not all(is_along(m, b, name, x.shape, axis) for name in ("mean", "variance")):
        return m.reject("mean and variance are not broadcast along the axis that they are computed over")
    made: Layer = LayerNormalization(
        axis=axis,
        epsilon=m.scalar("epsilon"),
        gamma=gamma,
        beta=beta,
        inputs=[x],
        outputs=[b.value(m.y)],
    )
    return made
