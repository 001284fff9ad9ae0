"""The graph of a report as JSON: layers, values, weights, blocks and ONNX nodes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tf2rust import __version__
from tf2rust.codegen.brief import brief
from tf2rust.codegen.figures import layer_figures, total_figures, value_bytes
from tf2rust.codegen.report.blocks import Block, Items, find_blocks
from tf2rust.codegen.weights import Entry, WeightTable
from tf2rust.errors import one_line
from tf2rust.ops.core.dims import plain_shape
from tf2rust.ops.core.dtypes import shown
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.planning.buffers import Plan

REPORT_VERSION = 1
_LONGEST_NAME = 400
"""The maximum length of a name in characters: names come from the model and can have megabytes."""
_MOST_NUMBERS = 32
"""The maximum length of a list in a parameter."""


@dataclass(frozen=True)
class Node:
    """An ONNX node: its operator, and the names of its inputs and outputs."""

    op: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True)
class Origin:
    """What is known of a model beyond its layers.

    ``nodes`` are the ONNX nodes by name. ``constants``, ``shapes`` and ``unused`` are the names of those that became no
    layer: they were computed at conversion, or no output depends on them. ``notes`` are those of the conversion.
    ``quantization`` says how a model that was quantized differs from the float model.
    """

    file: str
    sha256: str
    nodes: Mapping[str, Node] = field(default_factory=dict)
    constants: Sequence[str] = ()
    shapes: Sequence[str] = ()
    unused: Sequence[str] = ()
    notes: Sequence[str] = ()
    quantization: Mapping[str, Any] | None = None


class GraphData:
    """The graph as JSON. Figures are for the sizes ``sizes`` of the symbolic dimensions.

    Without a ``plan``, nothing is known of the memory. A value whose dtype is empty has an unknown dtype and shape.
    """

    def __init__(
        self,
        graph: LayerGraph,
        names: Mapping[Layer, str],
        table: WeightTable,
        sizes: Mapping[str, int],
        origin: Origin,
        plan: Plan | None = None,
    ) -> None:
        self.graph, self.names, self.table, self.sizes, self.origin = graph, names, table, sizes, origin
        self.plan = plan or Plan({}, [], set(), set())
        self.numbers: dict[Value, int] = {}
        self.all_layers = list(graph.walk())
        self.layer_numbers = {layer: number for number, layer in enumerate(self.all_layers)}
        self.weights: dict[str, dict[str, Any]] = {}

    def about(self, title: str) -> dict[str, Any]:
        """What the page says of the model as a whole."""
        origin = self.origin
        return {
            "version": REPORT_VERSION,
            "title": short_name(title),
            "tf2rust": __version__,
            "source": {"file": short_name(origin.file), "sha256": origin.sha256},
            "sizes": {short_name(name): size for name, size in self.sizes.items()},
            "totals": {**asdict(total_figures(self.table, self.graph, self.sizes)), "layers": len(self.all_layers)},
        }

    def layers(self) -> list[dict[str, Any]]:
        """All layers, each followed by the layers of its bodies."""
        for value in self.graph.inputs:
            self.number(value)
        found = [self._layer(layer) for layer in self.all_layers]
        for layer, outer in zip(self.all_layers, found, strict=True):
            for inner in (inner for body in layer.bodies() for inner in body.layers):
                found[self.layer_numbers[inner]] |= {
                    "inside": self.layer_numbers[layer],
                    "depth": outer.get("depth", 0) + 1,
                }
        return found

    def values(self) -> list[dict[str, Any]]:
        """The values that have a number, in the order of their numbers."""
        return [self._value(value) for value in self.numbers]

    def other_nodes(self) -> dict[str, list[list[str]]]:
        """The ONNX nodes that became no layer."""
        origin = self.origin
        lists = {"constants": origin.constants, "shapes": origin.shapes, "unused": origin.unused}
        return {name: self.nodes(nodes) for name, nodes in lists.items()}

    def number(self, value: Value) -> int:
        """The index of a value in the report."""
        return self.numbers.setdefault(value, len(self.numbers))

    def port(self, name: str, value: Value) -> dict[str, Any]:
        return {"name": short_name(name), "value": self.number(value)}

    def _value(self, value: Value) -> dict[str, Any]:
        allocation = self.plan.allocations.get(value)
        place = ""
        if allocation is not None:
            buffer = f"buffer {allocation.buffer}" if allocation.buffer is not None else "constant"
            place = "input" if allocation.input is not None else "output" if allocation.output is not None else buffer
        if not value.dtype:
            return {"dtype": "unknown", "shape": None, "bytes": 0, "place": place}
        return {
            "dtype": shown(value.dtype),
            "shape": plain_shape(value.shape),
            "bytes": value_bytes(value, self.sizes),
            "place": place,
        }

    def _layer(self, layer: Layer) -> dict[str, Any]:
        memory = self.plan
        nodes, edges = self._inner_nodes(layer)
        bodies = [self._body(body) for body in layer.bodies()]
        entries = self.table.of_layer(layer)
        for entry in entries.values():
            if entry.key not in self.weights:
                self.weights[entry.key] = _weight(entry)
        found: dict[str, Any] = {
            "name": short_name(self.names[layer]),
            "kind": layer.kind,
            "inputs": [self.number(value) for value in layer.inputs],
            "values": [self.number(value) for value in layer.outputs],
            "outputs": [plain_shape(value.shape) for value in layer.outputs],
            **asdict(layer_figures(self.table, layer, self.sizes)),
            "brief": brief(layer),
            "attributes": {name: plain(value) for name, value in layer.params().items()},
            "weights": {role: entry.key for role, entry in entries.items()},
            "rules": list(layer.rules),
            "nodes": nodes,
            "memory": "in place" if layer in memory.inplace else "alias" if layer in memory.aliases else "",
        }
        optional = {"edges": edges, "bodies": bodies}
        return found | {key: value for key, value in optional.items() if value}

    def _inner_nodes(self, layer: Layer) -> tuple[list[list[str]], list[list[int]]]:
        """The names and operators of the layer's ONNX nodes, and the edges between them."""
        makers: dict[str, int] = {}
        edges: list[list[int]] = []
        known = [self.origin.nodes.get(name) for name in layer.nodes]
        for number, node in enumerate(known):
            makers.update(dict.fromkeys(node.outputs if node else (), number))
        for number, node in enumerate(known):
            sources = {makers[name] for name in (node.inputs if node else ()) if name in makers}
            edges += [[source, number] for source in sorted(sources) if source != number]
        return self.nodes(layer.nodes), edges

    def nodes(self, names: Iterable[str]) -> list[list[str]]:
        nodes = self.origin.nodes
        return [[short_name(name), nodes[name].op if name in nodes else ""] for name in names]

    def _body(self, body: LayerGraph) -> dict[str, Any]:
        return {
            "inputs": [self.number(value) for value in body.inputs],
            "outputs": [self.number(value) for _, value in body.outputs],
            "tree": self.tree(body),
        }

    def tree(self, graph: LayerGraph) -> list[Any]:
        """The blocks of a graph: numbers of layers, and objects with a name and items."""
        made = {value: number for number, layer in enumerate(graph.layers) for value in layer.outputs}
        edges = sorted(
            {(made[v], number) for number, layer in enumerate(graph.layers) for v in layer.inputs if v in made}
        )
        names = [self.names[layer] for layer in graph.layers]
        return tree(find_blocks(names, edges), [self.layer_numbers[layer] for layer in graph.layers])


