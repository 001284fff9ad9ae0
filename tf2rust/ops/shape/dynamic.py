"""Reshape, Expand, Tile, Squeeze and Unsqueeze by data: the second input decides about the shape of the result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.dtypes import DTYPES, INTEGERS
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos
from tf2rust.ops.core.layer import Layer, Value
from tf2rust.ops.core.parameters import decided_dims, dims_of_data, elements, is_data, length
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule

X, PARAMETER = Var("x"), Var("parameter")


@dataclass(eq=False, kw_only=True)
class DynamicShape(Layer):
    """A layer whose second input, a list of integers, decides about the shape of the output.

    ``decided`` are the data-dependent dimensions; None for a dimension that is known.
    """

    decided: tuple[str | None, ...]


@dataclass(eq=False, kw_only=True)
class DynamicReshape(DynamicShape):
    """The elements of the first input in a shape that the second input decides about.

    The second input holds the sizes (``reshape``), the axes to remove (``squeeze``) or the axes to insert
    (``unsqueeze``). A size 0 copies the size of the same axis unless ``allow_zero``.
    """

    is_data_movement = True
    method: str
    allow_zero: bool = False

    @property
    def kind(self) -> str:
        return self.method.capitalize()

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        """The same shape as far as it goes, the first axes of size 1, or new axes in front."""
        count = abs(self.y.rank - self.x.rank)
        if self.method == "unsqueeze":
            return {1: range(count)}
        if self.method == "squeeze":
            return {1: sorted(range(self.x.rank), key=lambda axis: self.x.shape[axis] != 1)[:count]}
        known = [d for d, name in zip(self.y.shape, self.decided, strict=True) if name is None]
        if not known:
            sizes = [*self.x.shape, *[1] * count]
            return {1: [*sizes[: self.y.rank - 1], -1] if self.y.rank else []}
        whole = product(known)
        rest = product(self.x.shape) // whole if whole != 0 else 1
        free = [i for i, name in enumerate(self.decided) if name is not None]
        return {1: [d if i not in free else rest if i == free[-1] else 1 for i, d in enumerate(self.y.shape)]}


@dataclass(eq=False, kw_only=True)
class DynamicExpand(DynamicShape):
    """The first input, broadcast with the shape in the second."""

    kind = "Expand"

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        own = [*[1] * (self.y.rank - self.x.rank), *self.x.shape]
        return {1: [2 if d == 1 else d for d in own[self.y.rank - _length(self.inputs[1]) :]]}


@dataclass(eq=False, kw_only=True)
class DynamicTile(DynamicShape):
    """The first input, repeated along every axis as often as the second input says."""

    kind = "Tile"

    def sample_parameters(self) -> dict[int, Sequence[Dim]]:
        return {1: [1 if axis == 0 else 2 for axis in range(self.x.rank)]}


def _length(parameter: Value) -> int:
    """The number of elements of a parameter, which is known."""
    size = parameter.shape[0] if parameter.shape else 1
    assert isinstance(size, int)
    return size


def reshaped_by_data(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    """The result of a Reshape to a shape that depends on data."""
    data, sizes = infos[node.x], elements(node.operand(1), infos, "shape")
    known: list[Dim | None] = []
    for axis, size in enumerate(sizes):
        copied = size == 0 and not node.attr("allowzero", 0)
        if copied and axis >= len(data.shape):
            raise InferenceError(f"it copies an axis that its input of rank {len(data.shape)} does not have")
        known.append(data.shape[axis] if copied else None if size == -1 else size)
    return [ValueInfo(data.dtype, dims_of_data(node.y, known), fill=data.fill)]


def expanded_by_data(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    """The result of an Expand to a shape that depends on data.

    An axis of the input whose size is a number other than 1 keeps it: no shape can broadcast it to another size.
    """
    data, sizes = infos[node.x], elements(node.operand(1), infos, "shape")
    rank = max(len(data.shape), len(sizes))
    own: list[Dim] = [*[1] * (rank - len(data.shape)), *data.shape]
    given: list[Dim | None] = [*[1] * (rank - len(sizes)), *sizes]
    known: list[Dim | None] = []
    for d, g in zip(own, given, strict=True):
        fixed = isinstance(d, int) and d != 1
        known.append(d if fixed or g == 1 else g if d == 1 else None)
    return [ValueInfo(data.dtype, dims_of_data(node.y, known), fill=data.fill)]


def tiled_by_data(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    """The result of a Tile with repeats that depend on data."""
    data, repeats = infos[node.x], elements(node.operand(1), infos, "repeats")
    if len(repeats) != len(data.shape):
        raise InferenceError(f"it has {len(repeats)} repeats for an input of rank {len(data.shape)}")
    known = [None if r is None else d * r for d, r in zip(data.shape, repeats, strict=True)]
    return [ValueInfo(data.dtype, dims_of_data(node.y, known), fill=data.fill)]


def squeezed_by_data(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    """The result of a Squeeze or Unsqueeze with axes that depend on data: their number decides about the rank."""
    data, count = infos[node.x], length(node.operand(1), infos, "axes")
    rank = len(data.shape) + (count if node.op == "Unsqueeze" else -count)
    if rank < 0:
        raise InferenceError(f"it removes {count} axes from a tensor of rank {len(data.shape)}")
    return [ValueInfo(data.dtype, dims_of_data(node.y, [None] * rank), fill=data.fill)]


@rule(Op("Reshape|Squeeze|Unsqueeze", X, PARAMETER))
def dynamic_reshape(m: Match, b: Builder) -> RuleResult:
    if reason := no_parameter(m, b):
        return m.reject(reason)
    inputs, y = [b.value(m["x"]), b.value(m["parameter"])], b.value(m.y)
    allow_zero = bool(m.root.attr("allowzero", 0))
    decided = decided_dims(m.y, y.shape)
    return DynamicReshape(method=m.root.op.lower(), allow_zero=allow_zero, decided=decided, inputs=inputs, outputs=[y])


@rule(Op("Expand|Tile", X, PARAMETER))
def dynamic_expand(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    if reason := no_parameter(m, b):
        return m.reject(reason)
    if x.dtype not in DTYPES:
        return m.reject(f"its input has the unsupported dtype {x.dtype} (supported: {', '.join(DTYPES)})")
    kind = DynamicExpand if m.root.op == "Expand" else DynamicTile
    return kind(decided=decided_dims(m.y, y.shape), inputs=[x, b.value(m["parameter"])], outputs=[y])


def no_parameter(m: Match, b: Builder) -> str | None:
    """Why the second input is not a list of integers that depends on data."""
    value = m["parameter"]
    if not is_data(value, b.infos):
        return "its second input is known at conversion"
    dtype = b.infos.dtype(value)
    return None if dtype in INTEGERS else f"its second input is {dtype}, but integers are expected"
