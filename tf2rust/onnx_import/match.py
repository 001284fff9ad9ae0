"""The matcher: applies the rules to the graph from its outputs upwards, and keeps the reasons for unmatched nodes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

import numpy as np
import onnx_ir as ir

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.infer import Analysis
from tf2rust.ops.contrib.call import is_defined
from tf2rust.ops.core.dims import symbols
from tf2rust.ops.core.dtypes import TENSORS, TEXT
from tf2rust.ops.core.inference import Node, bodies_of, is_data_dependent, is_known, label, read_by
from tf2rust.ops.core.layer import Layer, LayerGraph, Value
from tf2rust.ops.core.pattern import Mismatch
from tf2rust.ops.core.registry import Applied, Body, Builder, rules_by_op
from tf2rust.ops.generator.constant import Constant
from tf2rust.stages import at_node, brief


@dataclass(frozen=True)
class Unmatched:
    """A node that no rule matched, the nearest rule, and why it failed."""

    node: str
    op: str
    attributes: dict[str, Any]
    nearest_rule: str | None
    reason: str
    blocked_by: str | None = None
    """The unmatched node that this node depends on, if nothing else is known to be wrong with it."""
    inside: tuple[str, ...] = ()
    """The nodes whose bodies contain it, innermost first."""
    holder: str = ""
    """The name of the outermost of these nodes."""
    source: ir.Node | None = field(default=None, compare=False, repr=False)

    def sentence(self) -> str:
        """The reason as a message."""
        attributes = ", ".join(f"{k}={_brief(v)}" for k, v in self.attributes.items())
        nearest = f" (nearest rule: {self.nearest_rule})" if self.nearest_rule else ""
        where = "".join(f" in the body of {holder}" for holder in self.inside)
        op = brief(self.op)
        node = f"node `{brief(self.node)}`" if self.source is None or self.source.name else f"the {brief(self.node)}"
        return f"{node}{where}: {op}({attributes}) is not supported: {self.reason}{nearest}"


def _brief(value: object) -> str:
    """The value as text; long lists are cut off."""
    if isinstance(value, (list, tuple)) and len(value) > _SHOWN:
        return f"[{brief(', '.join(map(str, value[:_SHOWN])))}, … {len(value)} in all]"
    return brief(str(value)) if value else str(value)


_SHOWN = 8
"""The number of list elements that are shown."""


@dataclass
class Matched:
    """The graph of layers, and the status of all nodes outside of it."""

    graph: LayerGraph
    constants: list[str] = field(default_factory=list)
    """Nodes computed at conversion because their inputs are constants."""
    shapes: list[str] = field(default_factory=list)
    """Nodes that compute shapes; evaluated at conversion."""
    unused: list[str] = field(default_factory=list)
    """Nodes that no output depends on."""
    unmatched: list[Unmatched] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """Notes for the user, one sentence each."""
    initializers: Mapping[str, np.ndarray] = field(default_factory=dict)
    """The arrays of the graph's initializers, which rules read."""

    def add(self, inner: Matched, holder: ir.Node) -> None:
        """Adds the status of the nodes in the body of ``holder``."""
        self.constants += inner.constants
        self.shapes += inner.shapes
        self.unused += inner.unused
        self.unmatched += [_inside(u, holder) for u in inner.unmatched]


def _inside(unmatched: Unmatched, holder: ir.Node) -> Unmatched:
    name = label(holder)
    return replace(unmatched, inside=(*unmatched.inside, f"`{name}` ({holder.op_type})"), holder=name)


def match(analysis: Analysis) -> Matched:
    """Covers every node that an output depends on with the rules; larger patterns are tried first."""
    graph = analysis.graph
    result, builder = _cover(graph, graph.outputs, analysis)
    given = [v for v in graph.inputs if v.name not in graph.initializers]
    result.graph.conditions = analysis.infos.assumptions.checks()
    result.graph.inputs = [builder.value(v) for v in given if v in analysis.infos]
    if not result.unmatched:
        _refuse_dtypes(result.graph)
    unknown = next((v for v in (*given, *graph.outputs) if v not in analysis.infos), None)
    if unknown is not None and not result.unmatched:
        raise ConversionError(
            f"`{brief(unknown.name or '')}` of the model is a sequence, a map or an optional, but only tensors are "
            "supported; export the model without it."
        )
    return result


def _refuse_dtypes(graph: LayerGraph) -> None:
    """Raises ConversionError if an input, an output or a weight has a dtype that generated code does not support."""
    made = [v for layer in graph.walk() for v in layer.outputs]
    for value in [*graph.inputs, *made, *(v for _, v in graph.outputs)]:
        if value.dtype not in (*TENSORS, TEXT):
            raise ConversionError(
                f"`{brief(value.name)}` of the model has the unsupported dtype {value.dtype}; export the model "
                "with a Cast to another type there."
            )


