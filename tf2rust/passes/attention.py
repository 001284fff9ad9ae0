"""Attention written as two products with a softmax between them, in any shapes, as one layer.

tf2onnx decomposes an Einsum into products of rank 3, with reshapes around them that the rules do not match:

    q, k ─ MatMul ─ Reshape ─ Multiply ─ Softmax ─ Reshape ─ MatMul ─ y        [b·h, t, d] and [b, h, t, s]
                                                        v ───┘
    q, k, v ─ Reshape ─ Attention ─ Reshape ─ y                                [b, h, t, d]

The scores then stay in the level-2 cache.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tf2rust.ops.activation.softmax import Softmax
from tf2rust.ops.attention.attention import Attention, Axes
from tf2rust.ops.core.layer import Dims, Layer, LayerGraph, Value
from tf2rust.ops.elementwise.binary import Binary
from tf2rust.ops.linear.matmul import MatMul
from tf2rust.ops.shape.reshape import Reshape
from tf2rust.ops.shape.transpose import Transpose

_PLAIN, _SWAPPED = (0, 1, 2, 3), (0, 1, 3, 2)


@dataclass
class _Chain:
    """The layers between two products, both included, and the factor of the scores."""

    layers: list[Layer]
    scale: float = 1.0


def merge_attentions(graph: LayerGraph) -> None:
    """Replaces each softmax between two products, and the products, by an Attention."""
    kept = {value for _, value in graph.outputs}
    made, readers = _links(graph)
    for softmax in [layer for layer in graph.layers if isinstance(layer, Softmax)]:
        chain = _chain(softmax, made, readers, kept)
        new = None if chain is None else _attention(softmax, chain, made)
        if chain is None or new is None:
            continue
        gone = set(chain.layers)
        at = graph.layers.index(chain.layers[-1])
        before = [layer for layer in graph.layers[:at] if layer not in gone]
        graph.layers = [*before, *new, *graph.layers[at + 1 :]]
        heir = next(layer for layer in new if isinstance(layer, Attention))
        for layer in [*chain.layers, *_remove_unread(graph, kept)]:
            heir.nodes += layer.nodes
        made, readers = _links(graph)


def _links(graph: LayerGraph) -> tuple[dict[Value, Layer], dict[Value, list[Layer]]]:
    """The layer that makes each value, and the layers that read it."""
    return {value: layer for layer in graph.layers for value in layer.outputs}, graph.consumers()


def _chain(
    softmax: Softmax, made: dict[Value, Layer], readers: dict[Value, list[Layer]], kept: set[Value]
) -> _Chain | None:
    """The layers from one product to the other. Each but the last has one reader."""
    x = softmax.x
    if softmax.log or softmax.span > 1 or softmax.axis != x.rank - 1 or x.rank not in (3, 4) or x.dtype != "float32":
        return None
    chain = _Chain([softmax])
    while not isinstance(chain.layers[0], MatMul):
        layer = made.get(chain.layers[0].x)
        if layer is None or readers[layer.y] != [chain.layers[0]] or layer.y in kept:
            return None
        if isinstance(layer, Binary) and chain.scale == 1 and (scale := _factor(layer)) is not None:
            chain.scale = scale
        elif not isinstance(layer, MatMul | Reshape):
            return None
        chain.layers.insert(0, layer)
    while not isinstance(chain.layers[-1], MatMul):
        value = chain.layers[-1].y
        if value in kept or len(readers.get(value, [])) != 1:
            return None
        (layer,) = readers[value]
        if layer.inputs.count(value) > 1 or layer.x is not value or not isinstance(layer, MatMul | Reshape):
            return None
        chain.layers.append(layer)
    # Reshapes keep the order of the elements, so it does not matter what shapes are between.
    ends = (chain.layers[0].y, chain.layers[-1].x)
    return chain if all(end.shape[-2:] == x.shape[-2:] for end in ends) else None


def _factor(layer: Binary) -> float | None:
    """The number that the layer multiplies all elements by."""
    constant = layer.constant
    if constant is None or constant.size != 1 or layer.x.shape != layer.y.shape:
        return None
    number = float(constant.reshape(()))
    if layer.function == "Mul":
        return number
    return 1 / number if layer.function == "Div" and not layer.constant_first and number else None


def _attention(softmax: Softmax, chain: _Chain, made: dict[Value, Layer]) -> list[Layer] | None:
    """The layers that replace the chain. None if a product broadcasts its operands."""
    scores, weighted = chain.layers[0], chain.layers[-1]
    for product in (scores, weighted):
        a, b = product.inputs
        if a.rank < 3 or a.shape[:-2] != b.shape[:-2]:
            return None
    assert isinstance(scores, MatMul)
    assert isinstance(weighted, MatMul)
    lead = softmax.x.shape[:-2] if softmax.x.rank == 4 else (softmax.x.shape[0], 1)
    layers: list[Layer] = []

    def operand(value: Value, turned: bool) -> tuple[Value, Axes]:
        """The operand with four axes, and the order of those of its matrices."""
        maker = made.get(value)
        if isinstance(maker, Transpose) and maker.perm == (*range(value.rank - 2), value.rank - 1, value.rank - 2):
            value, turned = maker.x, not turned
        shape = (*lead, *value.shape[-2:])
        while isinstance(maker := made.get(value), Reshape):
            value = maker.x
        return _reshaped(value, shape, layers), _SWAPPED if turned else _PLAIN

    q, q_axes = operand(scores.inputs[0], False)
    k, k_axes = operand(scores.inputs[1], not scores.transposed_right)
    v, v_axes = operand(weighted.inputs[1], weighted.transposed_right)
    if q_axes != _PLAIN:
        return None
    y = Value(f"{softmax.y.name}'", "float32", (*lead, *weighted.y.shape[-2:]))
    layers.append(
        Attention(
            scale=chain.scale,
            axes=(q_axes, k_axes, v_axes, _PLAIN),
            inputs=[q, k, v],
            outputs=[y],
            name=softmax.name,
            anchor=softmax.anchor,
            rules=tuple(dict.fromkeys(rule for layer in chain.layers for rule in layer.rules)),
        )
    )
    layers.append(Reshape(inputs=[y], outputs=[weighted.y]))
    return layers


def _reshaped(value: Value, shape: Dims, layers: list[Layer]) -> Value:
    if value.shape == shape:
        return value
    result = Value(f"{value.name}'", value.dtype, shape)
    layers.append(Reshape(inputs=[value], outputs=[result]))
    return result


def _remove_unread(graph: LayerGraph, kept: set[Value]) -> list[Layer]:
    """Removes the reshapes and transposes that nothing reads any more, and returns them."""
    reads = Counter(value for layer in graph.layers for value in layer.inputs)
    removed: dict[Layer, None] = {}
    for layer in reversed(graph.layers):
        if isinstance(layer, Reshape | Transpose) and not reads[layer.y] and layer.y not in kept:
            removed[layer] = None
            reads.subtract(layer.inputs)
    graph.layers = [layer for layer in graph.layers if layer not in removed]
    return list(removed)
