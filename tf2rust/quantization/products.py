"""The layers with a product of constant weights: convolutions, MatMul and Gemm.

What follows a product and acts on its channels alone becomes part of its weights, so that a single quantization
follows:

    Conv → BatchNormalization, Conv → Mul(c) → Add(d)   becomes   Conv with other weights and biases
    MatMul → Mul(c) → Add(d)                            becomes   MatMul with other weights → Add
    Conv → Squeeze → Add(d) → Relu                      becomes   Conv with other biases → Relu → Squeeze
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import helper

from tf2rust.quantization.graph import FLOAT, FloatGraph, is_standard, node_label

_CLAMPS = ("Relu", "Clip")
_SIMPLE_GEMM = {"alpha": 1.0, "beta": 1.0}


@dataclass(eq=False)
class Product:
    """A product with constant weights.

    ``channel`` is the axis of the output channels in ``weights``, and ``place`` their axis in the result, counted from
    the front for convolutions and from the back otherwise. ``bias_add`` is the Add that holds the bias of a MatMul.
    ``output`` is the value after the bias.
    """

    node: onnx.NodeProto
    weights: np.ndarray
    bias: np.ndarray | None
    channel: int
    bias_add: onnx.NodeProto | None = None

    @property
    def name(self) -> str:
        return self.node.name or self.node.output[0]

    @property
    def label(self) -> str:
        """The name of the node in listings."""
        return node_label(self.node)

    @property
    def x(self) -> str:
        return str(self.node.input[0])

    @property
    def output(self) -> str:
        return str((self.bias_add or self.node).output[0])

    @property
    def channels(self) -> int:
        return int(self.weights.shape[self.channel])

    @property
    def is_conv(self) -> bool:
        return self.node.op_type == "Conv"

    def by_channel(self, numbers: np.ndarray) -> np.ndarray:
        """One number per channel, shaped to broadcast with the weights."""
        shape = [1] * self.weights.ndim
        shape[self.channel] = -1
        return numbers.reshape(shape)

    def largest(self) -> np.ndarray:
        """The largest magnitude of the weights of each channel."""
        axes = tuple(axis for axis in range(self.weights.ndim) if axis != self.channel)
        return np.asarray(np.abs(self.weights).max(axis=axes, initial=0.0))

    def scale_by(self, factors: np.ndarray) -> None:
        """Multiplies the result by one factor per channel."""
        self.weights = (self.weights * self.by_channel(factors)).astype(FLOAT)
        if self.bias is not None:
            self.bias = (self.bias * factors).astype(FLOAT)

    def shift_by(self, terms: np.ndarray) -> None:
        """Adds one term per channel to the result."""
        bias = np.zeros(self.channels) if self.bias is None else self.bias
        self.bias = (bias + terms).astype(FLOAT)


def find_products(graph: FloatGraph) -> list[Product]:
    """The products of the graph in the order of their nodes, after their scales and biases were folded into them."""
    found = []
    for node in list(graph.nodes):
        product = _product(graph, node)
        if product is not None:
            _fold(graph, product)
            found.append(product)
    graph.index()
    return found


def _product(graph: FloatGraph, node: onnx.NodeProto) -> Product | None:
    """The product that ``node`` computes; None if it is none, or if integers cannot compute it."""
    if node.op_type not in ("Conv", "Gemm", "MatMul") or not is_standard(node):
        return None
    if not graph.is_float(node.input[0]):
        return None
    weights = graph.constant(node.input[1])
    if weights is None or weights.dtype != FLOAT or not weights.size or not np.isfinite(weights).all():
        return None
    if node.op_type == "Conv":
        bias = _vector(graph, node, weights.shape[0])
        return Product(node, weights, bias, 0) if len(node.input) < 3 or bias is not None else None
    if weights.ndim != 2:
        return None
    if node.op_type == "MatMul":
        return Product(node, weights, None, 1)
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if given.get("transA", 0) or any(given.get(name, 1.0) != value for name, value in _SIMPLE_GEMM.items()):
        return None
    channel = 0 if given.get("transB", 0) else 1
    bias = _vector(graph, node, weights.shape[channel])
    return Product(node, weights, bias, channel) if len(node.input) < 3 or bias is not None else None


def _vector(graph: FloatGraph, node: onnx.NodeProto, channels: int) -> np.ndarray | None:
    """The constant bias of a Conv or Gemm as one number per channel; None if it has other axes or is not finite."""
    given = graph.constant(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    if given is None or given.dtype != FLOAT or not np.isfinite(given).all():
        return None
    return given.reshape(-1) if given.size == channels == given.shape[-1] else None


@dataclass(frozen=True)
class _Reader:
    """The only node that reads a product, perhaps behind nodes that only arrange its axes.

    ``value`` is what it reads, with the channels on ``axis``.
    """

    node: onnx.NodeProto
    value: str
    axis: int
    moves: list[onnx.NodeProto]


def _only_reader(graph: FloatGraph, product: Product) -> _Reader | None:
    value, moves = product.output, list[onnx.NodeProto]()
    axis = 1 if product.is_conv else _rank(graph, value) - 1
    while axis >= 0 and (node := graph.only_reader(value)) is not None:
        moved = _moved_axis(graph, node, axis)
        if moved is None:
            return _Reader(node, value, axis, moves)
        moves.append(node)
        value, axis = str(node.output[0]), moved
    return None


def _moved_axis(graph: FloatGraph, node: onnx.NodeProto, axis: int) -> int | None:
    """Where ``node`` moves the channels from ``axis``; None if it does not move them as a whole, or computes."""
    before, after = graph.shape(node.input[0]), graph.shape(node.output[0])
    if before is None or after is None or not is_standard(node):
        return None
    if node.op_type == "Transpose":
        perm = next((list(a.ints) for a in node.attribute if a.name == "perm"), [*range(len(before))][::-1])
        return perm.index(axis)
    if node.op_type in ("Squeeze", "Unsqueeze"):
        axes = graph.constant(node.input[1]) if len(node.input) > 1 else None
        if axes is None:
            return None
        longer = max(len(before), len(after))
        others = [i for i in range(longer) if i not in {int(a) % longer for a in axes.flat}]
        if node.op_type == "Unsqueeze":
            return others[axis]
        return others.index(axis) if axis in others else None
    if node.op_type == "Reshape" and axis == len(before) - 1 and before[-1:] == after[-1:]:
        return len(after) - 1 if isinstance(before[-1], int) and before[-1] else None
    return None


def _fold(graph: FloatGraph, product: Product) -> None:
    """Folds the nodes behind ``product`` that act on its channels alone, and moves a Relu or Clip next to it."""
    if product.node.op_type == "MatMul":
        product.bias_add = _bias_add(graph, product)
    while (reader := _only_reader(graph, product)) is not None:
        if reader.moves and is_clamp(graph, reader.node):
            _clamp_first(graph, product, reader)
            return
        change = _change(graph, product, reader)
        if change is None:
            return
        factors, terms = change
        if not _stays_finite(product, factors, terms):
            return
        product.scale_by(factors)
        if terms is not None:
            product.shift_by(terms)
        _take_output(graph, product, reader)


def is_clamp(graph: FloatGraph, node: onnx.NodeProto) -> bool:
    """Whether ``node`` is a Relu, or a Clip between constants."""
    return node.op_type in _CLAMPS and all(graph.constant(name) is not None for name in node.input[1:] if name)


def _clamp_first(graph: FloatGraph, product: Product, reader: _Reader) -> None:
    """Clamps the result of ``product`` before its axes are arranged, instead of afterwards."""
    clamp, made = reader.node, reader.node.output[0]
    clamped = graph.new_name(f"{product.output}/clamped")
    graph.infos[clamped] = graph.infos[product.output]
    clamp.input[0], clamp.output[0] = product.output, clamped
    reader.moves[0].input[0], reader.moves[-1].output[0] = clamped, made
    graph.nodes.remove(clamp)
    graph.insert_after(product.bias_add or product.node, [clamp])
    graph.index()


def _stays_finite(product: Product, factors: np.ndarray, terms: np.ndarray | None) -> bool:
    """Whether the weights and biases with these factors and terms are finite float32 numbers."""
    bias = np.zeros(product.channels) if product.bias is None else product.bias
    with np.errstate(over="ignore", invalid="ignore"):
        made = [product.weights * product.by_channel(factors), bias * factors + (0.0 if terms is None else terms)]
        return all(np.isfinite(array.astype(FLOAT)).all() for array in made)


def _bias_add(graph: FloatGraph, product: Product) -> onnx.NodeProto | None:
    reader = _only_reader(graph, product)
    if reader is None or reader.moves or reader.node.op_type != "Add":
        return None
    terms = _channel_constant(graph, product, reader)
    if terms is None:
        return None
    product.bias = terms.astype(FLOAT)
    return reader.node


def _take_output(graph: FloatGraph, product: Product, reader: _Reader) -> None:
    """Removes the node of ``reader``, whose output the product computes instead."""
    last = reader.moves[-1] if reader.moves else product.bias_add or product.node
    graph.nodes.remove(reader.node)
    last.output[0] = reader.node.output[0]
    graph.index()


def _change(graph: FloatGraph, product: Product, reader: _Reader) -> tuple[np.ndarray, np.ndarray | None] | None:
    """The factor and the term per channel by which a node changes the result of ``product``; None for other nodes."""
    node = reader.node
    is_first = node.input[0] == reader.value
    if node.op_type == "BatchNormalization" and is_first and len(node.output) == 1:
        return _batch_normalization(graph, node) if reader.axis == 1 else None
    if node.op_type not in ("Add", "Sub", "Mul", "Div"):
        return None
    numbers = _channel_constant(graph, product, reader)
    if numbers is None:
        return None
    ones = np.ones(product.channels)
    if node.op_type == "Add":
        return ones, numbers
    if node.op_type == "Sub":
        return (ones, -numbers) if is_first else (-ones, numbers)
    if node.op_type == "Mul":
        return numbers, None
    return (1 / numbers, None) if is_first and numbers.all() else None


def _batch_normalization(graph: FloatGraph, node: onnx.NodeProto) -> tuple[np.ndarray, np.ndarray] | None:
    parameters = [graph.constant(name) for name in node.input[1:5]]
    if any(array is None for array in parameters):
        return None
    gamma, beta, mean, variance = (np.asarray(array, np.float64) for array in parameters)
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    if given.get("training_mode", 0):
        return None
    with np.errstate(all="ignore"):
        factors = gamma / np.sqrt(variance + given.get("epsilon", 1e-5))
        return factors, beta - mean * factors


def _channel_constant(graph: FloatGraph, product: Product, reader: _Reader) -> np.ndarray | None:
    """The constant operand of a binary operator as one number per channel; None if it has other axes."""
    others = [name for name in reader.node.input if name != reader.value]
    numbers = graph.constant(others[0]) if len(others) == 1 and len(reader.node.input) == 2 else None
    rank = _rank(graph, reader.value)
    if numbers is None or numbers.dtype != FLOAT or numbers.ndim > rank or not np.isfinite(numbers).all():
        return None
    shape = (1,) * (rank - numbers.ndim) + numbers.shape
    if any(size != 1 for i, size in enumerate(shape) if i != reader.axis):
        return None
    if shape[reader.axis] not in (1, product.channels):
        return None
    return np.broadcast_to(np.asarray(numbers, np.float64).reshape(-1), product.channels)


def _rank(graph: FloatGraph, name: str) -> int:
    shape = graph.shape(name)
    return -1 if shape is None else len(shape)


def write_products(graph: FloatGraph, products: Sequence[Product]) -> None:
    """Writes the float weights and biases of ``products`` into the graph."""
    for product in products:
        product.node.input[1] = graph.add_constant(f"{product.name}/float_weights", product.weights)
        if product.bias is not None:
            write_bias(graph, product, graph.add_constant(f"{product.name}/float_bias", product.bias))


def write_bias(graph: FloatGraph, product: Product, name: str) -> None:
    """Makes ``name``, one number per channel, the bias of ``product``."""
    if product.node.op_type != "MatMul":
        del product.node.input[2:]
        product.node.input.append(name)
        return
    if product.bias_add is None:
        raw = graph.new_name(f"{product.output}/product")
        product.bias_add = helper.make_node("Add", [raw, name], [product.output], f"{product.name}/bias")
        graph.insert_after(product.node, [product.bias_add])
        product.node.output[0] = raw
    else:
        product.bias_add.input[:] = [product.node.output[0], name]


def products_of(graph: FloatGraph, products: Sequence[Product]) -> Iterator[Product]:
    """The same products with the nodes of ``graph``, a copy of the graph that :func:`write_products` wrote."""
    for product in products:
        node, add = graph.makers[product.output], None
        if product.bias_add is not None:
            node, add = graph.makers[node.input[0]], node
        yield Product(node, product.weights, product.bias, product.channel, add)
