"""Inlines the local functions of a model, unless that makes too many nodes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import onnx
import onnx.inliner

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.own_operators import own_functions
from tf2rust.onnx_import.tidy import node_bodies
from tf2rust.stages import brief

_MAX_NODES = 200_000
"""The maximum number of nodes of a model after inlining."""
_MAX_DEPTH = 100
"""The maximum depth of nested function calls."""

_Key = tuple[str, str, str]


def inline_functions(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Inlines all local functions, except the definitions of tf2rust's own operators.

    Raises ConversionError if functions are recursive, or if inlining makes more nodes than a model can have.
    """
    if not proto.functions:
        return proto
    _Calls({(f.domain, f.name, f.overload): f for f in proto.functions}).check(proto.graph)
    try:
        return onnx.inliner.inline_selected_functions(proto, own_functions(proto), exclude=True)
    except Exception as error:  # ONNX's C++ code raises many kinds of errors.
        raise ConversionError(
            f"The model's functions cannot be inlined ({brief(str(error))}); export the model without functions."
        ) from error


@dataclass(frozen=True)
class _Written:
    """The inlined size of a function: its number of nodes, and its depth of nested calls."""

    nodes: int
    depth: int


class _Calls:
    """Counts nodes before inlining, because nested calls can grow exponentially."""

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
                    f"Inlining the model's functions makes more than {_MAX_NODES:,} nodes at "
                    f"`{brief(node.op_type)}`; export the model with fewer nested functions."
                )
        return _Written(total, depth)

    def _called(self, key: _Key) -> _Written:
        name = brief(key[1])
        if key in self.active:
            raise ConversionError(f"The model's function `{name}` is recursive; export the model without recursion.")
        if key not in self.known:
            self.active.append(key)
            inner = self._count(self.functions[key].node) if len(self.active) <= _MAX_DEPTH else _Written(0, _MAX_DEPTH)
            self.active.pop()
            self.known[key] = _Written(inner.nodes, inner.depth + 1)
        if self.known[key].depth + len(self.active) > _MAX_DEPTH:
            raise ConversionError(
                f"The calls of the model's function `{name}` are nested more than {_MAX_DEPTH} deep; export the "
                "model with fewer nested functions."
            )
        return self.known[key]


def _all_nodes(nodes: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    """The nodes, and the nodes in their bodies."""
    for node in nodes:
        yield node
        for graph in node_bodies(node):
            yield from _all_nodes(graph.node)
