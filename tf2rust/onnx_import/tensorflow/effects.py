"""Side effects of TensorFlow graphs: assignments, random states, assertions.

Augmentation layers read and advance the state of a random generator even if no output depends on it. Such nodes are
removed before variables become constants. A variable that an output depends on and that is also written is a state
between calls; see :mod:`tf2rust.onnx_import.tensorflow.variables`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tf2rust.onnx_import.tensorflow.runtime import library

_READERS = frozenset(
    {
        *("DisableCopyOnRead", "Identity", "ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape"),
        "VarIsInitializedOp",
    }
)
"""Operations that do not change a variable."""
_COMPUTING = "/computing"
"""The suffix for the names of functions without their side effects."""
_CONDITIONS = frozenset({"If", "StatelessIf"})
_FRAMES = frozenset({"Enter", "Exit", "LoopCond", "Merge", "NextIteration", "Switch"})
"""TensorFlow 1 control flow, where control edges say which branch or loop a node belongs to."""


def variables_used(graph_def: Any, variables: Iterable[str]) -> dict[str, dict[str, str]]:
    """The operations that read or write each of ``variables``, by the names of their nodes.

    ``variables`` are nodes that create a resource. Unused variables are left out.
    """
    functions = {function.signature.name: function for function in graph_def.library.function}
    found: dict[str, dict[str, str]] = {}

    def walk(nodes: Sequence[Any], known: Mapping[str, str], depth: int) -> None:
        by_name = {node.name: node for node in nodes}

        def variable(tensor: str) -> str | None:
            name = node_of(tensor)
            while name not in known and name in by_name and by_name[name].op == "Identity":
                name = node_of(by_name[name].input[0])
            return known.get(name)

        for node in nodes:
            taken = [variable(tensor) for tensor in node.input if not tensor.startswith("^")]
            called = [functions[name] for name in _called(node) if name in functions]
            for function in called if depth else ():
                names = [argument.name for argument in function.signature.input_arg]
                given = taken[len(taken) - len(names) :]
                inner = {name: v for name, v in zip(names, given, strict=False) if v is not None}
                if inner:
                    walk(function.node_def, inner, depth - 1)
            for name in taken if not called else ():
                if name is not None and node.op != "Identity":
                    found.setdefault(name, {})[node.name] = node.op

    # Functions are not recursive, so calls cannot be deeper than the number of functions.
    walk(graph_def.node, {name: name for name in variables}, len(functions))
    return found


def states_read(whole: Any, computing: Any, variables: Iterable[str]) -> dict[str, dict[str, str]]:
    """The variables that the graph ``whole`` can change and an output depends on, with the nodes that use them.

    ``computing`` is the graph without its side effects.
    """
    users = variables_used(whole, variables)
    changed = {name for name, own in users.items() if not _READERS.issuperset(own.values())}
    return {name: own for name, own in variables_used(computing, variables).items() if name in changed}


def without_effects(graph_def: Any, outputs: Iterable[str]) -> Any:
    """A copy of the graph with only the nodes that compute the tensors ``outputs``, and placeholders.

    The bodies of functions are reduced in the same way, under new names; a branch that cannot be taken is ignored.
    Graphs with TensorFlow 1 control flow are unchanged.
    """
    result = type(graph_def)()
    result.CopyFrom(graph_def)
    if any(node.op in _FRAMES for node in graph_def.node):
        return result
    names = [function.signature.name for function in result.library.function]
    renamed = {name: name if name.endswith(_COMPUTING) else f"{name}{_COMPUTING}" for name in names}
    for function in result.library.function:
        function.signature.name = renamed[function.signature.name]
        _keep(function.node_def, function.ret.values())
        kept = {node.name for node in function.node_def}
        for name in [name for name, node in function.control_ret.items() if node not in kept]:
            del function.control_ret[name]
            function.signature.control_output.remove(name)
    _keep(result.node, outputs)
    for node in [*result.node, *(node for function in result.library.function for node in function.node_def)]:
        for attribute in node.attr.values():
            for called in (attribute.func, *attribute.list.func):
                if called.name in renamed:
                    called.name = renamed[called.name]
    return result


@contextlib.contextmanager
def freezing(arrange: Callable[[Any, Any], Any]) -> Iterator[None]:
    """Makes TensorFlow freeze functions without their side effects inside the ``with`` block.

    ``arrange`` gets the graph before and after, and returns the one to freeze. Its exceptions are passed on.
    """
    module: Any = library("tensorflow.python.framework.convert_to_constants")
    original = module._run_inline_graph_optimization

    def inlined(function: Any, *options: Any) -> Any:
        graph_def = original(function, *options)
        computing = without_effects(graph_def, [tensor.name for tensor in function.outputs])
        return arrange(graph_def, computing)

    module._run_inline_graph_optimization = inlined
    try:
        yield
    finally:
        module._run_inline_graph_optimization = original


def _keep(nodes: Any, wanted: Iterable[str]) -> None:
    """Removes all nodes that do not contribute to ``wanted``, except placeholders, and edges to removed nodes."""
    by_name = {node.name: node for node in nodes}
    for node in nodes:
        if node.op in _CONDITIONS and (condition := _truth(node.input[0], by_name)) is not None:
            _take(node, condition)
    kept: set[str] = set()
    waiting = [node_of(tensor) for tensor in wanted] + [node.name for node in nodes if node.op == "Placeholder"]
    while waiting:
        name = waiting.pop()
        if name in by_name and name not in kept:
            kept.add(name)
            waiting += [node_of(tensor) for tensor in by_name[name].input if not tensor.startswith("^")]
    copies = []
    for node in nodes:
        if node.name in kept:
            inputs = [t for t in node.input if not t.startswith("^") or t[1:] in kept]
            del node.input[:]
            node.input.extend(inputs)
            node.attr.pop("_class", None)  # a colocation with a node that may be removed
            copies.append(type(node).FromString(node.SerializeToString()))
    del nodes[:]
    nodes.extend(copies)


def _truth(tensor: str, by_name: Mapping[str, Any]) -> bool | None:
    """The value of a condition if it is known: a constant, or a conjunction with a false one."""
    node = by_name.get(node_of(tensor))
    if node is None:
        return None
    if node.op == "Const":
        value = library("tensorflow").make_ndarray(node.attr["value"].tensor)
        return bool(value) if value.shape == () else None
    inputs = [t for t in node.input if not t.startswith("^")]
    if node.op == "Identity":
        return _truth(inputs[0], by_name)
    if node.op == "All" and (packed := by_name.get(node_of(inputs[0]))) is not None and packed.op == "Pack":
        inputs = [t for t in packed.input if not t.startswith("^")]
    elif node.op != "LogicalAnd":
        return None
    return False if any(_truth(t, by_name) is False for t in inputs) else None


def _take(node: Any, condition: bool) -> None:
    """Replaces a condition by a call of one branch."""
    branch = node.attr["then_branch" if condition else "else_branch"].func
    node.op = "StatefulPartitionedCall" if node.op == "If" else "PartitionedCall"
    node.attr["f"].func.CopyFrom(branch)
    del node.input[0]
    for name in set(node.attr) - {"f", "Tin", "Tout"}:
        del node.attr[name]


def _called(node: Any) -> list[str]:
    """The functions that a node calls with its inputs, or with its last inputs."""
    attributes = node.attr.values()
    return [f.name for a in attributes for f in ((a.func,) if a.HasField("func") else a.list.func)]


def node_of(tensor: str) -> str:
    """The node that computes a tensor, or that a control edge comes from."""
    return tensor.lstrip("^").partition(":")[0]
