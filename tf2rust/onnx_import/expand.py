"""Operators that are defined by others: a node that no rule fits is replaced by its definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from tf2rust.onnx_import import classical
from tf2rust.onnx_import.infer import Analysis, reanalyse
from tf2rust.onnx_import.match import Matched, Unmatched, match
from tf2rust.onnx_import.widen import widened
from tf2rust.ops.core.facts import Facts
from tf2rust.ops.core.registry import rules_by_op

_DEEPEST = 8
"""Definitions within definitions beyond which something is wrong."""


def match_expanding(analysis: Analysis) -> Matched:
    """Matches the graph, with the definitions in place of those nodes that no rule fits and that have one."""
    matched = match(analysis)
    origins: dict[ir.Node, _Origin] = {}
    while True:
        refused = [u for u in matched.unmatched if u.blocked_by is None]
        found = [_expand(analysis, u, origins) for u in refused]
        if not any(found) and matched.unmatched:
            # What blocks a node may be read for its number alone, so that no layer asks for it.
            found = [_expand(analysis, u, origins) for u in _unknown(analysis)]
        if not any(found):
            break
        analysis = reanalyse(analysis)
        matched = match(analysis)
    return replace(matched, unmatched=_as_written(matched.unmatched, origins))


@dataclass(frozen=True)
class _Origin:
    """The refusal of the node in whose definition a node stands, and within how many definitions it does."""

    refused: Unmatched
    depth: int


def _unknown(analysis: Analysis) -> list[Unmatched]:
    """The nodes of whose outputs nothing is known, as refusals."""
    return [
        Unmatched(node.name or "?", node.op_type, {}, None, reason, source=node)
        for node, reason in analysis.problems.items()
    ]


def _expand(analysis: Analysis, refused: Unmatched, origins: dict[ir.Node, _Origin]) -> bool:
    """Replaces the node that was refused by its definition, if it has one."""
    node = refused.source
    body = None if node is None else _definition(node, analysis.facts)
    if node is None or body is None:
        return False
    origin = origins.get(node, _Origin(refused, 0))
    if origin.depth == _DEEPEST:
        return False
    for inner in _replace(analysis, node, body):
        origins[inner] = replace(origin, depth=origin.depth + 1)
    return True


def _as_written(unmatched: Iterable[Unmatched], origins: Mapping[ir.Node, _Origin]) -> list[Unmatched]:
    """The refusals in terms of the model's own nodes, each once: why no rule fits, and what the definition needs."""
    found: list[Unmatched] = []
    named: set[ir.Node | None] = set()
    for item in unmatched:
        known = origins.get(item.source) if item.source is not None else None
        origin = None if known is None else known.refused
        if origin is None:
            found.append(item)
        elif item.blocked_by is None and origin.source not in named:
            named.add(origin.source)
            reason = f"{origin.reason}; it could be done by its definition, but for {item.op}: {item.reason}"
            # A node between Casts is no other operator.
            found.append(replace(origin, reason=item.reason if item.op == origin.op else reason))
    return found


def _definition(node: ir.Node, facts: Facts) -> onnx.FunctionProto | None:
    """What the node is defined by, for inputs of these types; None if there is nothing."""
    if node.domain == classical.DOMAIN:
        return classical.definition(node, facts)
    # Where float32 has a layer of its own, its result is rounded once; by the definition, after each step.
    if rules_by_op().get(node.op_type):
        if any(v is not None and v not in facts for v in node.inputs):
            return None  # what it reads was replaced just now; the next round knows
        return widened(node, facts) or _given(node, facts)
    return _given(node, facts) or widened(node, facts)


def _given(node: ir.Node, facts: Facts) -> onnx.FunctionProto | None:
    """The body that ONNX gives the operator."""
    version = node.version or 1
    try:
        schema: Any = onnx.defs.get_schema(node.op_type, version, node.domain)
    except onnx.defs.SchemaError:
        return None
    body = onnx.FunctionProto()
    own = [v for v in schema.function_opset_versions if v <= version]
    by_context = [v for v in schema.context_dependent_function_opset_versions if v <= version]
    if by_context:
        if any(v is not None and v not in facts for v in node.inputs):
            return None
        types = [_type(v, facts).SerializeToString() for v in node.inputs]
        given = ir.to_proto(node).SerializeToString()
        body.ParseFromString(schema.get_context_dependent_function_with_opset_version(max(by_context), given, types))
    elif own:
        body.ParseFromString(schema.get_function_with_opset_version(max(own)))
    has_graphs = any(a.HasField("g") or a.graphs for inner in body.node for a in inner.attribute)
    return None if has_graphs or not body.node else body


def _type(value: ir.Value | None, facts: Facts) -> onnx.TypeProto:
    if value is None:
        return onnx.TypeProto()
    fact = facts[value]
    sizes = [d if isinstance(d, int) else None for d in fact.shape]
    return onnx.helper.make_tensor_type_proto(ir.DataType.from_numpy(np.dtype(fact.dtype)).value, sizes)


def _replace(analysis: Analysis, node: ir.Node, body: onnx.FunctionProto) -> list[ir.Node]:
    """Puts the nodes of ``body`` where ``node`` is, and gives them; they are called after it."""
    values: dict[str, ir.Value | None] = dict(zip(body.input, node.inputs, strict=False))
    versions = {**analysis.opsets, **{item.domain: item.version for item in body.opset_import}}
    defaults = {a.name: a for a in body.attribute_proto}
    name = node.name or node.op_type
    made = []
    for proto in body.node:
        inner = ir.Node(
            proto.domain,
            proto.op_type,
            [values.get(i) if i else None for i in proto.input],
            _attributes(proto, node, defaults),
            num_outputs=len(proto.output),
            name=f"{name}/{proto.name or proto.output[0]}",
            version=versions.get(proto.domain, node.version),
        )
        for output, value in zip(proto.output, inner.outputs, strict=True):
            value.name = f"{name}/{output}"
            values[output] = value
        made.append(inner)
    pairs = [(old, values[o]) for o, old in zip(body.output, node.outputs, strict=False) if o in values]
    old, new = [a for a, _ in pairs], [b for _, b in pairs]
    ir.convenience.replace_nodes_and_values(analysis.graph, node, [node], made, old, new)  # type: ignore[arg-type]
    return made


def _attributes(proto: onnx.NodeProto, node: ir.Node, defaults: Mapping[str, onnx.AttributeProto]) -> list[ir.Attr]:
    """The attributes of a node of the body, where they refer to those of ``node``, with its values."""
    found = []
    for attribute in proto.attribute:
        source = attribute.ref_attr_name
        if not source:
            found.append(ir.serde.deserialize_attribute(attribute))
        elif source in node.attributes:
            own = node.attributes[source]
            found.append(ir.Attr(attribute.name, own.type, own.value))
        elif source in defaults:
            found.append(ir.serde.deserialize_attribute(defaults[source]))
        elif (default := _default(node, source)) is not None:
            found.append(ir.Attr(attribute.name, default.type, default.value))
    return found


def _default(node: ir.Node, name: str) -> ir.Attr | None:
    schema = onnx.defs.get_schema(node.op_type, node.version or 1, node.domain)
    default = schema.attributes[name].default_value
    return ir.serde.deserialize_attribute(default) if default.type else None
