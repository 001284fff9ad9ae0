"""The report of a model without its crate, which shows unmatched nodes among the matched layers."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tf2rust.codegen.figures import sizes_of_one_sample
from tf2rust.codegen.model import layer_names
from tf2rust.codegen.report.blocks import find_blocks
from tf2rust.codegen.report.graph import GraphData, Node, Origin, plain, short_name, tree
from tf2rust.codegen.weights import WeightTable
from tf2rust.errors import one_line
from tf2rust.ops.core.dims import plain_shape, symbols
from tf2rust.ops.core.layer import LayerGraph, Value

Edge = tuple[int, int]


@dataclass(frozen=True)
class UnmatchedNode:
    """An ONNX node that no rule matched.

    ``reason`` says why the rule ``nearest_rule`` failed. ``blocked_by`` is the unmatched node that this node depends
    on, if nothing else is wrong with it. ``inside`` are the nodes whose bodies contain it, innermost first, and
    ``holder`` is the name of the outermost of them.
    """

    name: str
    op: str
    attributes: Mapping[str, Any]
    nearest_rule: str | None
    reason: str
    blocked_by: str | None = None
    inside: Sequence[str] = ()
    holder: str = ""


@dataclass(frozen=True)
class Interface:
    """The names of a model's inputs and outputs, and its initializers by name."""

    inputs: Sequence[str]
    outputs: Sequence[str]
    initializers: Mapping[str, Value]


def unconverted_data(
    title: str, graph: LayerGraph, unmatched: Sequence[UnmatchedNode], interface: Interface, origin: Origin
) -> dict[str, Any]:
    """The report as JSON, without a proof and a memory plan. Figures are for one sample.

    If nodes are unmatched, ``graph`` has the matched layers alone: some values have no layer that makes them. The boxes
    of unmatched nodes come after the layers. A node in the body of another has no box of its own: the box of the
    outermost node around it is marked.
    """
    return _Unconverted(graph, unmatched, interface, origin).data(title)


class _Unconverted:
    def __init__(
        self, graph: LayerGraph, unmatched: Sequence[UnmatchedNode], interface: Interface, origin: Origin
    ) -> None:
        names = layer_names(graph)
        symbolic = sorted(symbols(dim for value in graph.inputs for dim in value.shape))
        sizes = sizes_of_one_sample(symbolic, {})
        self.graph, self.unmatched, self.interface, self.origin = graph, unmatched, interface, origin
        self.made = GraphData(graph, names, WeightTable.of(graph, names), sizes, origin)
        self.known = dict(interface.initializers)
        for value in (v for layer in graph.layers for v in (*layer.inputs, *layer.outputs)):
            self.known.setdefault(value.name, value)
        self.known |= {value.name: value for value in graph.inputs} | dict(graph.outputs)

    def data(self, title: str) -> dict[str, Any]:
        made = self.made
        layers = made.layers()
        matched = len(layers)
        layers += [self._box(node) for node in self.unmatched if not node.holder]
        return made.about(title) | {
            "inputs": [self._port(name) for name in self.interface.inputs],
            "outputs": [self._port(name) for name in self.interface.outputs],
            "tree": self._tree(layers, matched),
            "unmatched": self._reasons(layers),
            "layers": layers,
            "values": made.values(),
            "weights": made.weights,
            "nodes": made.other_nodes(),
            "proof": None,
            "memory": None,
            "quantization": None,
            "notes": [one_line(note) for note in self.origin.notes],
        }

    def _value(self, name: str) -> Value:
        """The value with this name in the model; one that no layer reads or makes is unknown."""
        return self.known.setdefault(name, Value(name, "", ()))

    def _port(self, name: str) -> dict[str, Any]:
        return self.made.port(name, self._value(name))

    def _box(self, node: UnmatchedNode) -> dict[str, Any]:
        """The box of an unmatched node, with the keys of a layer."""
        found = self.origin.nodes.get(node.name, Node(node.op, (), ()))
        outputs = [self._value(name) for name in found.outputs if name]
        return {
            "name": short_name(node.name),
            "kind": short_name(node.op),
            "inputs": [self.made.number(self._value(name)) for name in found.inputs if name],
            "values": [self.made.number(value) for value in outputs],
            "outputs": [plain_shape(value.shape) for value in outputs if value.dtype],
            "parameters": 0,
            "multiply_adds": 0,
            "weight_bytes": 0,
            "output_bytes": 0,
            "brief": "",
            "attributes": {short_name(name): plain(value) for name, value in node.attributes.items()},
            "weights": {},
            "rules": [],
            "nodes": [[short_name(node.name), short_name(node.op)]],
            "memory": "",
        }

    def _reasons(self, layers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The unmatched nodes with their reasons; marks the boxes that are or contain them."""
        boxes = {node: number for number, layer in enumerate(self.made.all_layers) for node in layer.nodes}
        first = len(self.made.all_layers)
        boxes |= {node.name: first + at for at, node in enumerate(n for n in self.unmatched if not n.holder)}
        found = []
        for number, node in enumerate(self.unmatched):
            box = boxes.get(node.holder or node.name)
            if box is not None:
                layers[box].setdefault("unmatched", []).append(number)
            found.append(
                {
                    "node": short_name(node.name),
                    "op": short_name(node.op),
                    "attributes": {short_name(name): plain(value) for name, value in node.attributes.items()},
                    "nearest_rule": node.nearest_rule,
                    "reason": one_line(node.reason),
                    "blocked_by": None if node.blocked_by is None else short_name(node.blocked_by),
                    "inside": [short_name(name) for name in node.inside],
                    "box": box,
                }
            )
        return found

    def _tree(self, layers: Sequence[Mapping[str, Any]], matched: int) -> list[Any]:
        """The blocks of the model's own graph, with the boxes of unmatched nodes."""
        own = [self.made.layer_numbers[layer] for layer in self.graph.layers]
        numbers = _in_order([*own, *range(matched, len(layers))], layers)
        at = {number: index for index, number in enumerate(numbers)}
        edges = [(at[a], at[b]) for a, b in _edges(numbers, layers)]
        # A box is behind all that it reads, unless an unmatched node and its definition make the same value.
        forward = sorted({(a, b) for a, b in edges if a < b})
        names = [self.made.names[self.made.all_layers[n]] if n < matched else layers[n]["name"] for n in numbers]
        return tree(find_blocks(names, forward), numbers)


def _edges(numbers: Iterable[int], layers: Sequence[Mapping[str, Any]]) -> list[Edge]:
    """Pairs of a box and one that reads its output."""
    makers: dict[int, list[int]] = {}
    for number in numbers:
        for value in layers[number]["values"]:
            makers.setdefault(value, []).append(number)
    return [(a, b) for b in numbers for value in layers[b]["inputs"] for a in makers.get(value, ()) if a != b]


def _in_order(numbers: Sequence[int], layers: Sequence[Mapping[str, Any]]) -> list[int]:
    """The boxes in topological order; those of a cycle come last."""
    waiting = dict.fromkeys(numbers, 0)
    readers: dict[int, list[int]] = {}
    for source, reader in _edges(numbers, layers):
        waiting[reader] += 1
        readers.setdefault(source, []).append(reader)
    ready = deque(number for number in numbers if not waiting[number])
    ordered: dict[int, None] = {}
    while ready:
        number = ready.popleft()
        ordered[number] = None
        for reader in readers.get(number, ()):
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    return [*ordered, *(number for number in numbers if number not in ordered)]
