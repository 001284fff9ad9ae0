"""Slice: a part of a tensor, with strides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tf2rust.ops.core.dims import Dim, least, maximum, minimum, symbols
from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers, normal_axis
from tf2rust.ops.core.layer import Dims, Layer, Perm
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.indexing.dynamic_slice import sliced_by_data, split_by_data
from tf2rust.ops.shape.reshape import Reshape

_OPEN = 10**9  # Exporters write "to the end" as one of several large numbers.


@dataclass(eq=False, kw_only=True)
class Slice(Layer):
    """Element i of an axis is element ``start + i · step`` of the input."""

    kind = "Slice"
    is_data_movement = True
    starts: Dims
    steps: tuple[int, ...]

    def propagate_transpose(self, perms: Sequence[Perm | None]) -> tuple[Layer, Perm] | None:
        perm = perms[0]
        if perm is None:
            return None
        order = [perm.index(axis) for axis in range(len(perm))]
        starts, steps = tuple(self.starts[i] for i in order), tuple(self.steps[i] for i in order)
        return replace(self, starts=starts, steps=steps), perm

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        whole = (self.starts[0], self.steps[0]) == (0, 1)
        return self.keeps_batch(batched) and whole and not symbols(self.starts) & symbols(self.x.shape[:1])

    def takes_last(self, axis: int) -> bool:
        """Whether this is ``x[..., -1:, ...]`` along ``axis``, and everything along the others."""
        return all(
            (own == 1 and size - start == 1) if i == axis else own == size
            for i, (own, size, start) in enumerate(zip(self.y.shape, self.x.shape, self.starts, strict=True))
        )

    def takes_first(self, axis: int) -> bool:
        """Whether this is ``x[..., :1, ...]`` along ``axis``, and everything along the others."""
        return all(
            (own == 1 and start == 0) if i == axis else own == size
            for i, (own, size, start) in enumerate(zip(self.y.shape, self.x.shape, self.starts, strict=True))
        )

    def reverses(self, axis: int) -> bool:
        """Whether this is ``x[..., ::-1, ...]`` along ``axis``."""
        return self.x.shape == self.y.shape and all(
            step == (-1 if i == axis else 1) for i, step in enumerate(self.steps)
        )


def _bound(index: Dim, size: Dim, lowest: int, highest: Dim, infos: ValueInfos) -> Dim:
    """A start or end as a position, clamped to lowest … highest."""
    if isinstance(index, int) and abs(index) >= _OPEN:
        return highest if index > 0 else lowest
    if isinstance(index, int) and isinstance(size, int):
        assert isinstance(highest, int)
        return min(max(index + size if index < 0 else index, lowest), highest)
    if isinstance(index, int):
        return size + index if index < 0 else minimum(index, highest)
    room = highest - index
    if isinstance(room, int):
        return index if room >= 0 else highest
    if any(name.startswith("step(") for name in index.symbols()):
        return index  # If a loop index is out of range, the layer reports it at run time.
    if least(index) is None and least(-index) is not None:
        infos.at_least(-index, 1)  # An index of 0 is not relative to the end.
        return maximum(size + index, lowest)
    infos.at_least(index, 0)
    return index  # If it is out of range, the layer reports it at run time.


def _indices(node: Node, infos: ValueInfos, name: str, index: int) -> Sequence[Dim] | None:
    """Starts or ends, which can be computed from shapes."""
    found = infos.dims(node.input(index))
    if found is None:
        return infos.ints(node, name, index)
    node.has(name)
    return found


def ranges(node: Node, infos: ValueInfos) -> tuple[Dims, tuple[int, ...], Dims]:
    """The starts, the steps and the output shape, for every axis."""
    shape = infos.shape(node.x)
    firsts, lasts = _indices(node, infos, "starts", 1), _indices(node, infos, "ends", 2)
    axes = infos.ints(node, "axes", 3) or list(range(len(firsts or [])))
    strides = infos.ints(node, "steps", 4) or [1] * len(axes)
    lengths = {"starts": len(firsts or []), "ends": len(lasts or []), "axes": len(axes), "steps": len(strides)}
    if len(set(lengths.values())) > 1:
        raise InferenceError(
            f"it has {', '.join(f'{n} {name}' for name, n in lengths.items())}, which must be equally many"
        )
    if 0 in strides:
        raise InferenceError("one of its steps is 0")
    starts: list[Dim] = [0] * len(shape)
    steps = [1] * len(shape)
    sizes = list(shape)
    for axis, first, last, step in zip(axes, firsts or [], lasts or [], strides, strict=True):
        at = normal_axis(axis, len(shape))
        size = shape[at]
        # Backwards, a start before the first element is clamped to it, but NumPy's slice would be empty.
        start = _bound(first, size, 0, size if step > 0 else size - 1, infos)
        end = _bound(last, size, 0, size, infos) if step > 0 else _bound(last, size, -1, size - 1, infos)
        span = (end - start + step - 1) // step if step > 0 else (start - end - step - 1) // -step
        sizes[at] = max(span, 0) if isinstance(span, int) else span
        starts[at], steps[at] = (start if sizes[at] != 0 else 0), step
    return tuple(starts), tuple(steps), tuple(sizes)


@infers("Slice")
def _slice(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    if (found := sliced_by_data(node, infos)) is not None:
        return found
    data = infos[node.x]
    starts, steps, shape = ranges(node, infos)
    if data.dims is not None and data.dims.ndim:
        picked = data.dims
        for axis, (start, step, size) in enumerate(zip(starts, steps, shape, strict=True)):
            picked = np.take(picked, [int(str(start)) + i * step for i in range(int(str(size)))], axis)
        return [ValueInfo.of_dims(picked, data.dtype)]
    return [ValueInfo(data.dtype, shape, fill=data.fill)]


@rule(Op("Slice", Var("x"), more=True, name="slice"))
def slice_(m: Match, b: Builder) -> RuleResult:
    x, y = b.value(m["x"]), b.value(m.y)
    for attribute in ("starts", "ends", "axes"):
        m.root.has(attribute)
    starts, steps, shape = ranges(m.root, b.infos)
    if shape == x.shape and all(s == 1 for s in steps):
        return Reshape(inputs=[x], outputs=[y])
    return Slice(starts=starts, steps=steps, inputs=[x], outputs=[y])


@infers("Split")
def _split(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    axis = normal_axis(node.attr("axis", 0), len(data.shape))
    if data.dims is not None and data.dims.ndim == 1:
        ends = np.cumsum(np.asarray(parts(node, infos, axis), dtype=object))[:-1].astype(int)
        return [ValueInfo.of_dims(part, data.dtype) for part in np.split(data.dims, ends)]
    return [
        ValueInfo(data.dtype, (*data.shape[:axis], size, *data.shape[axis + 1 :])) for size in parts(node, infos, axis)
    ]


def parts(node: Node, infos: ValueInfos, axis: int) -> list[Dim]:
    """The sizes of the parts; by default equal, or with a smaller last one."""
    if (sizes := split_by_data(node, infos)) is not None:
        return sizes
    given = infos.ints(node, "split", 1)
    if given is not None:
        return list(given)
    size, count = infos.shape(node.x)[axis], len(node.outputs)
    if not isinstance(size, int):
        raise InferenceError(f"it splits the symbolic dimension {size}; bind it with --dim")
    part = -(-size // count)
    return [min(part, size - i * part) for i in range(count)]


@rule(Op("Split", Var("x"), more=True))
def split(m: Match, b: Builder) -> RuleResult:
    """One Slice per part that is read."""
    x = b.value(m["x"])
    axis = normal_axis(m.root.attr("axis", 0), x.rank)
    m.root.has("num_outputs")
    if split_by_data(m.root, b.infos) is not None:
        return m.reject("its sizes depend on data")
    layers: list[Layer] = []
    start: Dim = 0
    for output, size in zip(m.root.outputs, parts(m.root, b.infos, axis), strict=True):
        starts = tuple(start if i == axis else 0 for i in range(x.rank))
        if output.uses() or output.is_graph_output():
            layers.append(Slice(starts=starts, steps=(1,) * x.rank, inputs=[x], outputs=[b.value(output)]))
        start = start + size
    return layers
