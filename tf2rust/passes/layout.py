"""The layout pass: transposes move down the graph until they cancel.

A value after a transpose is recorded as ``(base, perm)`` instead of being computed. Layers move in front of their
inputs' transposes if possible. A transpose is written only if a layer needs its axes in order:

    x ─ Transpose ─ Relu ─ Transpose⁻¹ ─ y      becomes      x ─ Relu ─ y
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from itertools import pairwise

from tf2rust.ops.core.dims import Dim, product
from tf2rust.ops.core.layer import Dims, Layer, LayerGraph, Perm, Value
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose, inverse, permute


@dataclass(frozen=True)
class _Pending:
    """A value that is ``transpose(base, perm)``; ``nodes`` are ONNX nodes that no layer represents yet."""

    base: Value
    perm: Perm
    nodes: tuple[str, ...] = ()


class _Pass:
    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.pending: dict[Value, _Pending] = {}
        self.alias: dict[Value, Value] = {}
        self.written: dict[tuple[Value, Perm], Value] = {}
        self.layers: list[Layer] = []
        self.made: dict[Value, Layer] = {}
        self.orphans: tuple[str, ...] = ()

    def run(self) -> LayerGraph:
        for layer in self.graph.layers:
            layer.inputs = [self.alias.get(v, v) for v in layer.inputs]
            if isinstance(layer, Transpose):
                self._hold(layer.x, layer.y, layer.perm, layer.nodes)
            elif isinstance(layer, Reshape) and layer.x in self.pending:
                self._reshape(layer)
            else:
                self._move(layer)
        outputs = [(name, self._materialise(self.alias.get(v, v))) for name, v in self.graph.outputs]
        if self.orphans and self.layers:
            self.layers[-1].nodes += self.orphans
        return replace(self.graph, outputs=outputs, layers=self.layers)

    def _hold(self, x: Value, y: Value, perm: Perm, nodes: tuple[str, ...]) -> None:
        """Records ``y = transpose(x, perm)``; an identity is not recorded."""
        held = self.pending.get(x)
        if held is not None:
            self.pending[x] = replace(held, nodes=())
            x, perm, nodes = held.base, tuple(held.perm[axis] for axis in perm), held.nodes + nodes
        if perm == tuple(range(len(perm))):
            self.alias[y] = x
            self._give(x, nodes)
        else:
            self.pending[y] = _Pending(x, perm, nodes)

    def _give(self, value: Value, nodes: tuple[str, ...]) -> None:
        """Credits removed nodes to the layer that computes the value, or to the next layer that is written."""
        maker = self.made.get(value)
        if maker is None:
            self.orphans += nodes
        else:
            maker.nodes += nodes

    def _take(self, value: Value) -> tuple[str, ...]:
        held = self.pending[value]
        self.pending[value] = replace(held, nodes=())
        return held.nodes

    def _write(self, layer: Layer) -> None:
        layer.nodes = self.orphans + layer.nodes
        self.orphans = ()
        self.layers.append(layer)
        self.made.update((value, layer) for value in layer.outputs)

    def _materialise(self, value: Value) -> Value:
        """Returns the value itself, and writes its pending transpose if there is one."""
        if value not in self.pending:
            return value
        held = self.pending[value]
        key = (held.base, held.perm)
        if key not in self.written:
            moved = [axis for axis in held.perm if held.base.shape[axis] != 1]
            layer: Layer = Transpose(perm=held.perm, inputs=[held.base], outputs=[value])
            if moved == sorted(moved):  # Only axes of size 1 move, so the elements keep their order.
                layer = Reshape(inputs=[held.base], outputs=[value])
            layer.nodes, layer.rules = self._take(value), ("transpose",)
            self._write(layer)
            self.written[key] = value
        return self.written[key]

    def _move(self, layer: Layer) -> None:
        perms = [self.pending[v].perm if v in self.pending else None for v in layer.inputs]
        moved = layer.propagate_transpose(perms) if any(perms) else None
        if moved is None:
            layer.inputs = [self._materialise(v) for v in layer.inputs]
            self._write(layer)
            return
        new, perm = moved
        y = layer.y
        taken = tuple(n for v in dict.fromkeys(layer.inputs) if v in self.pending for n in self._take(v))
        base = Value(f"{y.name}'", y.dtype, permute(y.shape, inverse(perm)))
        new.inputs = [self.pending[v].base if v in self.pending else v for v in layer.inputs]
        new.outputs = [base, *layer.outputs[1:]]
        new.nodes = taken + layer.nodes
        self._write(new)
        self._hold(base, y, perm, ())

    def _reshape(self, layer: Layer) -> None:
        """Moves a Reshape in front of its input's transpose if possible; otherwise materialises the input.

        Drops a Reshape that changes nothing.
        """
        held = self.pending[layer.x]
        if layer.x.shape == layer.y.shape:
            self._hold(layer.x, layer.y, tuple(range(layer.y.rank)), layer.nodes)
            return
        perm = _regrouped(layer.x.shape, layer.y.shape, held.perm)
        if perm is None and (order := _neighbourly(layer.x.shape, layer.y.shape, held.perm)) is not None:
            near = Value(f"{layer.x.name}'", layer.x.dtype, permute(layer.x.shape, order))
            self._hold(layer.x, near, order, ())
            held = _Pending(self._materialise(self.alias.get(near, near)), inverse(order))
            self.pending[layer.x] = held
            perm = _regrouped(layer.x.shape, layer.y.shape, held.perm)
        if perm is None:
            layer.inputs = [self._materialise(layer.x)]
            self._write(layer)
            return
        base = Value(f"{layer.y.name}'", layer.y.dtype, permute(layer.y.shape, inverse(perm)))
        nodes = self._take(layer.x) + layer.nodes
        self._write(Reshape(inputs=[held.base], outputs=[base], nodes=nodes, rules=layer.rules))
        self._hold(base, layer.y, perm, ())


def _regrouped(before: Dims, after: Dims, perm: Perm) -> Perm | None:
    """The perm after a Reshape from ``before`` to ``after``, if the Reshape can be applied to the base.

    Axes that are merged have to be adjacent in the base too, and in the same order:

        base [n, h, w, c] ─ Transpose ─ [n, c, h, w] ─ Reshape ─ [n, c, h·w]     is
        base [n, h, w, c] ─ Reshape ─ [n, h·w, c] ─ Transpose ─ [n, c, h·w]
    """
    groups = _groups(before, after)
    position = _positions(before, perm)
    if groups is None or any(position[b] != position[a] + 1 for old, _ in groups for a, b in pairwise(old)):
        return None
    groups.sort(key=lambda group: position[group[0][0]])
    # Axes of size 1 go to the front, where they do not separate others.
    ones = [axis for axis, size in enumerate(after) if size == 1]
    order = ones + [axis for _, new in groups for axis in new]
    return tuple(order.index(axis) for axis in range(len(after)))


def _neighbourly(before: Dims, after: Dims, perm: Perm) -> Perm | None:
    """The base's order of the axes of ``before``, with merged axes in order, if these are adjacent in the base.

    None if merged axes are not adjacent: then the Reshape needs all axes in order.
    """
    groups = _groups(before, after)
    position = _positions(before, perm)
    if groups is None:
        return None
    groups.sort(key=lambda group: min(position[axis] for axis in group[0]))
    order = [axis for old, _ in groups for axis in old]
    ends = itertools.accumulate(len(old) for old, _ in groups)
    if any(max(position[axis] for axis in old) >= end for (old, _), end in zip(groups, ends, strict=True)):
        return None
    return (*(axis for axis, size in enumerate(before) if size == 1), *order)


def _positions(before: Dims, perm: Perm) -> dict[int, int]:
    """The positions of the axes with a size other than 1 in the base, counted among themselves."""
    stays = sorted((axis for axis, size in enumerate(before) if size != 1), key=lambda axis: perm[axis])
    return {axis: i for i, axis in enumerate(stays)}


def _groups(before: Dims, after: Dims) -> list[tuple[list[int], list[int]]] | None:
    """Groups of axes of ``before`` that become groups of axes of ``after``, as small as possible, without axes of size
    1.
    """
    old = [axis for axis, size in enumerate(before) if size != 1]
    new = [axis for axis, size in enumerate(after) if size != 1]
    groups = []
    while old and new:
        counts = sorted(itertools.product(range(1, len(old) + 1), range(1, len(new) + 1)), key=sum)
        equal = ((i, j) for i, j in counts if _size(before, old[:i]) == _size(after, new[:j]))
        i, j = next(equal, (0, 0))
        if not i:
            return None
        groups.append((old[:i], new[:j]))
        old, new = old[i:], new[j:]
    return None if old or new else groups


def _size(shape: Dims, axes: list[int]) -> Dim:
    return product(shape[axis] for axis in axes)


def cancel_transposes(graph: LayerGraph) -> LayerGraph:
    """Removes as many transposes from the graph as this pass can."""
    return _Pass(graph).run()
