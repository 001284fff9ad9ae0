"""The listing of ``tf2rust patterns``: the layer of every ONNX node, and why nodes are unmatched or in float32."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from rich.markup import escape

from tf2rust.errors import one_line
from tf2rust.onnx_import.match import Matched, Unmatched
from tf2rust.ops.core.dims import format_shape, plain_shape
from tf2rust.ops.core.layer import Dims, LayerGraph

LISTING_VERSION = 1


@dataclass(frozen=True)
class LayerRow:
    """A layer, the rules that created it, and the nodes that it replaces."""

    name: str
    kind: str
    rules: tuple[str, ...]
    nodes: tuple[str, ...]
    inputs: tuple[Dims, ...]
    outputs: tuple[Dims, ...]
    weights: dict[str, tuple[int, ...]]
    parameters: dict[str, Any]
    inside: str = ""
    """The layer whose body contains it."""


@dataclass(frozen=True)
class DepartureRow:
    """A layer at which a quantized model leaves the integers, and why."""

    layer: str
    kind: str
    reason: str


@dataclass(frozen=True)
class Listing:
    """Every node of the model exactly once: in a layer, computed at conversion, unused or unmatched.

    ``departures`` are the layers at which a quantized model leaves the integers.
    """

    layers: list[LayerRow]
    constants: list[str] = field(default_factory=list)
    shapes: list[str] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    unmatched: list[Unmatched] = field(default_factory=list)
    departures: list[DepartureRow] = field(default_factory=list)

    def nodes(self) -> list[str]:
        """All node names in the listing."""
        return [
            *(n for row in self.layers for n in row.nodes),
            *self.constants,
            *self.shapes,
            *self.unused,
            *(u.node for u in self.unmatched),
        ]

    def as_json(self) -> dict[str, Any]:
        """The listing as JSON."""
        return {
            "version": LISTING_VERSION,
            "layers": [
                {
                    "name": row.name,
                    "kind": row.kind,
                    "rules": list(row.rules),
                    "nodes": list(row.nodes),
                    "inputs": [plain_shape(s) for s in row.inputs],
                    "outputs": [plain_shape(s) for s in row.outputs],
                    "weights": {role: list(shape) for role, shape in row.weights.items()},
                    "parameters": row.parameters,
                    **({"inside": row.inside} if row.inside else {}),
                }
                for row in self.layers
            ],
            "done_at_conversion": {"constants": self.constants, "shape_arithmetic": self.shapes},
            "unused": self.unused,
            "unmatched": [
                {
                    "node": u.node,
                    "op": u.op,
                    "attributes": {
                        k: v if isinstance(v, (int, float, str, list)) else str(v) for k, v in u.attributes.items()
                    },
                    "nearest_rule": u.nearest_rule,
                    "reason": u.reason,
                    **({"inside": list(u.inside)} if u.inside else {}),
                }
                for u in self.unmatched
            ],
            "leaves_integers": [asdict(row) for row in self.departures],
        }

    def as_text(self) -> str:
        """The listing as text with rich's markup."""
        lines: list[str] = []
        for row in self.layers:
            shapes = f"{', '.join(map(format_shape, row.inputs))} → {', '.join(map(format_shape, row.outputs))}"
            weights = ", ".join(f"{role} {list(shape)}" for role, shape in row.weights.items())
            parameters = ", ".join(f"{k} {v}" for k, v in row.parameters.items())
            inside = f"  in the body of {escape(one_line(row.inside))}" if row.inside else ""
            lines.append(f"[bold]{escape(one_line(row.name))}[/]  [green]{row.kind}[/]  {escape(shapes)}{inside}")
            lines += [
                f"    {label}: {escape(one_line(text))}"
                for label, text in (("parameters", parameters), ("weights", weights))
                if text
            ]
            lines.append(f"    rules: {', '.join(row.rules)}")
            lines += [f"      {escape(one_line(node))}" for node in row.nodes]
        for title, nodes in (
            ("Computed at conversion: constants", self.constants),
            ("Computed at conversion: shapes", self.shapes),
            ("Unused: no output depends on them", self.unused),
        ):
            if nodes:
                lines += [f"[bold]{title}[/]", *(f"      {escape(one_line(node))}" for node in nodes)]
        if self.departures:
            lines.append("[bold]Leaves the integers[/]")
            lines += [f"      {escape(one_line(f'{d.layer} ({d.kind}): {d.reason}'))}" for d in self.departures]
        if self.unmatched:
            lines.append("[bold red]Unmatched[/]")
            lines += [f"      {escape(one_line(u.sentence()))}" for u in self.unmatched]
        count = sum(len(row.nodes) for row in self.layers)
        lines.append(
            f"{len(self.layers)} layers from {count} nodes; {len(self.constants) + len(self.shapes)} nodes computed at "
            f"conversion, {len(self.unused)} unused, {len(self.unmatched)} unmatched"
        )
        return "\n".join(lines)


def listing(matched: Matched, graph: LayerGraph) -> Listing:
    """Returns the listing of a match; ``graph`` is the graph of layers before any pass."""
    departures = [DepartureRow(d.layer.name, d.layer.kind, d.reason) for d in graph.all_departures()]
    return Listing(_rows(graph), matched.constants, matched.shapes, matched.unused, matched.unmatched, departures)


def _rows(graph: LayerGraph, inside: str = "") -> list[LayerRow]:
    """One row per layer, followed by the rows of its bodies."""
    rows = []
    for layer in graph.layers:
        rows.append(
            LayerRow(
                layer.name,
                layer.kind,
                layer.rules,
                layer.nodes,
                tuple(v.shape for v in layer.inputs),
                tuple(v.shape for v in layer.outputs),
                {w.role: tuple(w.array.shape) for w in layer.weights()},
                layer.params(),
                inside,
            )
        )
        for body in layer.bodies():
            rows += _rows(body, layer.name)
    return rows
