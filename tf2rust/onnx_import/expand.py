"""Operators with function bodies: a node that no rule matches is replaced by its definition."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import onnx
import onnx_ir as ir

from tf2rust.onnx_import import own_operators
from tf2rust.onnx_import.dimensions import identifier
from tf2rust.onnx_import.infer import Analysis, reanalyse
from tf2rust.onnx_import.inline import inline
from tf2rust.onnx_import.match import Matched, Unmatched, match, unmatched_node
from tf2rust.onnx_import.widen import widened
from tf2rust.ops.contrib import call as contrib
from tf2rust.ops.core.inference import ValueInfos, label
from tf2rust.ops.core.registry import rules_by_op
from tf2rust.ops.ml import definitions
from tf2rust.stages import brief

_MAX_DEPTH = 8
"""The maximum depth of nested definitions."""


def match_expanding(analysis: Analysis) -> Matched:
    """Matches the graph. Nodes that no rule matches are replaced by their definitions, if they have one."""
    matched = match(analysis)
    origins: dict[ir.Node, _Origin] = {}
    while True:
        refused = [u for u in matched.unmatched if u.blocked_by is None]
        found = [_expand(analysis, u, origins) for u in refused]
        if not any(found) and matched.unmatched:
            # A blocked node may need only a constant of the refused node, so that no layer reads it.
            found = [_expand(analysis, u, origins) for u in _unknown(analysis)]
        if not any(found):
            break
        analysis = reanalyse(analysis)
        matched = match(analysis)
    unmatched = _of_the_model(_as_written([_of_its_domain(u) for u in matched.unmatched], origins), analysis)
    notes = [
        f"the model's dimension `{brief(name)}` is called `{own}` here, because the identifier "
        f"`{identifier(name)}` belongs to another dimension."
        for own, name in analysis.renamed.items()
    ]
    infos = ((name, analysis.infos.const(value)) for name, value in analysis.graph.initializers.items())
    initializers = {name: array for name, array in infos if array is not None}
    return replace(matched, unmatched=unmatched, notes=notes, initializers=initializers)


@dataclass(frozen=True)
class _Origin:
    """The refused node whose definition contains a node, and the depth of nested definitions."""

    refused: Unmatched
    depth: int


def _of_its_domain(item: Unmatched) -> Unmatched:
    """The refusal; for an ai.onnx.ml operator, with the reason that its definition gives."""
    if item.blocked_by is not None or item.source is None or item.source.domain != definitions.DOMAIN:
        return item
    return replace(item, reason=definitions.reason(item.source), nearest_rule=None)


def _unknown(analysis: Analysis) -> list[Unmatched]:
    """Refusals of all nodes with unknown outputs."""
    return [
        Unmatched(label(node), node.op_type, {}, None, reason, source=node)
        for node, reason in analysis.problems.items()
    ]


def _expand(analysis: Analysis, refused: Unmatched, origins: dict[ir.Node, _Origin]) -> bool:
    """Replaces the refused node by its definition. Returns False if there is none."""
    node = refused.source
    origin = origins.get(node, _Origin(refused, 0)) if node is not None else None
    if node is None or origin is None or origin.depth == _MAX_DEPTH or node in analysis.unbounded:
        return False
    try:
        body = _definition(node, analysis.infos)
    except (MemoryError, RecursionError):
        raise
    except Exception:  # a damaged node, which has a reason of its own
        return False
    if body is None:
        return False
    for inner in inline(node, body, analysis.opsets):
        origins[inner] = replace(origin, depth=origin.depth + 1)
    return True


def _as_written(unmatched: Iterable[Unmatched], origins: Mapping[ir.Node, _Origin]) -> list[Unmatched]:
    """The refusals in terms of the model's own nodes, without duplicates: why no rule matches, and what the definition
    needs.
    """
    found: list[Unmatched] = []
    named: set[ir.Node | None] = set()
    for item in unmatched:
        known = origins.get(item.source) if item.source is not None else None
        origin = None if known is None else known.refused
        if origin is None:
            found.append(item)
        elif item.blocked_by is None and origin.source not in named:
            named.add(origin.source)
            reason = f"{origin.reason}; its definition could be used, but {item.op} is not supported: {item.reason}"
            # A node between Casts is the same operator.
            found.append(replace(origin, reason=item.reason if item.op == origin.op else reason))
    return found


def _of_the_model(unmatched: Iterable[Unmatched], analysis: Analysis) -> list[Unmatched]:
    """The refusals, with those in definitions of ONNX Runtime's operators in terms of the node that was replaced."""
    found: list[Unmatched] = []
    named: set[ir.Node] = set()
    for item in unmatched:
        node = analysis.defined.get(item.source) if item.source is not None else None
        if node is None:
            found.append(item)
        elif item.blocked_by is None and node not in named:
            named.add(node)
            reason = f"its definition needs {item.op}, which is not supported here: {item.reason}"
            found.append(replace(unmatched_node(node, reason), inside=item.inside, holder=item.holder))
    return found


def _definition(node: ir.Node, infos: ValueInfos) -> onnx.FunctionProto | None:
    """The function body of the node for inputs of these types; None if there is none."""
    if node.domain == definitions.DOMAIN:
        return definitions.definition(node, infos)
    if contrib.is_contrib(node):
        return contrib.definition(node, infos)
    if own_operators.has_definition(node.domain, node.op_type):
        return own_operators.definition(node.op_type)
    # If there is a float32 layer, its result is rounded once; the definition would round after each step.
    if rules_by_op().get(node.op_type):
        if any(v is not None and v not in infos for v in node.inputs):
            return None  # An input was just replaced; the next round knows its type.
        return widened(node, infos) or _given(node, infos)
    return _given(node, infos) or widened(node, infos)


def _given(node: ir.Node, infos: ValueInfos) -> onnx.FunctionProto | None:
    """The operator's function body in ONNX."""
    version = node.version or 1
    try:
        schema: Any = onnx.defs.get_schema(node.op_type, version, node.domain)
    except onnx.defs.SchemaError:
        return None
    body = onnx.FunctionProto()
    own = [v for v in schema.function_opset_versions if v <= version]
    by_context = [v for v in schema.context_dependent_function_opset_versions if v <= version]
    if by_context:
        if any(v is not None and v not in infos for v in node.inputs):
            return None
        types = [_type(v, infos).SerializeToString() for v in node.inputs]
        given = ir.to_proto(node).SerializeToString()
        body.ParseFromString(schema.get_context_dependent_function_with_opset_version(max(by_context), given, types))
    elif own:
        body.ParseFromString(schema.get_function_with_opset_version(max(own)))
    return body if body.node else None


def _type(value: ir.Value | None, infos: ValueInfos) -> onnx.TypeProto:
    if value is None:
        return onnx.TypeProto()
    info = infos[value]
    sizes = [d if isinstance(d, int) else None for d in info.shape]
    return onnx.helper.make_tensor_type_proto(ir.DataType.from_numpy(np.dtype(info.dtype)).value, sizes)
