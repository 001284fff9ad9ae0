"""Softmax and LogSoftmax over one or several axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.core.inference import infers, normal_axis, same_shape
from tf2rust.ops.core.layer import Layer, Perm, Value
from tf2rust.ops.core.pattern import Match, Op, Scalar, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.where import choices_read, chosen
from tf2rust.ops.reduction.keepdims import is_along, spread
from tf2rust.ops.shape.transpose import Transpose, inverse, permute

X = Var("x")
infers("Softmax", "LogSoftmax")(same_shape)


@dataclass(eq=False, kw_only=True)
class Softmax(Layer):
    """exp(x − max) / Σ exp(x − max) along ``axis`` and the next ``span`` − 1 axes together, or the logarithm of it."""

    axis: int
    span: int = 1
    log: bool = False

    @property
    def kind(self) -> str:
        return "LogSoftmax" if self.log else "Softmax"

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        return None if perm is None or self.span > 1 else (replace(self, axis=perm[self.axis]), perm)

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched) and self.axis > 0

    def inplace_input(self) -> Value | None:
        return self.x


@rule(Op("Softmax|LogSoftmax", X, name="softmax"))
def softmax(m: Match, b: Builder) -> RuleResult:
    """Before operator set 13, the axis and all axes after it count as one."""
    x = b.value(m["x"])
    if x.dtype != "float32":
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32)")
    before = m.root.version < 13
    axis = normal_axis(m.root.attr("axis", 1 if before else -1), x.rank)
    span = x.rank - axis if before else 1
    log = m.root.op == "LogSoftmax"
    return Softmax(axis=axis, span=span, log=log, inputs=[x], outputs=[b.value(m.y)])


_HIGHEST = Op("ReduceMax", X, more=True, name="highest")
_FINITE = Op("Not", Op("Or", Op("IsInf", _HIGHEST), Op("IsNaN", _HIGHEST)), name="finite")
_FLOOR = chosen(_FINITE, _HIGHEST, Scalar("zero", 0.0), name="floor")
_POWERS = Op("Exp", Op("Sub", X, _FLOOR, name="moved"), name="powers")
_LOG_SUM = Op("Add", Op("Log", Op("ReduceSum", _POWERS, more=True, name="total")), _FLOOR, name="log_sum")


@rule(Op("Sub", X, _LOG_SUM, name="log"))
def log_softmax_over_axes(m: Match, b: Builder) -> RuleResult:
    """x − logsumexp(x), as Keras writes it for several axes."""
    return _over_axes(m, b, log=True)


@rule(Op("Exp", Op("Sub", X, _LOG_SUM, name="log")))
def softmax_over_axes(m: Match, b: Builder) -> RuleResult:
    """exp(x − logsumexp(x)), as Keras writes it for several axes."""
    return _over_axes(m, b, log=False)


def _over_axes(m: Match, b: Builder, *, log: bool) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    if x.dtype != "float32":
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32)")
    choices_read(m, "floor")
    m.node("IsInf").has("detect_negative"), m.node("IsInf").has("detect_positive")
    found = []
    for node in (m.node("highest"), m.node("total")):
        node.has("noop_with_empty_axes")
        if not node.attr("keepdims", 1):
            return m.reject("it does not keep the axes that it reduces over", node)
        found.append(sorted(normal_axis(a, x.rank) for a in b.infos.ints(node, "axes", 1) or range(x.rank)))
    axes = found[0]
    if axes != found[1]:
        return m.reject("maximum and sum run over different axes")
    if axes == list(range(axes[0], axes[-1] + 1)):
        return Softmax(axis=axes[0], span=len(axes), log=log, inputs=[x], outputs=[y])
    perm = (*(a for a in range(x.rank) if a not in axes), *axes)
    first = Transpose(perm=perm, inputs=[x], outputs=[b.temporary(x, permute(x.shape, perm))])
    middle = b.temporary(y, first.y.shape)
    layer = Softmax(axis=x.rank - len(axes), span=len(axes), log=log, inputs=[first.y], outputs=[middle])
    return [first, layer, Transpose(perm=inverse(perm), inputs=[middle], outputs=[y])]


_MAX = Op("Max", Scalar("minus_infinity", float("-inf")), Op("ReduceMax", X, more=True), name="floor")
_EXP = Op("Exp", Op("Sub", X, spread(_MAX)))
_SUM = Op("ReduceSum", _EXP, more=True)


@rule(Op("Div", _EXP, spread(_SUM)))
def softmax_spelled_out(m: Match, b: Builder) -> RuleResult:
    """exp(x − max(x)) / Σ, as JAX writes it."""
    x = b.value(m["x"])
    if x.dtype != "float32":
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: float32)")
    axes = set()
    for name in ("ReduceMax", "ReduceSum"):
        node = m.node(name)
        for attribute in ("keepdims", "noop_with_empty_axes"):
            node.has(attribute)
        found = b.infos.ints(node, "axes", 1)
        if found is None or len(found) != 1:
            return m.reject("it does not reduce over a single axis", node)
        axes.add(normal_axis(found[0], x.rank))
    if len(axes) != 1:
        return m.reject("maximum and sum run over different axes")
    (axis,) = axes
    if not all(is_along(m, b, name, x.shape, axis) for name in ("floor", "ReduceSum")):
        return m.reject("maximum and sum are not broadcast along the axis that they are reduced over")
    return Softmax(axis=axis, inputs=[x], outputs=[b.value(m.y)])
