"""Reshape, Flatten, Squeeze, Unsqueeze and Identity: the same elements with another shape, at no cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf2rust.ops.core.dims import Dim, cancel, format_shape, product
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.layer import Dims, Layer
from tf2rust.ops.core.parameters import is_data
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.shape.dynamic import reshaped_by_data, squeezed_by_data

X = Var("x")


@dataclass(eq=False, kw_only=True)
class Reshape(Layer):
    """The input's elements with the output's shape: an alias, or a copy if the output has an allocation of its own."""

    kind = "Reshape"
    is_data_movement = True

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        """The elements keep their order, so samples stay together."""
        return all(batched)


def reshaped(info: ValueInfo, shape: Dims) -> ValueInfo:
    """The same contents with another shape, which must have the same number of elements."""
    dims = None
    if info.dims is not None and len(shape) <= 2 and all(isinstance(d, int) for d in shape):
        if product(shape) != info.dims.size:
            raise InferenceError(f"its {info.dims.size} elements do not match the shape {format_shape(shape)}")
        dims = info.dims.reshape([int(str(d)) for d in shape])
    return ValueInfo(info.dtype, shape, dims=dims, fill=info.fill)


@infers("Reshape")
def _reshape(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    target = infos.dims(node.input(1)) if node.version >= 5 else node.attr("shape")
    if target is None:
        return reshaped_by_data(node, infos)
    if not node.attr("allowzero", 0):
        if any(d == 0 for d in target[len(data.shape) :]):
            raise InferenceError(f"it copies an axis that its input of rank {len(data.shape)} does not have")
        target = [data.shape[i] if d == 0 else d for i, d in enumerate(target)]
    if sum(d == -1 for d in target) > 1:
        raise InferenceError("more than one of its sizes is -1")
    if -1 in target:
        known = product(d for d in target if d != -1)
        total = product(data.shape)
        target = [(0 if known == 0 else total // known) if d == -1 else d for d in target]
    else:
        _assume_as_many(data.shape, target, infos)
    return [reshaped(data, tuple(target))]


def _assume_as_many(given: Dims, wanted: Sequence[Dim], infos: ValueInfos) -> None:
    """Assumes that both shapes have the same number of elements, in terms of the sizes in which they differ."""
    infos.assumptions.unify(*cancel(product(given), product(wanted)))


@infers("Flatten")
def _flatten(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    axis = node.attr("axis", 1)
    if not -len(data.shape) <= axis <= len(data.shape):
        raise InferenceError(f"axis {axis} does not exist in a tensor of rank {len(data.shape)}")
    axis = axis + len(data.shape) if axis < 0 else axis
    return [ValueInfo(data.dtype, (product(data.shape[:axis]), product(data.shape[axis:])), fill=data.fill)]


@infers("Unsqueeze")
def _unsqueeze(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    if is_data(node.input(1), infos):
        return squeezed_by_data(node, infos)
    data = infos[node.x]
    axes = infos.ints(node, "axes", 1) or []
    rank = len(data.shape) + len(axes)
    positions = {normal_axis(a, rank) for a in axes}
    if len(positions) < len(axes):
        raise InferenceError(f"its axes {axes} contain an axis twice")
    sizes = iter(data.shape)
    return [reshaped(data, tuple(1 if i in positions else next(sizes) for i in range(rank)))]


@infers("Squeeze")
def _squeeze(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    if is_data(node.input(1), infos):
        return squeezed_by_data(node, infos)
    data = infos[node.x]
    axes = infos.ints(node, "axes", 1)
    rank = len(data.shape)
    positions = (
        {i for i, d in enumerate(data.shape) if d == 1} if axes is None else {normal_axis(a, rank) for a in axes}
    )
    if any(position >= rank for position in positions):
        raise InferenceError("it squeezes an axis of a scalar, which has none")
    if bad := [data.shape[i] for i in positions if isinstance(data.shape[i], int) and data.shape[i] != 1]:
        raise InferenceError(f"it squeezes an axis of size {bad[0]}, but only axes of size 1 can be squeezed")
    for position in positions:
        infos.assumptions.unify(data.shape[position], 1)
    return [reshaped(data, tuple(d for i, d in enumerate(data.shape) if i not in positions))]


@infers("Identity")
def _identity(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    return [infos[node.x]]


@rule(Op("Reshape|Flatten|Unsqueeze|Squeeze", X, more=True, name="view"))
def reshape(m: Match, b: Builder) -> RuleResult:
    """The shape function has already read the node's parameters."""
    for attribute in ("axes", "axis", "allowzero", "shape"):
        m.root.has(attribute)
    if m.root.op != "Flatten" and is_data(m.root.input(1), b.infos):
        return m.reject("its second input depends on data")
    return Reshape(inputs=[b.value(m["x"])], outputs=[b.value(m.y)])


@rule(Op("Identity", X))
def identity(m: Match, b: Builder) -> Layer:
    return Reshape(inputs=[b.value(m["x"])], outputs=[b.value(m.y)])
