"""Maps every node of an exported graph to its Keras layer."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

import onnx

from tf2rust.onnx_import.tensorflow.scopes import Call, LayerScopes


def attribute_nodes(graph: onnx.GraphProto, scopes: LayerScopes) -> dict[str, str]:
    """Maps node names to layer names, for all nodes of ``graph`` and its subgraphs that can be attributed.

    A node belongs to the layer in its name. Nodes that tf2onnx creates, such as an LSTM and its transposes, have no
    such name; they belong to the layer call that surrounds them.
    """
    layers: dict[str, str] = {}
    if scopes.names:
        _attribute(graph, scopes, layers, None)
    return layers


def _attribute(graph: onnx.GraphProto, scopes: LayerScopes, layers: dict[str, str], owner: Call | None) -> None:
    calls = {node.name: scopes.call_of(node.name) for node in graph.node}
    before = _nearest(graph.node, calls)
    after = _nearest(_reversed(graph.node), calls)
    for node in graph.node:
        call = calls[node.name]
        if call is None:
            call = _surrounding(before[node.name], after[node.name])
        # In the body of a loop, all other nodes belong to the loop.
        call = call or owner or ()
        if call:
            layers[node.name] = scopes.layer_of(call)
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _attribute(attribute.g, scopes, layers, call)


def _surrounding(before: set[Call], after: set[Call]) -> Call:
    """The innermost call that contains all neighbours, or all producers, or all consumers."""
    for group in (before | after, before, after):
        common = _common_prefix(group)
        if common:
            return common
    return ()


def _common_prefix(calls: Iterable[Call]) -> Call:
    parts = (set(column) for column in zip(*calls, strict=False))
    return tuple(column.pop() for column in itertools.takewhile(lambda column: len(column) == 1, parts))


def _nearest(nodes: Sequence[onnx.NodeProto], calls: Mapping[str, Call | None]) -> dict[str, set[Call]]:
    """The calls that reach each node through nodes without a call of their own; ``nodes`` are in topological order."""
    reaching: dict[str, set[Call]] = {}
    found: dict[str, set[Call]] = {}
    for node in nodes:
        here: set[Call] = set().union(*(reaching.get(name, set()) for name in node.input if name))
        found[node.name] = here
        call = calls[node.name]
        for output in node.output:
            reaching.setdefault(output, set()).update(here if call is None else {call})
    return found


def _reversed(nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The same nodes in reverse order, with inputs and outputs swapped."""
    return [
        onnx.NodeProto(name=node.name, input=list(node.output), output=[name for name in node.input if name])
        for node in reversed(nodes)
    ]
