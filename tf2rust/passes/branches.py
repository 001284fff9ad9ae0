"""Equal branches over the slices of an axis, joined again, run once over all slices.

Keras' TimeDistributed applies its layer to each step on its own:

    x ─ Slice(i) ─ Reshape ─ Dense ─ Reshape ─ Concatenate     for each step i
    x ─ Reshape ─ Dense ─ Reshape                              over batch · steps rows

The layers of a branch must treat every row of the batch on its own, so that steps may become rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from tf2rust.ops.core.dims import Dim
from tf2rust.ops.core.layer import Dims, Layer, LayerGraph, Value
from tf2rust.ops.indexing.slice import Slice
from tf2rust.ops.shape.concat import Concatenate
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose
from tf2rust.passes.compare import same_layer


@dataclass(frozen=True)
class _Branch:
    """``taken`` reads ``x[:, i]`` or ``x[i]``, ``layers`` work on the rest, and ``last`` gives the axis back."""

    taken: Slice
    first: Reshape
    layers: tuple[Layer, ...]
    last: Reshape

    def all(self) -> tuple[Layer, ...]:
        return (self.taken, self.first, *self.layers, self.last)


def merge_branches(graph: LayerGraph) -> bool:
    """Replace the branches of each Concatenate that allows it; return whether there was one."""
    made = {value: layer for layer in graph.layers for value in layer.outputs}
    readers = graph.consumers()
    kept = {value for _, value in graph.outputs}
    merged = False
    for concat in [layer for layer in graph.layers if isinstance(layer, Concatenate)]:
        branches = [_branch(value, made, readers, kept) for value in concat.inputs]
        whole = [branch for branch in branches if branch is not None]
        if len(whole) < 2 or len(whole) != len(branches) or not _are_equal(whole):
            continue
        new = _merged(concat, whole)
        if new is None:
            continue
        gone = {layer for branch in whole for layer in branch.all()}
        at = graph.layers.index(concat)
        before = [layer for layer in graph.layers[:at] if layer not in gone]
        graph.layers = [*before, *new, *graph.layers[at + 1 :]]
        merged = True
    return merged


def _branch(
    value: Value, made: dict[Value, Layer], readers: dict[Value, list[Layer]], kept: set[Value]
) -> _Branch | None:
    """The branch that ends in ``value``: all of its values have one reader, all of its layers one input."""
    found: list[Layer] = []
    while not found or not isinstance(found[-1], Slice):
        layer = made.get(value)
        if layer is None or len(layer.inputs) != 1 or len(layer.outputs) != 1 or layer.bodies():
            return None
        if value in kept or len(readers[value]) != 1:
            return None
        found.append(layer)
        value = layer.x
    if len(found) < 4:
        return None
    last, *layers, first, taken = found
    if not isinstance(first, Reshape) or not isinstance(last, Reshape) or not isinstance(taken, Slice):
        return None
    return _Branch(taken, first, tuple(reversed(layers)), last)


def _are_equal(branches: Sequence[_Branch]) -> bool:
    """Whether all branches compute the same, each of another slice of the same axis, in order."""
    model = branches[0]
    axis = _sliced_axis(model.taken)
    if model.taken.x.shape[axis] != len(branches):
        return False
    for i, branch in enumerate(branches):
        starts = tuple(i if at == axis else 0 for at in range(model.taken.x.rank))
        if branch.taken.x is not model.taken.x or branch.taken.starts != starts:
            return False
        if set(branch.taken.steps) != {1} or len(branch.layers) != len(model.layers):
            return False
        if not all(same_layer(*pair, shared=False) for pair in zip(branch.all()[1:], model.all()[1:], strict=True)):
            return False
    return True


def _sliced_axis(taken: Slice) -> int:
    """The first axis of which the slice is a part."""
    sizes = zip(taken.x.shape, taken.y.shape, strict=True)
    return next((axis for axis, (before, after) in enumerate(sizes) if before != after), 0)


def _merged(concat: Concatenate, branches: Sequence[_Branch]) -> list[Layer] | None:
    """The layers in the place of the branches and of ``concat``; None if the shapes do not allow it."""
    model, steps = branches[0], len(branches)
    x, axis = model.taken.x, _sliced_axis(model.taken)
    rows = model.first.y.shape[0] if model.first.y.rank else 1
    rest, results = model.first.y.shape[1:], model.last.x.shape[1:]
    if axis > 1 or concat.axis > 1 or x.shape != _with_axis(rows, steps, axis, rest):
        return None
    if concat.y.shape != _with_axis(rows, steps, concat.axis, results):
        return None
    chain = [model.first.y, *(layer.y for layer in model.layers)]
    if any(value.shape[:1] != (rows,) for value in chain):
        return None
    if not all(layer.is_batch_independent([True]) for layer in model.layers):
        return None

    def value(of: Value, shape: Dims) -> Value:
        return Value(f"{of.name}'", of.dtype, shape)

    # The batch comes first, so that rows of the batch stay apart; the layout pass removes what transposes it can.
    batch_first, split = x, concat.y
    layers: list[Layer] = []
    if axis == 0:
        batch_first = value(x, (rows, steps, *rest))
        layers.append(_swapped(x, batch_first, model.taken))
    if concat.axis == 0:
        split = value(concat.y, (rows, steps, *results))
    wide = [value(v, (rows * steps, *v.shape[1:])) for v in chain]
    layers.append(replace(model.first, inputs=[batch_first], outputs=[wide[0]]))
    workers: list[Layer] = []
    for i, layer in enumerate(model.layers):
        copies = [branch.layers[i] for branch in branches]
        nodes = tuple(node for copy in copies for node in copy.nodes)
        workers.append(replace(layer, inputs=[wide[i]], outputs=[wide[i + 1]], nodes=nodes))
    layers += workers
    layers.append(replace(model.last, inputs=[wide[-1]], outputs=[split]))
    if concat.axis == 0:
        layers.append(_swapped(split, concat.y, concat))
    ends = [part for branch in branches for part in (branch.taken, branch.first, branch.last)]
    around = tuple(node for part in ends if part not in (model.first, model.last) for node in part.nodes)
    workers[0].nodes = around + workers[0].nodes + concat.nodes
    return layers


def _swapped(x: Value, y: Value, source: Layer) -> Transpose:
    perm = (1, 0, *range(2, x.rank))
    return Transpose(perm=perm, inputs=[x], outputs=[y], name=source.name, rules=source.rules)


def _with_axis(rows: Dim, steps: int, axis: int, rest: Dims) -> Dims:
    return (steps, rows, *rest) if axis == 0 else (rows, steps, *rest)