def _cover(graph: ir.Graph, outputs: Sequence[ir.Value], analysis: Analysis) -> tuple[Matched, Builder]:
    """Returns the layers of ``graph`` that ``outputs`` depend on. The caller handles the inputs."""
    bodies: dict[ir.Node, list[Matched]] = {}

    def body(holder: Node, inner: ir.Graph, wanted: Sequence[ir.Value]) -> Body:
        with analysis.infos.within(inner) if holder.op == "If" else nullcontext():
            matched, own = _cover(inner, wanted, analysis)
            conditions = [] if holder.op != "If" else analysis.infos.assumptions.checks()
        bodies.setdefault(holder.ir, []).append(matched)
        layers = matched.graph.layers
        return Body(layers, own, _captured(inner, wanted, layers, own), conditions)

    builder = Builder(analysis.infos, body)
    nodes = list(graph)
    index = {node: i for i, node in enumerate(nodes)}
    claimed = builder.claimed
    demanded: set[ir.Value] = set(outputs)
    deciders = _deciders(nodes, analysis)
    applied: list[tuple[int, Applied]] = []
    result = Matched(LayerGraph([], []))
    for node in reversed(nodes):
        if node in claimed or not any(v in demanded for v in node.outputs):
            continue
        if node in analysis.folded:
            continue
        with at_node(node.name or node.op_type):
            outcome = _apply(node, analysis, builder)
        if isinstance(outcome, Unmatched):
            hidden = [_inside(u, node) for u in _hidden(node, analysis, builder)]
            blocked = outcome.blocked_by or next((u.node for u in hidden), None)
            result.unmatched[:0] = [*hidden, replace(outcome, source=node, blocked_by=blocked)]
            demanded.update(v for v in read_by(node) if not _is_shape(v, analysis))
            claimed.add(node)
            continue
        for inner in bodies.get(node, []):
            result.add(inner, node)
        applied.append((index[node], outcome))
        claimed.update(outcome.nodes)
        demanded.update(_real_inputs(outcome, builder))
        demanded.update(deciders[name] for layer in outcome.layers for name in layer.symbols() & deciders.keys())
    for _, item in applied:
        _credit_shared(item, claimed)
    for node in nodes:
        if node not in claimed:
            _leftover(node, analysis, result)
    layers = [layer for _, item in sorted(applied, key=lambda a: a[0]) for layer in item.layers]
    result.graph = LayerGraph(
        [],
        [(v.name or "", builder.value(v)) for v in outputs if v in analysis.infos],
        [],
    )
    result.graph.layers = _in_order([*_constants(builder, layers, outputs), *layers])
    return result, builder


def _deciders(nodes: Sequence[ir.Node], analysis: Analysis) -> dict[str, ir.Value]:
    """For each data-dependent dimension, the value whose layer computes it.

    Another layer can depend on the dimension without reading the value.
    """
    found: dict[str, ir.Value] = {}
    for value in (v for node in nodes for v in node.outputs):
        info = analysis.infos.known(value)
        for name in symbols(info.shape) if info is not None else ():
            if is_data_dependent(name):
                found.setdefault(name, value)
    return found


def _captured(
    graph: ir.Graph, outputs: Sequence[ir.Value], layers: Iterable[Layer], builder: Builder
) -> list[ir.Value]:
    """The outer values that the layers of a body read, or that are outputs of the body."""
    made = {value for layer in layers for value in layer.outputs}
    read = [v for layer in layers for v in layer.inputs] + [builder.value(v) for v in outputs]
    sources = [builder.source(v) for v in dict.fromkeys(read) if v not in made]
    return [v for v in sources if v is not None and v not in graph.inputs]


def _hidden(node: ir.Node, analysis: Analysis, builder: Builder) -> list[Unmatched]:
    """The refusals of the nodes in the bodies of a node with unknown outputs."""
    found: list[Unmatched] = []
    for graph in bodies_of(node):
        for inner in graph:
            deeper = [_inside(u, inner) for u in _hidden(inner, analysis, builder)]
            found += deeper
            if inner in analysis.problems and not deeper and not any(v in analysis.guessed for v in inner.inputs):
                refused = _apply(inner, analysis, builder)
                assert isinstance(refused, Unmatched)  # No rule is tried on a node with a problem.
                found.append(replace(refused, source=inner))
    return found


