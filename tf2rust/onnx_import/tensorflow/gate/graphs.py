"""Finds what a TensorFlow graph would do beyond computing, in its protobuf message before TensorFlow imports it.

All nodes of the graph and its function library are checked, whether or not an output needs them, because TensorFlow's
loaders run more of a graph than its outputs.

Two kinds of ops access files and occur in ordinary models. The ops of a saver write and read the checkpoint that they
are fed (``SaveV2``, ``MergeV2Checkpoints``, ``RestoreV2``), and tables are initialised from the model's assets. Both
are recognised by the origin of their file names, which is followed through functions and their callers.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.tensorflow.gate.operators import is_computing
from tf2rust.onnx_import.tensorflow.gate.refusal import Refusal
from tf2rust.onnx_import.tensorflow.runtime import library

WRITERS = frozenset({"SaveV2", "MergeV2Checkpoints"})
"""The writing ops of a saver. They have no outputs."""
# The number of leading inputs that are file names.
_CHECKPOINT_OPS = {"SaveV2": 1, "MergeV2Checkpoints": 2, "RestoreV2": 1}
_TABLES = frozenset({"InitializeTableFromTextFile", "InitializeTableFromTextFileV2"})
_MAIN = ""
_MAX_DEPTH = 100  # calls and ops between a file name and its origin
_MOST_OUTPUTS = 1 << 16  # of one node
# Ops with which savers build file names.
_TEXT = {"ConcatV2", "ExpandDims", "Pack", "Reshape", "Select", "SelectV2", "ShardedFilename", "StringJoin"}
_TEXT |= {"StaticRegexFullMatch"}
# The index of the first function argument among the inputs of these ops.
_FIRST_ARGUMENT = {
    **dict.fromkeys(("PartitionedCall", "StatefulPartitionedCall", "While", "StatelessWhile"), 0),
    **dict.fromkeys(("If", "StatelessIf", "Case", "StatelessCase"), 1),
}


@dataclass(frozen=True)
class Names:
    """The origins of file names in a graph.

    ``checkpoint`` are the nodes that a loader feeds with the path of the variables, ``asset`` those that it feeds with
    the path of an asset. ``captured`` says for each function that the loader can call itself whether its last arguments
    are bound to paths of assets.
    """

    checkpoint: Collection[str] = ()
    asset: Collection[str] = ()
    captured: Mapping[str, list[bool]] = field(default_factory=dict)


def graph_refusals(graph_def: Any, names: Names | None = None) -> Iterator[Refusal]:
    """What the nodes of a ``GraphDef`` do beyond computing.

    Raises ``ConversionError`` if the graph is damaged.
    """
    graph = _Graph(graph_def, names or Names())
    found: dict[str, list[str]] = {}
    for scope, node in graph.nodes():
        _check_counts(node)
        does = _effect(graph, scope, node)
        if does:
            found.setdefault(does, []).append(f"{node.name!r}{f' of the function {scope!r}' if scope else ''}")
    for does, nodes in found.items():
        others = f" (like {len(nodes) - 1} others)" if len(nodes) > 1 else ""
        yield Refusal(f"Node {nodes[0]}{others} {does}", "export the model without it")


def _effect(graph: _Graph, scope: str, node: Any) -> str | None:
    """What a node does beyond computing."""
    op, given = node.op, [tensor for tensor in node.input if not tensor.startswith("^")]
    if is_computing(op) or op in graph.functions:
        return None
    if op in _CHECKPOINT_OPS:
        is_fed = all(graph.is_checkpoint(scope, tensor) for tensor in given[: _CHECKPOINT_OPS[op]])
        return None if is_fed else f"runs the TensorFlow op {op!r} on a file that the model itself names"
    if op in _TABLES:
        is_asset = all(graph.is_asset(scope, tensor) for tensor in given[1:2])
        return None if is_asset else "initialises a table from a file that is not one of the model's assets"
    return f"runs the TensorFlow op {op!r}, which is not known to only compute"


def _check_counts(node: Any) -> None:
    """Checks the attributes of a node that count inputs or outputs.

    TensorFlow reserves memory for these counts before it checks them. If this fails, the lock of the graph is never
    released, and the process hangs when it deletes the graph.
    """
    definition = library("tensorflow.python.framework.op_def_registry").get(node.op)
    if definition is None:
        return
    given = sum(not tensor.startswith("^") for tensor in node.input)
    for arguments, most in ((definition.input_arg, given), (definition.output_arg, _MOST_OUTPUTS)):
        for argument in arguments:
            count = node.attr[argument.number_attr].i if argument.number_attr in node.attr else 0
            if not 0 <= count <= most:
                raise _damaged(f"the node {node.name!r} ({node.op}) counts {count} tensors for {argument.name!r}")


class _Graph:
    """The nodes of a graph and of its functions, and the callers of each function."""

    def __init__(self, graph_def: Any, names: Names) -> None:
        self.names = names
        self.functions = {function.signature.name: function for function in graph_def.library.function}
        if len(self.functions) < len(graph_def.library.function):
            raise _damaged("two functions have the same name")
        self._nodes = {_MAIN: graph_def.node} | {name: f.node_def for name, f in self.functions.items()}
        self._arguments = {
            name: [argument.name for argument in function.signature.input_arg]
            for name, function in self.functions.items()
        }
        self._by_name = {scope: self._named(scope, nodes) for scope, nodes in self._nodes.items()}
        self._callers = self._find_callers()
        self._known: dict[tuple[str, str, str], bool] = {}

    def nodes(self) -> Iterator[tuple[str, Any]]:
        """All nodes, each with the function that contains it."""
        for scope, nodes in self._nodes.items():
            for node in nodes:
                yield scope, node

    def _find_callers(self) -> dict[str, list[tuple[str, Any, int | None]]]:
        callers: dict[str, list[tuple[str, Any, int | None]]] = {name: [] for name in self.functions}
        for scope, node in self.nodes():
            if node.op in callers:
                callers[node.op].append((scope, node, 0))
            for attribute in node.attr.values():
                kind = attribute.WhichOneof("value")
                called = [attribute.func] if kind == "func" else attribute.list.func if kind == "list" else ()
                for function in called:
                    if function.name in callers:
                        callers[function.name].append((scope, node, _FIRST_ARGUMENT.get(node.op)))
        return callers

    def _named(self, scope: str, nodes: Any) -> dict[str, Any]:
        by_name = {node.name: node for node in nodes}
        arguments = self._arguments.get(scope, [])
        if len(by_name.keys() | set(arguments)) < len(nodes) + len(arguments):
            raise _damaged("two of its nodes have the same name")
        return by_name

    def is_checkpoint(self, scope: str, tensor: str) -> bool:
        """Whether a file name is the checkpoint's name, or built from it and constants."""
        return self._comes_from("checkpoint", scope, tensor)

    def is_asset(self, scope: str, tensor: str) -> bool:
        """Whether a file name is the path of an asset."""
        return self._comes_from("asset", scope, tensor)

    def _comes_from(self, kind: str, scope: str, tensor: str, depth: int = 0) -> bool:
        key = (kind, scope, tensor)
        if key not in self._known:
            self._known[key] = False  # a name that depends on itself
            self._known[key] = depth < _MAX_DEPTH and self._derives(kind, scope, tensor, depth + 1)
        return self._known[key]

    def _derives(self, kind: str, scope: str, tensor: str, depth: int) -> bool:
        name = tensor.partition(":")[0]
        if name in self._arguments.get(scope, ()):
            index = self._arguments[scope].index(name)
            passed = all(self._comes_from(kind, *given, depth) for given in self._passed(scope, index))
            return passed and self._is_bound(kind, scope, index)
        if scope == _MAIN and name in getattr(self.names, kind):
            return True
        node = self._by_name[scope].get(name)
        if node is not None and node.op == "ReadVariableOp" and scope == _MAIN and kind == "asset":
            return self._variable_holds(kind, node.input[0], depth)
        if node is None or not (node.op == "Identity" or (node.op in _TEXT and kind == "checkpoint")):
            return False
        given = [tensor for tensor in node.input if not tensor.startswith("^")]
        derived = [self._comes_from(kind, scope, tensor, depth) for tensor in given]
        return any(derived) and all(
            derives or self._is_constant(scope, tensor) for tensor, derives in zip(given, derived, strict=True)
        )

    def _variable_holds(self, kind: str, handle: str, depth: int) -> bool:
        """Whether only such names are assigned to a variable: TensorFlow 2 stores the paths of assets in variables."""
        name = handle.partition(":")[0]
        variable = self._by_name[_MAIN].get(name)
        handles = [node.attr["shared_name"].s for _, node in self.nodes() if node.op == "VarHandleOp"]
        if variable is None or handles.count(variable.attr["shared_name"].s) != 1:
            return False
        users = [node for node in self._nodes[_MAIN] if name in {given.partition(":")[0] for given in node.input}]
        assigned = [node.input[1] for node in users if node.op == "AssignVariableOp" and len(node.input) > 1]
        only_read = all(node.op in ("AssignVariableOp", "ReadVariableOp", "VarIsInitializedOp") for node in users)
        return only_read and all(self._comes_from(kind, _MAIN, given, depth) for given in assigned)

    def _is_constant(self, scope: str, tensor: str) -> bool:
        node = self._by_name[scope].get(tensor.partition(":")[0])
        return node is not None and node.op == "Const"

    def _is_bound(self, kind: str, function: str, index: int) -> bool:
        """Whether a loader that calls the function itself, if any, passes such a name as this argument."""
        captured = self.names.captured.get(function)
        if captured is None:
            return True
        first = len(self._arguments[function]) - len(captured)
        return kind == "asset" and index >= first >= 0 and captured[index - first]

    def _passed(self, function: str, index: int) -> Iterator[tuple[str, str]]:
        """The values that callers pass as this argument; a missing tensor if they are unknown."""
        for scope, node, first in self._callers[function]:
            given = [tensor for tensor in node.input if not tensor.startswith("^")]
            known = first is not None and index + first < len(given)
            yield scope, given[index + (first or 0)] if known else ""


def _damaged(why: str) -> ConversionError:
    return ConversionError(f"The TensorFlow graph is damaged: {why}; save the model again.")
