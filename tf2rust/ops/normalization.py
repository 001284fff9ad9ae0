"""LayerNormalization, recognised from what exporters write for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.core.dims import product
from tf2rust.ops.core.facts import normal_axis
from tf2rust.ops.core.layer import Layer, Perm, RustCall, Weight, WeightRefs
from tf2rust.ops.core.pattern import Const, Match, Op, Optional, Scalar, Var
from tf2rust.ops.core.registry import Builder, Yield, rule
from tf2rust.ops.core.rust import rust_f32

X = Var("x")


@dataclass(eq=False, kw_only=True)
class LayerNormalization(Layer):
    """(x − mean) / √(variance + epsilon) · gamma + beta along ``axis``."""

    kind = "LayerNormalization"
    axis: int
    epsilon: float
    gamma: np.ndarray | None = None
    beta: np.ndarray | None = None

    def transposed(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        return None if perm is None else (replace(self, axis=perm[self.axis]), perm)

    def is_rowwise(self, by_row: Sequence[bool]) -> bool:
        return self.keeps_rows(by_row) and self.axis > 0

    def weights(self) -> list[Weight]:
        return [Weight(n, w) for n, w in (("gamma", self.gamma), ("beta", self.beta)) if w is not None]

    def rust_field(self, weights: WeightRefs) -> tuple[str, str]:
        return "LayerNorm<'w>", (
            f"LayerNorm {{ gamma: {weights.optional('gamma')}, beta: {weights.optional('beta')}, "
            f"epsilon: {rust_f32(self.epsilon)}, activation: Activation::Linear }}"
        )

    def rust_call(self, call: RustCall) -> str:
        shape = self.x.shape
        split = (product(shape[: self.axis]), shape[self.axis], product(shape[self.axis + 1 :]))
        return f"{call.field}.run(isa, {call.dims(split)}, {call.inputs[0]}, {call.outputs[0]})"

    def rust_imports(self) -> set[str]:
        return {"LayerNorm", "Activation"}


def _along(array: np.ndarray, axis: int, rank: int) -> np.ndarray | None:
    """A constant as a vector along ``axis``, if it does not vary along the others."""
    full = array.reshape((1,) * (rank - array.ndim) + array.shape)
    return full.reshape(-1) if full.shape[axis] == full.size else None


def _spread(inner: Op) -> Optional:
    reshaped = Optional(Op("Reshape", inner, Var(f"{inner.name}_shape"), name=f"{inner.name}_reshaped"))
    return Optional(Op("Expand", reshaped, Var(f"{inner.name}_full"), name=f"{inner.name}_spread"))


_MEAN = Op("Mul", Op("ReduceSum", X, more=True, name="sum"), Scalar("count"), name="mean")
_SQUARES = Op("ReduceSum", Op("Mul", X, X, name="squared"), more=True, name="sum_of_squares")
_MEAN_SQUARE = Op("Mul", _SQUARES, Scalar("count2"), name="mean_square")
_VARIANCE = Op(
    "Max",
    Scalar("zero", 0.0),
    Op("Sub", _MEAN_SQUARE, Op("Mul", _MEAN, _MEAN, name="mean_squared"), name="difference"),
    name="variance",
)
_SCALE = Op(
    "Mul",
    Op("Reciprocal", Op("Sqrt", Op("Add", _spread(_VARIANCE), Scalar("epsilon"), name="guarded"))),
    Const("gamma"),
    name="scale",
)


@rule(
    Op(
        "Add",
        Op("Mul", Op("Sub", X, _spread(_MEAN), name="centred"), _SCALE, name="scaled"),
        Const("beta"),
        name="shifted",
    )
)
def layer_normalization_one_pass(m: Match, b: Builder) -> Yield:
    """The variance as E[x²] − E[x]², as Flax writes it."""
    x = b.value(m["x"])
    axes = set()
    for name in ("sum", "sum_of_squares"):
        node = m.node(name)
        node.has("keepdims"), node.has("noop_with_empty_axes")
        axes.add(tuple(normal_axis(a, x.rank) for a in b.facts.ints(node, "axes", 1) or ()))
    if len(axes) != 1 or len(next(iter(axes))) != 1:
        return m.reject("mean and mean square are not taken over one and the same axis")
    axis = next(iter(axes))[0]
    size = x.shape[axis]
    if not isinstance(size, int) or any(abs(m.scalar(c) * size - 1) > 1e-5 for c in ("count", "count2")):
        return m.reject(f"the sums are not divided by the size {size} of axis {axis}")
    gamma, beta = _along(m.const("gamma"), axis, x.rank), _along(m.const("beta"), axis, x.rank)
    if gamma is None or beta is None or not gamma.size == beta.size == size:
        return m.reject("gamma and beta do not lie along the axis that is normalised")
    for name in ("mean_reshaped", "variance_reshaped"):
        if m.has(name):
            m.node(name).has("allowzero")
    return LayerNormalization(
        axis=axis,
        epsilon=m.scalar("epsilon"),
        gamma=gamma,
        beta=beta,
        inputs=[x],
        outputs=[b.value(m.root.ir.outputs[0])],
    )
