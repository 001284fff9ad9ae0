"""Replaces a node by the nodes of its definition."""

from __future__ import annotations

from collections.abc import Mapping

import onnx
import onnx_ir as ir

from tf2rust.ops.core.inference import bodies_of


def inline(node: ir.Node, body: onnx.FunctionProto, opsets: Mapping[str, int]) -> list[ir.Node]:
    """Replaces ``node`` by the nodes of ``body``. Returns them, with all nested nodes; their names begin with the
    node's name. ``opsets`` are the versions of operator sets that ``body`` does not import.
    """
    made_there = {*body.input, *(output for inner in body.node for output in inner.output)}
    outputs = [(name, v) for name, v in zip(body.output, node.outputs, strict=False) if name in made_there]
    del body.output[:]
    body.output.extend(name for name, _ in outputs)
    function = ir.serde.deserialize_function(body)
    versions = {**opsets, **{item.domain: item.version for item in body.opset_import}}
    defaults = {a.name: ir.serde.deserialize_attribute(a) for a in body.attribute_proto}
    name = node.name or node.outputs[0].name or node.op_type
    made, everything = list(function), list(function.all_nodes())
    for inner in everything:
        inner.name = f"{name}/{inner.name or inner.outputs[0].name}"
        inner.version = versions.get(inner.domain, node.version)
        _fill_in(inner, node, defaults)
        for graph in bodies_of(inner):
            for value in graph.inputs:
                value.name = f"{name}/{value.name}"
        for value in inner.outputs:
            value.name = f"{name}/{value.name}" if value.name else value.name
    given = [*node.inputs, *[None] * (len(function.inputs) - len(node.inputs))]
    for formal, actual in zip(function.inputs, given, strict=False):
        for use in tuple(formal.uses()):
            use.node.replace_input_with(use.idx, actual)
    actuals = dict(zip(function.inputs, given, strict=False))
    results = [actuals.get(v, v) for v in function.outputs]
    function.outputs.clear()
    function.remove(made)
    pairs = [(old, new) for (_, old), new in zip(outputs, results, strict=True) if new is not None]
    around = node.graph
    assert around is not None
    ir.convenience.replace_nodes_and_values(around, node, [node], made, [a for a, _ in pairs], [b for _, b in pairs])
    return everything


def _fill_in(inner: ir.Node, node: ir.Node, defaults: Mapping[str, ir.Attr]) -> None:
    """Resolves a body node's references to attributes of ``node``."""
    for name, attribute in list(inner.attributes.items()):
        source = attribute.ref_attr_name
        if source is None:
            continue
        found = node.attributes.get(source) or defaults.get(source) or _default(node, source)
        del inner.attributes[name]
        if found is not None:
            inner.attributes[name] = ir.Attr(name, found.type, found.value)


def _default(node: ir.Node, name: str) -> ir.Attr | None:
    schema = onnx.defs.get_schema(node.op_type, node.version or 1, node.domain)
    default = schema.attributes[name].default_value
    return ir.serde.deserialize_attribute(default) if default.type else None
