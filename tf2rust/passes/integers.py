"""Layers between DequantizeLinear and QuantizeLinear become layers on 8-bit integers.

    q ─ DequantizeLinear ─ Conv2D ─ QuantizeLinear ─ r      becomes      q ─ QuantizedConv2D ─ r

First, data movement runs on the integers: DequantizeLinear moves down, and QuantizeLinear up, until they are next to
the layers that compute. Layers without a form on integers stay between the two, and the graph records why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np

from tf2rust.ops.activation.activation import ActivationLayer
from tf2rust.ops.conv.dynamic import DynamicConv
from tf2rust.ops.core.activation import LINEAR, Activation
from tf2rust.ops.core.layer import Departure, Layer, LayerGraph, Value
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.elementwise.scale_shift import ScaleShift
from tf2rust.ops.generator.constant import Constant, constant
from tf2rust.ops.indexing.embedding import Embedding
from tf2rust.ops.linear.affine import Affine
from tf2rust.ops.pooling.pooling import Pooling
from tf2rust.ops.quantized.elementwise import (
    BINARIES,
    function_of,
    quantized_binary,
    quantized_constant,
    quantized_lookup,
)
from tf2rust.ops.quantized.matmul import MatMulInteger
from tf2rust.ops.quantized.movement import moved_inputs, on_integers
from tf2rust.ops.quantized.pooling import quantized_average
from tf2rust.ops.quantized.products import BETWEEN_STEPS, QuantizedProduct, quantized_product
from tf2rust.ops.quantized.quantize_linear import DequantizeLinear, Quantization, QuantizeLinear
from tf2rust.ops.quantized.scale import Scale, single_scale
from tf2rust.ops.reduction.reduce import Reduce
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose

_NOT_QUANTIZED = "its result is not quantized"
_ONE_IS_FLOAT = "one of its inputs is not quantized"
_READ_TWICE = "its result is also read before it is quantized"
_ONE_BY_ONE = (
    "its weights are not a constant int8 matrix, or its sums are not scaled to float32; it computes them one at a time"
)
_CONVOLVED = "its weights are not constant, or its sums are not scaled to float32; it computes them one at a time"


def to_integers(graph: LayerGraph) -> None:
    """Replaces layers by their forms on 8-bit integers, and records where the graph leaves the integers."""
    if any(isinstance(layer, (Quantization, MatMulInteger)) or _convolves_integers(layer) for layer in graph.layers):
        _Pass(graph).run()


def _convolves_integers(layer: Layer) -> bool:
    return isinstance(layer, DynamicConv) and layer.y.dtype == "int32"


class _Pass:
    def __init__(self, graph: LayerGraph) -> None:
        self.graph = graph
        self.layers = list(graph.layers)
        self.kept = {value for _, value in graph.outputs}
        self.constants = {layer.y: layer.array for layer in self.layers if isinstance(layer, Constant)}
        self.integers: dict[Value, tuple[Value, Scale]] = {}
        """The integers that float32 values were dequantized from."""
        self.made: dict[Value, Layer] = {}
        self.readers: dict[Value, list[Layer]] = {}
        self.reasons: dict[Layer, str] = {}
        """Why layers stay in float32."""
        self.heirs: dict[Layer, Layer] = {}
        """The layers that represent the nodes of layers that nobody reads any more."""
        self.orphans: list[tuple[Value, tuple[str, ...]]] = []
        """The nodes of other removed layers, which only moved on this value."""

    def run(self) -> None:
        self.layers = list(self._sunk())
        self._hoist()
        self._index()
        self.layers = list(self._replaced())
        self._drop_unread()
        self._index()
        self.layers = list(self._with_float_results())
        self._drop_unread()
        self._index()
        self._adopt()
        self.graph.departures = list(self._departures())
        self._embed_scales()
        self.graph.layers = self.layers

    def _index(self) -> None:
        self.made = {value: layer for layer in self.layers for value in layer.outputs}
        self.readers = {}
        for layer in self.layers:
            inner = [v for body in layer.bodies() for part in body.walk() for v in part.inputs]
            for value in dict.fromkeys([*layer.inputs, *inner]):
                self.readers.setdefault(value, []).append(layer)

    def _scale(self, layer: Quantization) -> Scale | str:
        """The scale of the quantized side of a layer, or the reason why it has no single, constant scale."""
        integers = layer.y if isinstance(layer, QuantizeLinear) else layer.x
        scale = self.constants.get(layer.inputs[1])
        zero_point = np.zeros(1, np.int64) if len(layer.inputs) < 3 else self.constants.get(layer.inputs[2])
        return single_scale(scale, zero_point, integers.dtype)

    def _sunk(self) -> Iterator[Layer]:
        """The layers, with data movement in front of DequantizeLinear."""
        dequantized: dict[Value, DequantizeLinear] = {}
        for layer in self.layers:
            sources = [dequantized[v] for v in moved_inputs(layer) if v in dequantized]
            scales = [self._scale(source) for source in sources]
            if sources and len(sources) == len(moved_inputs(layer)) and scales == scales[:1] * len(scales):
                scale = scales[0]
                twin = None if isinstance(scale, str) else on_integers(layer, [s.x for s in sources], scale)
                if twin is not None:
                    back = replace(sources[0], inputs=[twin.y, *sources[0].inputs[1:]], outputs=[layer.y], nodes=())
                    dequantized[layer.y] = back
                    yield twin
                    yield back
                    continue
            if isinstance(layer, DequantizeLinear):
                dequantized[layer.y] = layer
            yield layer

    def _hoist(self) -> None:
        """Moves QuantizeLinear in front of data movement whose result only it reads."""
        self._index()
        removed = set[Layer]()
        hoisted: dict[Layer, list[Layer]] = {
            layer: self._hoisted(layer, removed) for layer in self.layers if isinstance(layer, QuantizeLinear)
        }
        left = [layer for layer in self.layers if layer not in removed]
        self.layers = [part for layer in left for part in hoisted.get(layer, [layer])]

    def _hoisted(self, quantize: QuantizeLinear, removed: set[Layer]) -> list[Layer]:
        """The layers in the place of QuantizeLinear: itself, or data movement on integers behind its copies. Adds the
        layers that they replace to ``removed``.
        """
        scale = self._scale(quantize)
        found = list[Layer]()
        waiting: list[tuple[QuantizeLinear, Layer]] = [(quantize, quantize)]
        while waiting:
            own, reader = waiting.pop()
            mover = self.made.get(own.x)
            if mover is None or isinstance(scale, str) or not self._is_only_reader(reader, own.x):
                found.append(own)
                continue
            parts = [
                replace(
                    own,
                    inputs=[value, *own.inputs[1:]],
                    outputs=[Value(f"{value.name}'", own.y.dtype, value.shape)],
                    nodes=(),
                )
                for value in moved_inputs(mover)
            ]
            twin = on_integers(mover, [part.y for part in parts], scale) if parts else None
            if twin is None:
                found.append(own)
                continue
            twin.outputs = own.outputs
            twin.nodes = mover.nodes + own.nodes
            removed.add(mover)
            found.append(twin)
            waiting += [(part, mover) for part in parts]
        return found[::-1]

    def _is_only_reader(self, layer: Layer, value: Value) -> bool:
        """Whether nothing else reads ``value``, and ``layer`` reads it once."""
        return self.readers[value] == [layer] and layer.inputs.count(value) == 1 and value not in self.kept

    def _replaced(self) -> Iterator[Layer]:
        """The layers, with forms on integers in the place of those between DequantizeLinear and QuantizeLinear."""
        alias: dict[Value, Value] = {}
        for layer in self.layers:
            layer.inputs = [alias.get(value, value) for value in layer.inputs]
            scale = self._scale(layer) if isinstance(layer, Quantization) else ""
            if isinstance(layer, DequantizeLinear) and isinstance(scale, Scale):
                self.integers[layer.y] = (layer.x, scale)
            if not isinstance(layer, QuantizeLinear) or not isinstance(scale, Scale):
                yield layer
                continue
            same, own = self.integers.get(layer.x, (None, None))
            if same is None or own != scale:
                found = self._on_integers(layer, scale) or [layer]
            elif layer.y in self.kept:
                found = [Reshape(inputs=[same], outputs=[layer.y], nodes=layer.nodes, rules=layer.rules)]
            else:
                found, alias[layer.y] = [], same
                self.orphans.append((same, layer.nodes))
            self.made.update((part.y, part) for part in found)
            yield from found

    def _on_integers(self, quantize: QuantizeLinear, scale: Scale) -> list[Layer]:
        """The layers in the place of QuantizeLinear and of the layer in front of it; none if that stays in float32."""
        chain, source = list[Layer](), quantize.x
        while source not in self.integers and (maker := self.made.get(source)) is not None and function_of(maker):
            chain.insert(0, maker)
            source = maker.x
        if source in self.integers:
            x, x_scale = self.integers[source]
            lookup = quantized_lookup(chain, x, x_scale, quantize.y, scale)
            lookup.nodes = quantize.nodes
            if not chain:
                lookup.anchor, lookup.rules = quantize.anchor, quantize.rules
            self._inherit(lookup, chain, [source])
            return [lookup]
        maker, steps, scale = self._before_steps(quantize, scale)
        if maker is None:
            return []
        if isinstance(maker, Embedding) and self._is_only_reader(quantize, maker.y):
            table = replace(maker, table=scale.quantize(maker.table), outputs=[quantize.y], nodes=quantize.nodes)
            self._inherit(table, [maker], [])
            return [table]
        found = self._form(maker, quantize.y, scale)
        if found is None:
            return []
        if not isinstance(found, str) and any(
            value in self.kept or len(self.readers[value]) > 1 for value in (maker.y, *(step.y for step in steps))
        ):
            found = _READ_TWICE
        if isinstance(found, str):
            self.reasons[maker] = found
            return []
        found[-1].nodes = quantize.nodes
        self._inherit(found[-1], [maker, *steps], maker.inputs)
        return found

    def _before_steps(self, quantize: QuantizeLinear, scale: Scale) -> tuple[Layer | None, list[Layer], Scale]:
        """The layer in front of QuantizeLinear, or in front of a scale and a zero point if QuantizeLinear only rounds.

        Returns the layer, those that it is in front of, and the scale of the result.
        """
        maker = self.made.get(quantize.x)
        steps = ScaleShift.of(maker) if maker is not None and scale.scale == 1 else None
        if maker is None or steps is None or steps.kind != "Rescaling" or not steps.activation.is_linear:
            return maker, [], scale
        factor, shift = float(steps.scale.flat[0]), float(steps.shift.flat[0])
        low, high = scale.limits
        if factor <= 0 or shift % 1 or not low <= shift <= high or (shift and scale.zero_point):
            return maker, [], scale
        own = Scale(scale.dtype, 1 / factor, scale.zero_point + int(shift), zero_first=shift != 0)
        return self.made.get(maker.x), [maker], own

    def _form(self, layer: Layer, y: Value, scale: Scale) -> list[Layer] | str | None:
        """The layer on integers, with the constants that it reads; the reason why there is none; None for a layer whose
        inputs are not integers.
        """
        known = [self.integers[value] for value in layer.inputs if value in self.integers]
        if not known or len(known) < len(layer.inputs):
            return None
        found: Layer | str = f"{layer.kind} has no form on integers"
        constants: list[Layer] = []
        if isinstance(layer, Affine):
            found = quantized_product(layer, *known[0], y, scale)
        elif isinstance(layer, Binary):
            if layer.constant is not None:
                operand = quantized_constant(layer, known[0][1].dtype)
                if isinstance(operand, str):
                    return operand
                integers, own = operand
                constants = [constant(integers, f"{y.name}/constant")]
                known.insert(0 if layer.constant_first else 1, (constants[0].y, own))
            found = quantized_binary(layer, known, y, scale)
        elif isinstance(layer, (Pooling, Reduce)):
            found = quantized_average(layer, *known[0], y, scale, ties_away=self.graph.ties_away)
        return found if isinstance(found, str) else [*constants, found]

    def _inherit(self, heir: Layer, layers: Sequence[Layer], read: Sequence[Value]) -> None:
        """Lets ``heir`` represent the nodes of these layers, and of those that dequantized ``read``, once nobody reads
        them.
        """
        for layer in [*layers, *(self.made[value] for value in read if value in self.made)]:
            self.heirs.setdefault(layer, heir)

    def _with_float_results(self) -> Iterator[Layer]:
        """The layers, with products of integers that have float32 results in the place of products of floats."""
        for layer in self.layers:
            if not isinstance(layer, Affine) or layer.x not in self.integers:
                yield layer
                continue
            x, scale = self.integers[layer.x]
            alone = layer.residual is None and layer.slopes is None
            bare = layer if alone else replace(layer, inputs=[layer.x], slopes=None, activation=LINEAR)
            product = quantized_product(bare, x, scale, layer.y, None)
            bias = layer.bias if product == BETWEEN_STEPS else None
            if bias is not None:
                product = quantized_product(replace(bare, bias=None), x, scale, layer.y, None)
            if isinstance(product, str):
                self.reasons.setdefault(layer, product)
                yield layer
                continue
            product.nodes = layer.nodes
            self.reasons[product] = self.reasons.get(layer, _NOT_QUANTIZED)
            self._inherit(product, [], [layer.x])
            if bias is not None:
                yield (added := constant(bias, f"{layer.y.name}/bias"))
                product.inputs.append(added.y)
            yield from _with_epilogue(product, layer)

    def _drop_unread(self) -> None:
        """Removes layers that were replaced, and constants that only these read."""
        read = set(self.kept)
        left: list[Layer] = []
        for layer in reversed(self.layers):
            gone = isinstance(layer, (DequantizeLinear, Constant)) or layer in self.heirs
            if gone and not any(value in read for value in layer.outputs):
                heir = self.heirs.get(layer)
                if heir is not None:
                    heir.nodes = layer.nodes + heir.nodes
                elif layer.nodes:
                    self.orphans.append((layer.x, layer.nodes))
                continue
            read.update(layer.inputs)
            read.update(v for body in layer.bodies() for part in body.walk() for v in part.inputs)
            read.update(v for body in layer.bodies() for _, v in body.outputs)
            left.append(layer)
        self.layers = left[::-1]

    def _embed_scales(self) -> None:
        """Makes single, constant scales attributes of the layers that convert from and to floats."""
        for layer in self.layers:
            if isinstance(layer, Quantization) and isinstance(scale := self._scale(layer), Scale):
                layer.inputs, layer.scale, layer.axis, layer.block = layer.inputs[:1], scale, 0, 0
        self._drop_unread()

    def _adopt(self) -> None:
        """Lists the orphaned nodes under the layer that computes their value, or under the first that reads it."""
        for value, nodes in self.orphans:
            owner = self.made.get(value) or next(iter(self.readers.get(value, self.layers[-1:])))
            owner.nodes += nodes

    def _departures(self) -> Iterator[Departure]:
        """Where DequantizeLinear is left, products of integers with results in float32, and those without a kernel."""
        seen = set[Layer]()
        for layer in self.layers:
            if isinstance(layer, DequantizeLinear):
                scale = self._scale(layer)
                for reader in self._computing(layer.y):
                    if reader in seen:
                        continue
                    seen.add(reader)
                    general = scale if isinstance(scale, str) else self._left(reader)
                    yield Departure(reader, self.reasons.get(reader, general))
                if layer.y in self.kept:
                    yield Departure(layer, "the model's output is float32")
            elif isinstance(layer, MatMulInteger):
                yield Departure(layer, _ONE_BY_ONE)
            elif _convolves_integers(layer):
                yield Departure(layer, _CONVOLVED)
            elif layer in self.reasons and not any(v in self.integers for v in layer.inputs):
                yield Departure(layer, self.reasons[layer])

    def _computing(self, value: Value) -> Iterator[Layer]:
        """The layers that read ``value``, or its elements in another arrangement."""
        for reader in self.readers.get(value, ()):
            if isinstance(reader, (Reshape, Transpose)) and reader.y not in self.kept:
                yield from self._computing(reader.y)
            else:
                yield reader

    def _left(self, layer: Layer) -> str:
        """The reason why a layer that reads dequantized integers is still there if no other is known."""
        known = [self.integers[value] for value in layer.inputs if value in self.integers]
        whole = len(known) == len(layer.inputs)
        has_form = isinstance(layer, Binary) and layer.function in BINARIES
        if has_form or moved_inputs(layer) or function_of(layer) is not None:
            return _NOT_QUANTIZED if whole else _ONE_IS_FLOAT
        found = self._form(layer, layer.y, known[0][1]) if whole else None
        return _NOT_QUANTIZED if isinstance(found, list) else found or f"{layer.kind} has no form on integers"


def _with_epilogue(product: QuantizedProduct, layer: Affine) -> list[Layer]:
    """The product with float32 results in the place of ``layer``, and what it cannot do itself: the sum with a residual
    connection, a PReLU, or an activation that is not a clamp.
    """
    steps: list[Layer] = [product]
    own: dict[str, Any] = {"name": layer.name, "anchor": layer.anchor, "rules": layer.rules, "outputs": [layer.y]}
    activation = LINEAR if product.activation == layer.activation else layer.activation
    if layer.residual is not None:
        function = "AddRelu" if activation == Activation("relu") else "Add"
        steps.append(Binary(function=function, inputs=[layer.y, layer.residual], **own))
        activation = LINEAR if function == "AddRelu" else activation
    if layer.slopes is not None:
        steps.append(Binary(function="PRelu", constant=layer.slopes, inputs=[layer.y], **own))
    if not activation.is_linear:
        steps.append(ActivationLayer(activation=activation, inputs=[layer.y], **own))
    for number, (first, second) in enumerate(pairwise(steps)):
        between = Value(f"{layer.y.name}/{number}", layer.y.dtype, layer.y.shape)
        first.outputs, second.inputs = [between], [between, *second.inputs[1:]]
    return steps
