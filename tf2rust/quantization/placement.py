"""Decides which values of a float model are quantized.

Products ask for quantized inputs. From there, the decision goes backwards: through layers that only move data, through
sums, means and functions of single elements, up to the product before. A value is quantized where a layer on integers
reads it, so what leads to a float layer or to an output of the model, such as the logits, stays float:

    x → Conv → Relu → MaxPool → Conv → Softmax      x, Relu and MaxPool are quantized; the second Conv gives floats

Values that only data movement separates form a family, which shares a scale and a zero point. A Relu or Clip behind a
product belongs to it, and the value in between is not quantized. Other functions of one value, such as a Sigmoid or the
Mul and Sigmoid of a Swish, read a quantized value and give one: they are tables of 256 numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import onnx
from onnx import helper

from tf2rust.quantization.graph import FloatGraph, is_standard, node_label
from tf2rust.quantization.products import Product, is_clamp

_FIRST = (
    "DepthToSpace", "Expand", "Flatten", "Gather", "GlobalMaxPool", "Identity", "MaxPool", "Reshape", "Slice",
    "SpaceToDepth", "Split", "Squeeze", "Tile", "Transpose", "Unsqueeze",
)  # fmt: skip
MOVES: Mapping[str, Callable[[onnx.NodeProto], Sequence[str]]] = {
    **dict.fromkeys(_FIRST, lambda node: node.input[:1]),
    "Concat": lambda node: node.input,
    "Pad": lambda node: node.input[:1] if len(node.input) < 3 or not node.input[2] else (),
    "Resize": lambda node: node.input[:1] if _attribute(node, "mode", b"nearest") == b"nearest" else (),
}
"""The operators that only move numbers, and the inputs that they move. Padding with 0 adds a number that every range
contains.
"""
_MEANS = ("AveragePool", "GlobalAveragePool", "ReduceMean")
_SUMS = ("Add", "Mul")
_FUNCTIONS = frozenset(
    """
    Abs Celu Clip Elu Erf Exp Gelu HardSigmoid HardSwish LeakyRelu Mish Neg Relu Selu Sigmoid Softplus Softsign Swish
    Tanh ThresholdedRelu
    """.split()  # noqa: SIM905
)
"""Functions of single elements."""
_ARITHMETIC = ("Add", "Div", "Max", "Min", "Mul", "Pow", "Sub")
"""Functions of single elements if the other operand is one number or a function of the same value."""


def _attribute(node: onnx.NodeProto, name: str, default: object) -> object:
    return next((helper.get_attribute_value(a) for a in node.attribute if a.name == name), default)


@dataclass
class Placement:
    """The values to quantize.

    ``values`` maps each of them to the value that names its family. ``readers`` are the first outputs of the nodes that
    read the quantized value; all nodes do if a value has no entry, because integers computed it.
    """

    products: list[Product]
    values: dict[str, str] = field(default_factory=dict)
    readers: dict[str, set[str]] = field(default_factory=dict)
    sources: dict[str, list[str]] = field(default_factory=dict)
    """By family, the members that no data movement computes from another member: their numbers are all its numbers."""


def place(graph: FloatGraph, products: Sequence[Product], kept: Collection[str]) -> Placement:
    """The values to quantize. Products and other nodes named in ``kept`` stay in float."""
    return _Placer(graph, [p for p in products if p.label not in kept], kept).run()


class _Placer:
    def __init__(self, graph: FloatGraph, products: Sequence[Product], kept: Collection[str]) -> None:
        self.graph, self.kept = graph, kept
        self.placement = Placement(list(products))
        self.parents: dict[str, str] = {}
        self.waiting: list[str] = []
        self.roots: dict[str, str] = {}
        """The value that each value is a function of, element by element; itself if there is none."""
        self.integers: set[str] = set()
        """The values that layers on integers compute, so that all who read them can read integers."""

    def run(self) -> Placement:
        # In the order of the nodes, what a node needs to know of its inputs is known already.
        for node in self.graph.nodes:
            for value in node.output:
                self.roots[value] = self._root(value)
                if self._finds_integers(value):
                    self.integers.add(value)
        for product in self.placement.products:
            self._ask(product.x, product.node)
        while self.waiting:
            self._trace(self.waiting.pop())
        placement = self.placement
        for value in self._in_order(self.parents):
            family = self._family(value)
            placement.values[value] = family
            if value not in self.integers or not self._moved(value):
                placement.sources.setdefault(family, []).append(value)
        return placement

    def _in_order(self, values: Collection[str]) -> list[str]:
        order = {name: i for i, node in enumerate(self.graph.nodes) for name in node.output}
        return sorted(values, key=lambda name: (order.get(name, -1), name))

    @cached_property
    def _ends(self) -> dict[str, Product]:
        return {product.output: product for product in self.placement.products}

    def _ask(self, value: str, reader: onnx.NodeProto) -> None:
        """Notes that ``reader`` reads ``value`` as integers."""
        if value not in self.integers:
            self.placement.readers.setdefault(value, set()).add(reader.output[0])
        if value not in self.parents:
            self.parents[value] = value
            self.waiting.append(value)

    def _trace(self, value: str) -> None:
        """Asks for what ``value`` is computed from, if integers can compute it."""
        node = self.graph.makers.get(value)
        if node is None or value in self._ends or value not in self.integers:
            return
        if moved := self._moved(value):
            for name in moved:
                self._ask(name, node)
                self._join(name, value)
        elif self._is_clamp_of_layer(node):
            self._trace(node.input[0])
        elif (root := self.roots[value]) != value:
            self._ask(root, node)
        else:
            for name in self._operands(node):
                self._ask(name, node)

    def _join(self, one: str, other: str) -> None:
        first, second = self._family(one), self._family(other)
        if first != second:
            keep, drop = self._in_order({first, second})
            self.parents[drop] = keep

    def _family(self, value: str) -> str:
        while self.parents[value] != value:
            value = self.parents[value]
        return value

    def _moved(self, value: str) -> Sequence[str]:
        """The values that the maker of ``value`` moves; none if it computes."""
        node = self.graph.makers.get(value)
        if node is None or node.op_type not in MOVES or node_label(node) in self.kept or not is_standard(node):
            return ()
        if node.op_type == "MaxPool" and len(node.output) > 1:
            return ()
        moved = MOVES[node.op_type](node)
        return moved if all(self.graph.is_float(name) for name in moved) else ()

    def _operands(self, node: onnx.NodeProto) -> Sequence[str]:
        """The inputs of a sum, a product of two values or a mean; none for other nodes."""
        if node_label(node) in self.kept or not is_standard(node):
            return ()
        if node.op_type in _MEANS and self.graph.is_float(node.input[0]):
            return [str(node.input[0])]
        if node.op_type in _SUMS and all(self.graph.is_float(name) for name in node.input):
            return [str(name) for name in node.input]
        return ()

    def _is_clamp_of_layer(self, node: onnx.NodeProto) -> bool:
        """Whether ``node`` is a Relu or Clip that belongs to the layer before."""
        if not is_clamp(self.graph, node):
            return False
        x = node.input[0]
        maker = self.graph.makers.get(x)
        if maker is None or self.graph.only_reader(x) is None or self.roots.get(x, x) != x:
            return False
        return x in self._ends or bool(self._operands(maker))

    def _root(self, value: str) -> str:
        node = self.graph.makers[value]
        if value in self._ends or node_label(node) in self.kept or not is_standard(node):
            return value
        if self._is_clamp_of_layer(node):
            return value
        others = [str(name) for name in node.input if name and self.graph.constant(name) is None]
        roots = {self.roots.get(name, name) for name in others}
        if node.op_type in _FUNCTIONS and len(others) == 1:
            return roots.pop()
        constants = [self.graph.constant(name) for name in node.input]
        if node.op_type in _ARITHMETIC and len(roots) == 1 and all(a is None or a.size == 1 for a in constants):
            return roots.pop()
        return value

    def _finds_integers(self, value: str) -> bool:
        node = self.graph.makers[value]
        if value in self._ends:
            return True
        if moved := self._moved(value):
            return any(name in self.integers for name in moved)
        if self._is_clamp_of_layer(node):
            return node.input[0] in self.integers
        if (root := self.roots[value]) != value:
            return root in self.integers
        return any(name in self.integers for name in self._operands(node))
