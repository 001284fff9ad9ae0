"""Normalises loop bodies, in which tf2onnx puts some results through an Identity at random."""

from __future__ import annotations

import onnx


def normalise_bodies(graph: onnx.GraphProto) -> None:
    """Rewrites all subgraphs of ``graph`` in place: only a value that is several outputs gets Identity nodes.

        h = Add(a, b)                              h = Add(a, b)
        i = Identity(h)         becomes            i = Identity(h)
        outputs: i, h                              outputs: h, i

    ONNX does not allow a value to be two outputs of a graph, so the later ones get the Identity.
    """
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _normalise(attribute.g)
                normalise_bodies(attribute.g)


def _normalise(body: onnx.GraphProto) -> None:
    made_here = {output for node in body.node if node.op_type != "Constant" for output in node.output}
    # Producers come first in ONNX, so the source of an Identity is already known.
    source: dict[str, str] = {}
    kept = []
    for node in body.node:
        if node.op_type == "Identity" and node.domain == "" and node.input[0] in made_here:
            source[node.output[0]] = source.get(node.input[0], node.input[0])
        else:
            kept.append(node)
    _redirect(kept, source)
    seen: set[str] = set()
    for output in body.output:
        value = source.get(output.name, output.name)
        if value in seen:
            name = f"{value}/output_{len(seen)}"
            kept.append(onnx.NodeProto(op_type="Identity", name=name, input=[value], output=[name]))
            value = name
        seen.add(value)
        output.name = value
    copies = [onnx.NodeProto.FromString(node.SerializeToString()) for node in kept]
    del body.node[:]
    body.node.extend(copies)


def _redirect(nodes: list[onnx.NodeProto], source: dict[str, str]) -> None:
    """Makes the nodes and their subgraphs read the sources of removed Identity nodes."""
    for node in nodes:
        for index, value in enumerate(node.input):
            node.input[index] = source.get(value, value)
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _redirect(list(attribute.g.node), source)
                for output in attribute.g.output:
                    output.name = source.get(output.name, output.name)