def _credit_shared(item: Applied, claimed: set[ir.Node]) -> None:
    """Lists nodes that several layers replace under one of these layers, unless the nodes have a layer of their own."""
    for node in item.shared:
        if node not in claimed and item.owner is not None:
            item.owner.nodes += (label(node),)
            claimed.add(node)


def _constants(builder: Builder, layers: Iterable[Layer], outputs: Iterable[ir.Value]) -> Iterator[Layer]:
    """The constants that layers read as tensors, or that are outputs themselves."""
    read = {value for layer in layers for value in layer.inputs} | {
        builder.value(v) for v in outputs if v in builder.infos
    }
    for source, value in builder.values():
        array = builder.infos.const(source)
        if value in read and array is not None:
            yield Constant(array=array, inputs=[], outputs=[value], anchor=value.name)


def _real_inputs(outcome: Applied, builder: Builder) -> Iterable[ir.Value]:
    """The ONNX values that the layers read but do not compute."""
    made = {value for layer in outcome.layers for value in layer.outputs}
    for layer in outcome.layers:
        for value in layer.inputs:
            source = None if value in made else builder.source(value)
            if source is not None:
                yield source


def _apply(node: ir.Node, analysis: Analysis, builder: Builder) -> Applied | Unmatched:
    known = rules_by_op().get(node.op_type, []) if is_known(node) else []
    nearest: tuple[str, Mismatch] | None = None
    problem = analysis.problems.get(node)
    if problem is None:
        for rule in known:
            outcome = rule.apply(node, builder)
            if isinstance(outcome, Applied):
                return outcome
            # The smallest pattern comes last, and its reason is the clearest.
            if nearest is None or outcome.depth >= nearest[1].depth or rule.pattern.size == 1:
                nearest = (rule.name, outcome)
    elif known:
        nearest = (known[-1].name, Mismatch(problem, label(node)))
    blocked = next((analysis.guessed[v] for v in node.inputs if v in analysis.guessed), None)
    if blocked is not None and (known or is_defined(node)):
        reason = f"its input depends on `{blocked}`, which is not supported"
        return unmatched_node(node, reason, known[-1].name if known else None, blocked)
    if nearest is None:
        similar = None if is_defined(node) else _rule_of_similar_name(node.op_type)
        return unmatched_node(node, problem or "no rule supports this operator", similar)
    return unmatched_node(node, nearest[1].reason, nearest[0])


def unmatched_node(
    node: ir.Node, reason: str, nearest_rule: str | None = None, blocked_by: str | None = None
) -> Unmatched:
    """The refusal of a node."""
    attributes = {name: _plain(attribute) for name, attribute in node.attributes.items()}
    op = f"{node.domain}.{node.op_type}" if node.domain else node.op_type
    return Unmatched(label(node), op, attributes, nearest_rule, reason, blocked_by, source=node)


@cache
def _rule_of_similar_name(op: str) -> str | None:
    close = difflib.get_close_matches(op, rules_by_op(), n=1)
    return rules_by_op()[close[0]][-1].name if close else None


def _plain(attribute: ir.Attr) -> Any:
    if attribute.type in (ir.AttributeType.GRAPH, ir.AttributeType.GRAPHS, ir.AttributeType.TENSOR):
        return f"<{attribute.type.name.lower()}>"
    return list(attribute.value) if isinstance(attribute.value, (list, tuple)) else attribute.value


def _leftover(node: ir.Node, analysis: Analysis, result: Matched) -> None:
    name = label(node)
    if node in analysis.folded:
        result.constants.append(name)
    elif all(_is_shape(v, analysis) for v in node.outputs) or _feeds_shapes(node, analysis):
        result.shapes.append(name)
    else:
        result.unused.append(name)


def _is_shape(value: ir.Value, analysis: Analysis) -> bool:
    """Whether the value is known at conversion: a shape, or a tensor filled with one number."""
    info = analysis.infos.known(value)
    return info is not None and (info.dims is not None or info.fill is not None)


def _feeds_shapes(node: ir.Node, analysis: Analysis) -> bool:
    """Whether a reader is a Shape node, so that only the node's shape mattered."""
    return any(use.node.op_type in ("Shape", "Size") for v in node.outputs for use in v.uses())


def _in_order(layers: list[Layer]) -> list[Layer]:
    """The layers in topological order; otherwise the order does not change."""
    made = {value for layer in layers for value in layer.outputs}
    ready: set[Value] = set()
    ordered: list[Layer] = []
    waiting = layers
    while waiting:
        later = []
        for layer in waiting:
            if all(v in ready or v not in made for v in layer.inputs):
                ordered.append(layer)
                ready.update(layer.outputs)
            else:
                later.append(layer)
        assert len(later) < len(waiting), "the graph of layers has a cycle"
        waiting = later
    return ordered
