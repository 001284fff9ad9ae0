"""Mean, sum, maximum, minimum and product over axes, including global pooling."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.core.activation import Activation
from tf2rust.ops.core.dims import product
from tf2rust.ops.core.dtypes import NUMBERS
from tf2rust.ops.core.inference import Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.layer import Dims, Layer, Perm, Value
from tf2rust.ops.core.parameters import is_data
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.unary import Unary
from tf2rust.ops.reduction.axes_by_data import Reduction, reduced_by_data, reduction_by_data
from tf2rust.ops.shape.reshape import Reshape

_FUNCTIONS = {"ReduceMean": "Mean", "ReduceSum": "Sum", "ReduceMax": "Max", "ReduceMin": "Min", "ReduceProd": "Prod"}
_NORMS = {"ReduceL1": "L1", "ReduceL2": "L2", "ReduceSumSquare": "SumSquare", "ReduceLogSum": "Sum"}
_OF_FLAGS = ("ReduceMax", "ReduceMin")


@dataclass(eq=False, kw_only=True)
class Reduce(Layer):
    """``function`` over adjacent ``axes``, which are removed from the shape or, with ``keepdims``, become 1."""

    function: str
    axes: tuple[int, ...]
    keepdims: bool

    @property
    def kind(self) -> str:
        if self.axes == tuple(range(1, self.x.rank - 1)) and self.function in ("Mean", "Max"):
            return f"Global{'Average' if self.function == 'Mean' else 'Max'}Pooling{len(self.axes)}D"
        return self.function

    def params(self) -> dict[str, object]:
        return {"function": self.function.lower(), "axes": list(self.axes), "keepdims": self.keepdims}

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        if perm is None:
            return None
        axes = tuple(sorted(perm[axis] for axis in self.axes))
        if axes[-1] - axes[0] >= len(axes):
            return None
        moved = replace(self, axes=axes)
        if self.keepdims:
            return moved, perm
        rest = [a for a in perm if a not in axes]
        return moved, tuple(sorted(rest).index(a) for a in rest)

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched) and self.axes[0] > 0

    def fuse_consumer(self, consumer: Layer) -> Layer | None:
        """The same over the axis before these as well."""
        if not isinstance(consumer, Reduce) or (consumer.function, consumer.keepdims) != (self.function, self.keepdims):
            return None
        if consumer.axes[-1] != self.axes[0] - 1:
            return None
        return replace(self, axes=consumer.axes + self.axes)


def reduced_axes(node: Node, infos: ValueInfos) -> list[int]:
    """The axes that a node reduces, in order."""
    rank = len(infos.shape(node.x))
    if node.op.startswith("Global"):
        return list(range(2, rank))
    axes = infos.ints(node, "axes", 1)
    if not axes:
        return [] if node.attr("noop_with_empty_axes", 0) else list(range(rank))
    node.has("noop_with_empty_axes")
    return sorted(normal_axis(a, rank) for a in axes)


def reduced(shape: Dims, axes: Sequence[int], keepdims: bool) -> Dims:
    """The shape without these axes or, with ``keepdims``, with size 1 for them."""
    if keepdims:
        return tuple(1 if i in axes else d for i, d in enumerate(shape))
    return tuple(d for i, d in enumerate(shape) if i not in axes)


@infers(*_FUNCTIONS, *_NORMS, "ReduceLogSumExp", "GlobalAveragePool", "GlobalMaxPool")
def _reduce(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    keepdims = node.op.startswith("Global") or bool(node.attr("keepdims", 1))
    if is_data(node.input(1), infos):
        return [ValueInfo(data.dtype, reduced_by_data(node, infos, keepdims))]
    shape = reduced(data.shape, reduced_axes(node, infos), keepdims)
    if node.op == "ReduceProd" and data.dims is not None and len(data.shape) == 1 and shape in ((), (1,)):
        return [ValueInfo.of_dims(np.asarray([product(data.dims), None], dtype=object)[:-1].reshape(shape), data.dtype)]
    return [ValueInfo(data.dtype, shape)]


@rule(Op("|".join([*_FUNCTIONS, "GlobalAveragePool", "GlobalMaxPool"]), Var("x"), more=True, name="reduce"))
def reduce(m: Match, b: Builder) -> RuleResult:
    """Reduces one axis at a time, the last first. Adjacent axes are fused later."""
    x, y = b.value(m["x"]), b.value(m.y)
    floats = m.root.op in ("ReduceMean", "GlobalAveragePool")
    known = ("float32", "float64") if floats else NUMBERS + ("bool",) * (m.root.op in _OF_FLAGS)
    if x.dtype not in known:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(known)})")
    function = {"GlobalAveragePool": "Mean", "GlobalMaxPool": "Max"}.get(m.root.op) or _FUNCTIONS[m.root.op]
    own = _reduction(m, b)
    if not own.axes:
        return Reshape(inputs=[x], outputs=[y])
    if function == "Mean" and x.dtype == "float64":
        return _mean_of_doubles(m, b, own)
    return [*own.before, *chain(b, [function], own.axes, own.keepdims, own.x, own.y), *own.after]


def _mean_of_doubles(m: Match, b: Builder, own: Reduction) -> RuleResult:
    """The sum, divided by the number of elements, which must be known."""
    count = product(own.x.shape[axis] for axis in own.axes)
    if not isinstance(count, int):
        return m.reject("its input is float64, and the number of elements is symbolic; bind it with --dim")
    total = b.temporary(own.y)
    return [
        *own.before,
        *chain(b, ["Sum"], own.axes, own.keepdims, own.x, total),
        Binary(function="Div", constant=np.asarray(float(count)), inputs=[total], outputs=[own.y]),
        *own.after,
    ]


def _reduction(m: Match, b: Builder) -> Reduction:
    """The operands of a reduction."""
    keepdims = m.root.op.startswith("Global") or bool(m.root.attr("keepdims", 1))
    if is_data(m.root.input(1), b.infos):
        m.root.has("noop_with_empty_axes")
        return reduction_by_data(m, b, keepdims)
    return Reduction(b.value(m["x"]), reduced_axes(m.root, b.infos), keepdims, b.value(m.y), [], [])


def chain(b: Builder, functions: Sequence[str], axes: Sequence[int], keepdims: bool, x: Value, y: Value) -> list[Layer]:
    """One Reduce per axis, the last axis first; the last of ``functions`` is repeated."""
    layers: list[Layer] = []
    value = x
    for i, axis in enumerate(reversed(axes)):
        out = y if axis == axes[0] else b.temporary(y, reduced(value.shape, [axis], keepdims))
        function = functions[min(i, len(functions) - 1)]
        layers.append(Reduce(function=function, axes=(axis,), keepdims=keepdims, inputs=[value], outputs=[out]))
        value = out
    return layers


@rule(Op("|".join(_NORMS), Var("x"), more=True, name="norm"))
def reduce_norm(m: Match, b: Builder) -> RuleResult:
    """Over several axes, a sum of squares continues as a sum, and a norm as a norm. A logarithm comes last."""
    own = _reduction(m, b)
    x, y, axes, keepdims = own.x, own.y, own.axes, own.keepdims
    if x.dtype != "float32" or not axes:
        return m.reject(
            f"its input is {x.dtype}, or it has no axes, which is not supported (supported: float32 over axes)"
        )
    functions = {"SumSquare": ["SumSquare", "Sum"]}.get(_NORMS[m.root.op], [_NORMS[m.root.op]])
    if m.root.op != "ReduceLogSum":
        return [*own.before, *chain(b, functions, axes, keepdims, x, y), *own.after]
    total = b.temporary(y)
    log = Unary(function="Log", inputs=[total], outputs=[y])
    return [*own.before, *chain(b, functions, axes, keepdims, x, total), log, *own.after]


@rule(Op("ReduceLogSumExp", Var("x"), more=True))
def reduce_log_sum_exp(m: Match, b: Builder) -> RuleResult:
    """log Σ exp(x − max) + max, which cannot overflow."""
    own = _reduction(m, b)
    x, y, axes, keepdims = own.x, own.y, own.axes, own.keepdims
    if x.dtype not in ("float32", "float64") or not axes:
        return m.reject(
            f"its input is {x.dtype}, or it has no axes, which is not supported (supported: floats over axes)"
        )
    highest = b.temporary(x, reduced(x.shape, axes, True))
    # With an infinite maximum, the difference would be NaN.
    finite, moved, powers = b.temporary(highest), b.temporary(x), b.temporary(x)
    total, log, flat = b.temporary(y), b.temporary(y), b.temporary(y)
    bounds = np.finfo(x.dtype)
    if x.dtype == "float32":
        bounded: list[Layer] = [_activation("clip", highest, finite, float(bounds.min), float(bounds.max))]
        power: Layer = _activation("exponential", moved, powers)
    else:
        above = b.temporary(highest)
        bounded = [
            Binary(function="Max", constant=np.asarray(bounds.min), inputs=[highest], outputs=[above]),
            Binary(function="Min", constant=np.asarray(bounds.max), inputs=[above], outputs=[finite]),
        ]
        power = Unary(function="Exp", inputs=[moved], outputs=[powers])
    return [
        *own.before,
        *chain(b, ["Max"], axes, True, x, highest),
        *bounded,
        Binary(function="Sub", inputs=[x, finite], outputs=[moved]),
        power,
        *chain(b, ["Sum"], axes, keepdims, powers, total),
        Unary(function="Log", inputs=[total], outputs=[log]),
        Reshape(inputs=[finite], outputs=[flat]),
        Binary(function="Add", inputs=[log, flat], outputs=[y]),
        *own.after,
    ]


def _activation(name: str, x: Value, y: Value, *args: float) -> ActivationLayer:
    return ActivationLayer(activation=Activation(name, args), inputs=[x], outputs=[y])
