"""Fusion: a layer takes over the work of its only consumer, or of a producer, if its kernel supports it."""

from __future__ import annotations

import itertools
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.conv.conv import Conv
from tf2rust.ops.conv.embedding_conv import EmbeddingConv1D
from tf2rust.ops.core.dims import product
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.scale_shift import fuse_pointwise
from tf2rust.ops.indexing.embedding import Embedding
from tf2rust.ops.linear.dense import Dense
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose, inverse


def fuse(graph: LayerGraph) -> LayerGraph:
    """Fuses layers with their neighbours until nothing changes."""
    return _Fusion(graph).run()


class _Fusion:
    """Rewrites a graph in steps that only involve a layer and its neighbours."""

    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.kept = {value for _, value in graph.outputs}
        self.readers: dict[Value, Counter[Layer]] = {}
        """How many times each layer reads a value."""
        self.made: dict[Value, Layer] = {}
        self.position: dict[Layer, float] = {}
        self.waiting: deque[Layer] = deque(graph.layers)
        self.of_reshapes = (self._merge, self._sink, self._sink_sum, self._flatten)
        for position, layer in enumerate(graph.layers):
            self._add(layer, position)

    def run(self) -> LayerGraph:
        while self.waiting:
            layer = self.waiting.popleft()
            if layer not in self.position:
                continue
            if isinstance(layer, Reshape) and any(step(layer) for step in self.of_reshapes):
                continue
            self._fuse(layer, _fused)
        for layer in self._in_order():
            if isinstance(layer, Conv):
                self._embed(layer)
        # Remaining pointwise layers are fused into as few passes over memory as possible.
        self.waiting.extend(self._in_order())
        while self.waiting:
            layer = self.waiting.popleft()
            if layer in self.position:
                self._fuse(layer, fuse_pointwise)
        self.graph.layers = self._in_order()
        return self.graph

    def _in_order(self) -> list[Layer]:
        return sorted(self.position, key=self.position.__getitem__)

    def _add(self, layer: Layer, position: float) -> None:
        self.position[layer] = position
        for value in layer.inputs:
            self.readers.setdefault(value, Counter())[layer] += 1
        for value in layer.outputs:
            self.made[value] = layer

    def _remove(self, layer: Layer) -> float:
        for value in layer.inputs:
            self.readers[value][layer] -= 1
            if not self.readers[value][layer]:
                del self.readers[value][layer]
        for value in layer.outputs:
            if self.made.get(value) is layer:
                del self.made[value]
        return self.position.pop(layer)

    def _look_again(self, layer: Layer) -> None:
        """Revisits a changed layer and its neighbours."""
        sources = [self.made[v] for v in layer.inputs if v in self.made]
        self.waiting.extend([*sources, layer, *(r for v in layer.outputs for r in self.readers.get(v, ()))])

    def _only_reader(self, value: Value) -> Layer | None:
        readers = self.readers.get(value, Counter())
        reader = next(iter(readers)) if len(readers) == 1 and value not in self.kept else None
        return reader if reader is not None and readers[reader] == 1 else None

    def _merge(self, view: Reshape) -> bool:
        """Merges ``Reshape(Reshape(x))`` into one Reshape, and removes a Reshape that does not change the shape."""
        source = self.made.get(view.x)
        if isinstance(source, Reshape):
            position = self._remove(view)
            view.inputs = [source.x]
            if not self.readers[source.y] and source.y not in self.kept:
                self._remove(source)
                view.nodes = source.nodes + view.nodes
            self._add(view, position)
        elif view.x.shape == view.y.shape and view.y not in self.kept:
            self._remove(view)
            readers = self.readers.pop(view.y, Counter())
            for reader in readers:
                reader.inputs = [view.x if v is view.y else v for v in reader.inputs]
            self.readers.setdefault(view.x, Counter()).update(readers)
            heir = source or next(iter(readers), None)
            if heir is not None:
                heir.nodes += view.nodes
            # The other readers of x, which can be many, keep their neighbours.
            self.waiting.extend([*([source] if source else []), *readers])
            return True
        else:
            return False
        self._look_again(view)
        return True

    def _sink(self, view: Reshape) -> bool:
        """Moves an elementwise layer in front of a Reshape, next to a layer that may fuse it.

        x ─ Dense ─ Reshape ─ Add(bias) ─ Relu    becomes    x ─ Dense ─ Add(bias) ─ Relu ─ Reshape
        """
        layer = self._only_reader(view.y)
        if layer is None or len(layer.inputs) != 1 or not _commutes(layer, view):
            return False
        first, second = self._remove(view), self._remove(layer)
        inner = Value(f"{layer.y.name}'", layer.y.dtype, view.x.shape)
        view.outputs = layer.outputs
        layer.inputs, layer.outputs = [view.x], [inner]
        view.inputs = [inner]
        self._add(layer, first)
        self._add(view, second)
        self._look_again(layer)
        self._look_again(view)
        return True

    def _sink_sum(self, view: Reshape) -> bool:
        """Moves a sum in front of a Reshape, next to a layer that supports residual inputs.

        x ─ Dense ─ Reshape ─ Add(r)    becomes    x ─ Dense ─ Add(Reshape(r)) ─ Reshape
        """
        source, add = self.made.get(view.x), self._only_reader(view.y)
        if source is None or not isinstance(add, Binary) or self._only_reader(view.x) is not view:
            return False
        others = [v for v in add.inputs if v is not view.y]
        if len(others) != 1 or not others[0].shape == view.y.shape == add.y.shape:
            return False
        flat, inner = (Value(f"{v.name}'", v.dtype, view.x.shape) for v in (others[0], add.y))
        moved = replace(add, inputs=[view.x, flat], outputs=[inner])
        if source.fuse_consumer(moved) is None:
            return False
        self._remove(view)
        position = self._remove(add)
        view.inputs, view.outputs = [inner], add.outputs
        self._add(Reshape(inputs=others, outputs=[flat], name=add.name, rules=add.rules), position - 0.25)
        self._add(moved, position)
        self._add(view, position + 0.25)
        self._look_again(moved)
        self._look_again(view)
        return True

    def _flatten(self, view: Reshape) -> bool:
        """Removes a Transpose before a Dense over all axes but the first, and permutes the rows of the kernel instead.

        x ─ Transpose ─ Reshape ─ Dense    becomes    x ─ Reshape ─ Dense
        """
        source, reader = self.made.get(view.x), self._only_reader(view.y)
        if (
            not isinstance(source, Transpose)
            or not isinstance(reader, Dense)
            or reader.x is not view.y
            or self._only_reader(source.y) is not view
        ):
            return False
        shape, rows = source.y.shape, reader.kernel.shape[0]
        if source.perm[0] != 0 or view.y.shape != (shape[0], rows) or product(shape[1:]) != rows:
            return False
        split = reader.kernel.reshape(*map(int, map(str, shape[1:])), -1)
        back = [axis - 1 for axis in inverse(source.perm)[1:]]
        reader.kernel = np.ascontiguousarray(split.transpose(*back, split.ndim - 1).reshape(rows, -1))
        self._remove(source)
        position = self._remove(view)
        view.inputs = [source.x]
        reader.nodes = source.nodes + reader.nodes
        self._add(view, position)
        self._look_again(view)
        return True

    def _embed(self, conv: Conv) -> None:
        """Turns a convolution over embedded indices into sums of rows. The Embedding stays if others read it."""
        embedding = self.made.get(conv.x)
        if conv.rounds or not isinstance(embedding, Embedding):
            return
        if (fused := EmbeddingConv1D.of(embedding, conv)) is None:
            return
        self._add(fused, self._remove(conv))
        if not self.readers[embedding.y] and embedding.y not in self.kept:
            self._remove(embedding)
            fused.nodes, fused.rules = embedding.nodes + fused.nodes, embedding.rules + fused.rules

    def _fuse(self, layer: Layer, join: Callable[[Layer, Layer], Layer | None]) -> None:
        reader = self._only_reader(layer.y) if layer.outputs else None
        if reader is None:
            return
        others = layer.outputs[1:]
        if others and reader.inputs != [layer.y]:  # its other inputs can depend on the other outputs
            return
        fused = join(layer, reader)
        if fused is None:
            return
        first, last = self._remove(layer), self._remove(reader)
        position = first if others else last
        fused.outputs = [*reader.outputs, *others]
        fused.anchor = layer.anchor if type(fused) is type(layer) else reader.anchor
        fused.nodes = layer.nodes + reader.nodes
        fused.rules = layer.rules + reader.rules
        self._add(fused, position)
        self._look_again(fused)


def _fused(layer: Layer, reader: Layer) -> Layer | None:
    return layer.fuse_consumer(reader) or (reader.fuse_producer(layer) if len(layer.outputs) == 1 else None)


def _commutes(layer: Layer, view: Reshape) -> bool:
    """Whether an elementwise layer computes the same before and after the Reshape."""
    if isinstance(layer, ActivationLayer):
        return True
    if not isinstance(layer, Binary) or layer.constant is None or layer.x.shape != layer.y.shape:
        return False
    if layer.constant.size == 1:
        layer.constant = layer.constant.reshape(())
        return True
    if view.x.rank == 0:
        return False
    if layer.last_axis() is not None and view.x.shape[-1] == view.y.shape[-1]:
        layer.constant = layer.constant.reshape(-1)
        return True
    # Or the Reshape split the last axis into the axes of the constant.
    shape = tuple(itertools.dropwhile(lambda size: size == 1, layer.constant.shape))
    if not shape or view.y.shape[-len(shape) :] != shape or layer.constant.size != view.x.shape[-1]:
        return False
    layer.constant = layer.constant.reshape(-1)
    return True
