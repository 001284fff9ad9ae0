"""Local functions of a model: their nodes take the place of each call, unless that makes too many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx
import onnx.inliner

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.own_operators import own_functions
from tf2rust.stages import brief

_MAX_NODES = 200_000
"""Nodes of a model whose functions are written out."""
_MAX_DEPTH = 100
"""Functions that call each other."""

_Key = tuple[str, str, str]


def inline_functions(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The model with its local functions written out, but for those that define operators of our own.

    Raises ConversionError if they call themselves, or if they make more nodes than a model may have.
    """
    if not proto.functions:
        return proto
    _Calls({(f.domain, f.name, f.overload): f for f in proto.functions}).check(proto.graph)
    try:
        return onnx.inliner.inline_selected_functions(proto, own_functions(proto), exclude=True)
    except Exception as error:  # whatever its C++ raises
        raise ConversionError(
            f"The model's functions cannot be written out ({brief(str(error))}); export the model without functions."
        ) from error


@dataclass(frozen=True)
class _Written:
    """What a function becomes: how many nodes, and how many functions deep."""

    nodes: int
    depth: int


class _Calls:
    """Counts nodes before they are made, as functions that double make more than any machine holds."""

    def __init__(self, functions: dict[_Key, onnx.FunctionProto]) -> None:
        self.functions = functions
        self.known: dict[_Key, _Written] = {}
        self.active: list[_Key] = []

    def check(self, graph: onnx.GraphProto) -> None:
        self._count(graph.node)

    def _count(self, nodes: Iterable[onnx.NodeProto]) -> _Written:
        total, depth = 0, 0
        for node in _all_nodes(nodes):
            key = (node.domain, node.op_type, node.overload)
            called = self._called(key) if key in self.functions else _Written(1, 0)
            total, depth = total + called.nodes, max(depth, called.depth)
            if total > _MAX_NODES:
                raise ConversionError(
                    f"The model's functions make more than {_MAX_NODES:,} nodes when they are written out, at "
                    f"`{brief(node.op_type)}`; export the model with fewer nested functions."
                )
        return _Written(total, depth)

    def _called(self, key: _Key) -> _Written:
        name = brief(key[1])
        if key in self.active:
            raise ConversionError(f"The model's function `{name}` calls itself; export the model without recursion.")
        if key not in self.known:
            self.active.append(key)
            inner = self._count(self.functions[key].node) if len(self.active) <= _MAX_DEPTH else _Written(0, _MAX_DEPTH)
            self.active.pop()
            self.known[key] = _Written(inner.nodes, inner.depth + 1)
        if self.known[key].depth + len(self.active) > _MAX_DEPTH:
            raise ConversionError(
                f"The model's function `{name}` calls others more than {_MAX_DEPTH} deep; export the model with fewer "
                "nested functions."
            )
        return self.known[key]


def _all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """The nodes, and those in their bodies."""
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in [*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs]:
                yield from _all_nodes(graph.node)
