"""Everything that the report shows, as one JSON object."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from tf2rust import __version__
from tf2rust.codegen.brief import brief
from tf2rust.codegen.figures import layer_figures, sizes_of_one_sample, total_figures, value_bytes, workspace_bytes
from tf2rust.codegen.model import Model
from tf2rust.codegen.report.blocks import Block, Items, find_blocks
from tf2rust.codegen.report.memory import memory_over_time
from tf2rust.codegen.weights import Entry
from tf2rust.errors import one_line
from tf2rust.ops.core.dims import plain_shape
from tf2rust.ops.core.dtypes import shown
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.proof.proof import Proof

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


def report_data(title: str, model: Model, graph: LayerGraph, proof: Proof, origin: Origin) -> dict[str, Any]:
    """The report as JSON. Figures are for one sample, with the sizes of the proof's samples otherwise."""
    return _Report(model, graph, proof, origin).data(title)


class _Report:
    def __init__(self, model: Model, graph: LayerGraph, proof: Proof, origin: Origin) -> None:
        self.model, self.graph, self.proof, self.origin = model, graph, proof, origin
        self.sizes = sizes_of_one_sample(model, proof.sizes)
        self.values: list[Value] = []
        self.numbers: dict[Value, int] = {}
        self.layers = list(graph.walk())
        self.layer_numbers = {layer: number for number, layer in enumerate(self.layers)}
        self.weights: dict[str, dict[str, Any]] = {}

    def data(self, title: str) -> dict[str, Any]:
        origin = self.origin
        for value in self.graph.inputs:
            self._number(value)
        layers = [self._layer(layer) for layer in self.layers]
        ports = zip(self.model.all_inputs, self.graph.inputs, strict=True)
        inputs = [self._port(port.name, value) for port, value in ports]
        outputs = [self._port(name, value) for name, value in self.graph.outputs]
        self._mark_bodies(layers)
        return {
            "version": REPORT_VERSION,
            "title": _name(title),
            "tf2rust": __version__,
            "source": {"file": _name(origin.file), "sha256": origin.sha256},
            "sizes": {_name(name): size for name, size in self.sizes.items()},
            "totals": {
                **asdict(total_figures(self.model, self.graph, self.sizes)),
                "layers": len(layers),
                "workspace_bytes": workspace_bytes(self.model, self.graph, self.sizes),
            },
            "inputs": inputs,
            "outputs": outputs,
            "layers": layers,
            "values": [self._value(value) for value in self.values],
            "weights": self.weights,
            "tree": self._tree(self.graph),
            "nodes": {
                "constants": self._nodes(origin.constants),
                "shapes": self._nodes(origin.shapes),
                "unused": self._nodes(origin.unused),
            },
            "proof": self._proof(),
            "memory": memory_over_time(self.model, self.graph, self.numbers, self.sizes),
            "quantization": None if origin.quantization is None else _short(origin.quantization, whole=True),
            "notes": [one_line(note) for note in origin.notes],
        }

    def _number(self, value: Value) -> int:
        """The index of a value in the report."""
        if value not in self.numbers:
            self.numbers[value] = len(self.values)
            self.values.append(value)
        return self.numbers[value]

    def _port(self, name: str, value: Value) -> dict[str, Any]:
        return {"name": _name(name), "value": self._number(value)}

    def _value(self, value: Value) -> dict[str, Any]:
        allocation = self.model.plan.allocations.get(value)
        place = ""
        if allocation is not None:
            buffer = f"buffer {allocation.buffer}" if allocation.buffer is not None else "constant"
            place = "input" if allocation.input is not None else "output" if allocation.output is not None else buffer
        return {
            "dtype": shown(value.dtype),
            "shape": plain_shape(value.shape),
            "bytes": value_bytes(value, self.sizes),
            "place": place,
        }

    def _layer(self, layer: Layer) -> dict[str, Any]:
        memory = self.model.plan
        nodes, edges = self._inner_nodes(layer)
        bodies = [self._body(body) for body in layer.bodies()]
        entries = self.model.weights.of_layer(layer)
        for entry in entries.values():
            if entry.key not in self.weights:
                self.weights[entry.key] = _weight(entry)
        found: dict[str, Any] = {
            "name": _name(self.model.names[layer]),
            "kind": layer.kind,
            "inputs": [self._number(value) for value in layer.inputs],
            "values": [self._number(value) for value in layer.outputs],
            "outputs": [plain_shape(value.shape) for value in layer.outputs],
            **asdict(layer_figures(self.model, layer, self.sizes)),
            "brief": brief(layer),
            "attributes": {name: _short(value) for name, value in layer.params().items()},
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
        return self._nodes(layer.nodes), edges

    def _nodes(self, names: Iterable[str]) -> list[list[str]]:
        nodes = self.origin.nodes
        return [[_name(name), nodes[name].op if name in nodes else ""] for name in names]

    def _body(self, body: LayerGraph) -> dict[str, Any]:
        return {
            "inputs": [self._number(value) for value in body.inputs],
            "outputs": [self._number(value) for _, value in body.outputs],
            "tree": self._tree(body),
        }

    def _mark_bodies(self, layers: list[dict[str, Any]]) -> None:
        """Tells the layers of bodies which layer runs them, and their depth in bodies."""
        for layer, outer in zip(self.layers, layers, strict=True):
            for inner in (inner for body in layer.bodies() for inner in body.layers):
                layers[self.layer_numbers[inner]] |= {
                    "inside": self.layer_numbers[layer],
                    "depth": outer.get("depth", 0) + 1,
                }

    def _tree(self, graph: LayerGraph) -> list[Any]:
        """The blocks of a graph: numbers of layers, and objects with a name and items."""
        made = {value: number for number, layer in enumerate(graph.layers) for value in layer.outputs}
        edges = sorted(
            {(made[v], number) for number, layer in enumerate(graph.layers) for v in layer.inputs if v in made}
        )
        names = [self.model.names[layer] for layer in graph.layers]
        return self._items(find_blocks(names, edges), graph)

    def _items(self, items: Items, graph: LayerGraph) -> list[Any]:
        return [
            {"name": _name(item.name), "items": self._items(item.items, graph)}
            if isinstance(item, Block)
            else self.layer_numbers[graph.layers[item]]
            for item in items
        ]

    def _proof(self) -> dict[str, Any]:
        proof = self.proof
        outputs = []
        for name, array in proof.outputs.items():
            found, own = proof.differences.get(name), proof.elements.get(name)
            output: dict[str, Any] = {
                "name": _name(name),
                "dtype": shown(array.dtype.name),
                "elements": array.size,
                "tolerance": float(proof.tolerances[name]),
                "reason": one_line(proof.reasons[name]),
            }
            if own is not None:
                output["own_tolerances"] = {"elements": int(np.count_nonzero(own)), "largest": float(own.max())}
            if found is not None:
                output["difference"] = asdict(found)
            outputs.append(output)
        unit = "step" if proof.steps else "sample"
        return {
            "about": one_line(proof.about()),
            "reference": one_line(proof.reference),
            "samples": proof.samples,
            "unit": unit,
            "outputs": outputs,
        }


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


def _name(text: str) -> str:
    """A name on one line, without control characters, and without its middle if it is very long."""
    half = _LONGEST_NAME // 2
    line = one_line(text if len(text) <= _LONGEST_NAME else f"{text[:half]}…{text[-half:]}")
    return line[: 4 * _LONGEST_NAME]  # escapes are longer than what they replace


def _short(value: Any, *, whole: bool = False) -> Any:
    """A parameter with at most ``_MOST_NUMBERS`` elements; a longer list says how many it has, unless ``whole``."""
    if isinstance(value, str):
        return _name(value)
    if isinstance(value, list):
        if len(value) > _MOST_NUMBERS and not whole:
            return [*map(_short, value[: _MOST_NUMBERS - 1]), f"… {len(value):,} in all"]
        return [_short(item, whole=whole) for item in value]
    if isinstance(value, dict):
        return {_name(str(key)): _short(item, whole=whole) for key, item in value.items()}
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value


def _rounded(number: float) -> float | None:
    """Four significant digits; None if the number is not finite. The largest numbers would round to infinity."""
    rounded = float(f"{number:.4g}")
    if math.isfinite(rounded):
        return rounded
    return number if math.isfinite(number) else None
