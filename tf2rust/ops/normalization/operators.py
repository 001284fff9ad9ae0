"""The ONNX operators for Layer-, Instance-, Group-, RMS-, Lp- and MeanVarianceNormalization."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers, normal_axis, same_shape
from tf2rust.ops.core.pattern import Const, Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.normalization.layers import GroupNormalization, LayerNormalization, RmsNormalization, UnitNormalization
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose, inverse, permute, wrap_channels_last

X = Var("x")
infers(
    "InstanceNormalization", "GroupNormalization", "RMSNormalization", "LpNormalization", "MeanVarianceNormalization"
)(same_shape)


@infers("LayerNormalization")
def _layer_normalization(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    x = infos[node.x]
    axis = normal_axis(node.attr("axis", -1), len(x.shape))
    statistics = ValueInfo("float32", (*x.shape[:axis], *(1 for _ in x.shape[axis:])))
    return [ValueInfo(x.dtype, x.shape), statistics, statistics][: len(node.outputs)]


def _used(m: Match) -> int:
    return sum(v.is_graph_output() or bool(v.uses()) for v in m.root.outputs)


@rule(Op("LayerNormalization|RMSNormalization", X, Const("scale"), more=True, name="norm"))
def normalization_op(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    if x.dtype != "float32" or m.root.attr("stash_type", 1) != 1 or _used(m) > 1:
        return m.reject(
            f"its input has the unsupported dtype {x.dtype} (supported: float32), or its mean is an output too"
        )
    axis = normal_axis(m.root.attr("axis", -1), x.rank)
    epsilon = m.root.attr("epsilon", 1e-5)
    shape = x.shape[axis:]
    if any(not isinstance(d, int) for d in shape):
        return m.reject("it normalises over a symbolic dimension; bind it with --dim")

    def spread(array: np.ndarray) -> np.ndarray:
        return np.broadcast_to(array, [int(str(d)) for d in shape]).reshape(-1).astype(np.float32, copy=False)

    beta = None
    if (given := m.root.input(2)) is not None:
        if (constant := b.infos.const(given)) is None:
            return m.reject("its bias is not a constant")
        beta = spread(constant)
    gamma, span = spread(m.const("scale")), x.rank - axis
    if m.root.op == "RMSNormalization":
        return RmsNormalization(axis=axis, span=span, epsilon=epsilon, gamma=gamma, inputs=[x], outputs=[y])
    return LayerNormalization(axis=axis, span=span, epsilon=epsilon, gamma=gamma, beta=beta, inputs=[x], outputs=[y])


@rule(Op("InstanceNormalization|GroupNormalization", X, Const("scale"), Const("bias"), name="norm"))
def group_normalization_op(m: Match, b: Builder) -> RuleResult:
    """Channels-first input and output. Before operator set 21, scale and bias are per group."""
    x, y = b.value(m["x"]), b.value(m.y)
    channels = x.shape[1]
    if x.dtype != "float32" or not isinstance(channels, int) or m.root.attr("stash_type", 1) != 1:
        return m.reject(
            f"its input {x.dtype} with {channels} channels is not supported (supported: float32 with a fixed "
            "number of channels)"
        )
    groups = m.root.attr("num_groups", channels)
    if channels % groups:
        return m.reject(f"{channels} channels cannot be split into {groups} groups")
    first, last = wrap_channels_last(x, y, b)
    gamma, beta = (np.repeat(v, channels // v.size).astype(np.float32) for v in (m.const("scale"), m.const("bias")))
    layer = GroupNormalization(
        groups=groups,
        epsilon=m.root.attr("epsilon", 1e-5),
        gamma=gamma,
        beta=beta,
        inputs=[first.y],
        outputs=[last.x],
    )
    return [first, layer, last]


@rule(Op("InstanceNormalization", X, Var("scale"), Var("bias")))
def instance_normalization_with_dynamic_scale(m: Match, b: Builder) -> RuleResult:
    """With scale and bias as inputs: a Multiply and an Add after the normalization."""
    values = [b.value(m[name]) for name in ("x", "scale", "bias")]
    x, y = values[0], b.value(m.y)
    if any(v.dtype != "float32" for v in values) or not isinstance(x.shape[1], int):
        return m.reject(f"its input {x} is not supported (supported: float32 with a fixed number of channels)")
    normal, scaled = b.temporary(y), b.temporary(y)
    first, last = wrap_channels_last(x, normal, b)
    layer = GroupNormalization(
        groups=x.shape[1],
        epsilon=m.root.attr("epsilon", 1e-5),
        gamma=None,
        beta=None,
        inputs=[first.y],
        outputs=[last.x],
    )
    columns = [Reshape(inputs=[v], outputs=[b.temporary(v, (*v.shape, *(1,) * (x.rank - 2)))]) for v in values[1:]]
    return [
        *(first, layer, last, *columns),
        Binary(function="Mul", inputs=[normal, columns[0].y], outputs=[scaled]),
        Binary(function="Add", inputs=[scaled, columns[1].y], outputs=[y]),
    ]


_INSTANCES = Op(
    "InstanceNormalization",
    Op("Reshape", X, Const("split"), name="grouped"),
    Const("scale"),
    Const("bias"),
    name="norm",
)


@rule(Op("Reshape", _INSTANCES, Var("shape"), name="joined"))
def group_normalization_reshaped(m: Match, b: Builder) -> RuleResult:
    """[n, c, …] reshaped to [n, groups, rest], normalized and reshaped back, as PyTorch writes it."""
    x, y = b.value(m["x"]), b.value(m.y)
    inner = b.infos.shape(m.node("grouped").y)
    channels, groups = x.shape[1], inner[1]
    m.node("grouped").has("allowzero"), m.root.has("allowzero")
    if x.shape != y.shape or len(inner) != 3 or inner[0] != x.shape[0] or x.dtype != "float32":
        return m.reject("the Reshapes do not just split and merge the channels")
    if not isinstance(channels, int) or not isinstance(groups, int) or channels % groups:
        return m.reject(f"{channels} channels cannot be split into {groups} groups")
    first, last = wrap_channels_last(x, y, b)
    gamma, beta = (np.repeat(m.const(v), channels // groups).astype(np.float32) for v in ("scale", "bias"))
    layer = GroupNormalization(
        groups=groups,
        epsilon=m.node("norm").attr("epsilon", 1e-5),
        gamma=None if (gamma == 1).all() else gamma,
        beta=None if not beta.any() else beta,
        inputs=[first.y],
        outputs=[last.x],
    )
    return [first, layer, last]


@rule(Op("LpNormalization", X))
def lp_normalization(m: Match, b: Builder) -> RuleResult:
    """x / ‖x‖ along one axis, and 0 if the norm is 0: the factor 1 / ‖x‖ is at most the largest finite number."""
    x = b.value(m["x"])
    axis, p = normal_axis(m.root.attr("axis", -1), x.rank), m.root.attr("p", 2)
    if x.dtype != "float32" or p not in (1, 2):
        return m.reject(f"its input {x.dtype} with p = {p} is not supported (supported: float32 with p = 1 or 2)")
    limit = float(np.finfo(np.float32).max)
    return UnitNormalization(axis=axis, p=p, limit=limit, inputs=[x], outputs=[b.value(m.y)])


@rule(Op("MeanVarianceNormalization", X))
def mean_variance_normalization(m: Match, b: Builder) -> RuleResult:
    """(x − mean) / (√variance + 10⁻⁹) over any axes.

    ONNX defines the variance as E[x²] − E[x]², which cancels if the mean is large.
    """
    x, y = b.value(m["x"]), b.value(m.y)
    axes = sorted({normal_axis(a, x.rank) for a in m.root.attr("axes", [0, 2, 3])})
    if x.dtype != "float32" or not axes:
        return m.reject(
            f"its input {x.dtype} with axes {axes} is not supported (supported: float32 with at least one axis)"
        )
    perm = (*(a for a in range(x.rank) if a not in axes), *axes)
    first = Transpose(perm=perm, inputs=[x], outputs=[b.temporary(x, permute(x.shape, perm))])
    layer = LayerNormalization(
        axis=x.rank - len(axes), span=len(axes), epsilon=1e-18, inputs=[first.y], outputs=[b.temporary(first.y)]
    )
    return [first, layer, Transpose(perm=inverse(perm), inputs=[layer.y], outputs=[y])]