def tree(items: Items, numbers: Sequence[int]) -> list[Any]:
    """Blocks as JSON; ``numbers`` are those of the boxes that the blocks refer to by index."""
    return [
        {"name": short_name(item.name), "items": tree(item.items, numbers)}
        if isinstance(item, Block)
        else numbers[item]
        for item in items
    ]


def _weight(entry: Entry) -> dict[str, Any]:
    """An array of weights; the statistics are those of its numbers, if NumPy has their dtype."""
    array = entry.array
    found: dict[str, Any] = {
        "shape": list(array.shape),
        "dtype": entry.dtype,
        "bytes": entry.packed_bytes,
        "packing": entry.packing.name,
    }
    if array.dtype.name == entry.dtype and array.dtype.kind in "fiu" and array.size:
        statistics = (array.min(), np.mean(array, dtype=np.float64), array.max())
        found["statistics"] = [_rounded(float(number)) for number in statistics]
    return found


def short_name(text: str) -> str:
    """A name on one line, without control characters, and without its middle if it is very long."""
    half = _LONGEST_NAME // 2
    line = one_line(text if len(text) <= _LONGEST_NAME else f"{text[:half]}…{text[-half:]}")
    return line[: 4 * _LONGEST_NAME]  # escapes are longer than what they replace


def plain(value: Any, *, whole: bool = False) -> Any:
    """A parameter with at most ``_MOST_NUMBERS`` elements; a longer list says how many it has, unless ``whole``."""
    if isinstance(value, str):
        return short_name(value)
    if isinstance(value, list):
        if len(value) > _MOST_NUMBERS and not whole:
            return [*map(plain, value[: _MOST_NUMBERS - 1]), f"… {len(value):,} in all"]
        return [plain(item, whole=whole) for item in value]
    if isinstance(value, dict):
        return {short_name(str(key)): plain(item, whole=whole) for key, item in value.items()}
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def _rounded(number: float) -> float | None:
    """Four significant digits; None if the number is not finite. The largest numbers would round to infinity."""
    rounded = float(f"{number:.4g}")
    if math.isfinite(rounded):
        return rounded
    return number if math.isfinite(number) else None
