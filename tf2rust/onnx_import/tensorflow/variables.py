"""Variables that a TensorFlow function reads and writes, as inputs and outputs of the function.

f(x): v.assign_add(x); return v * 2   →   f(x, v): v_next = v + x; return v_next * 2, v_next
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np

from tf2rust.onnx_import.tensorflow.effects import node_of
from tf2rust.onnx_import.tensorflow.naming import unused_name
from tf2rust.onnx_import.tensorflow.runtime import library

_COMPUTED = {"AssignAddVariableOp": "AddV2", "AssignSubVariableOp": "Sub"}
"""Assignments that compute the new value from the old one."""


@dataclass(frozen=True, eq=False)
class StateVariable:
    """A variable that is a state: the names of the input and the output that it becomes, and its initial value."""

    variable: Any
    input: str
    output: str

    @property
    def initial(self) -> np.ndarray[Any, Any] | None:
        """None stands for zeros."""
        value = np.asarray(self.variable.numpy())
        return value if np.any(value != 0) else None


def state_variables(variables: Sequence[Any], taken: Sequence[str]) -> list[StateVariable]:
    """The variables with names that differ from those in ``taken``."""
    used = set(taken)
    found = []
    for variable in variables:
        name = unused_name(variable.name.partition(":")[0], used)
        found.append(StateVariable(variable, name, unused_name(f"{name}_next", used)))
    return found


def with_state_arguments(function: Any, arguments: Sequence[Any], states: Sequence[StateVariable]) -> Any:
    """``function`` with further arguments for the values of ``states``, which it also returns.

    ``arguments`` are the tensors of its arguments. The new results do not depend on the variables yet:
    :func:`states_as_tensors` connects them.
    """
    tf = library("tensorflow")
    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in arguments]
    specs += [tf.TensorSpec(state.variable.shape, state.variable.dtype) for state in states]

    def whole(*tensors: Any) -> list[Any]:
        found = function(*tensors[: len(arguments)])
        return [*tf.nest.flatten(found), *(tf.identity(tensor) for tensor in tensors[len(arguments) :])]

    return tf.function(whole, input_signature=specs).get_concrete_function()


def states_as_tensors(graph_def: Any, handles: Mapping[str, str], results: Mapping[str, str]) -> Any | None:
    """A copy of the graph in which variables are values that flow from their argument to their result.

    ``handles`` maps the nodes of the variables' resources to the arguments with their values, and ``results`` to the
    tensors of their results. The order of reads and writes is that of the control edges. Returns None if an operation
    other than a read or an assignment uses a variable.
    """
    changed = type(graph_def)()
    changed.CopyFrom(graph_def)
    nodes = {node.name: node for node in changed.node}
    current = dict(handles)
    for node in _ordered(nodes):
        read = [_handle(tensor, nodes) for tensor in node.input if not tensor.startswith("^")]
        used = [name for name in read if name in handles]
        if not used or node.op in ("Identity", "DisableCopyOnRead"):
            continue
        name = used[0]
        if node.op == "ReadVariableOp":
            _become(node, "Identity", [current[name]])
        elif node.op == "AssignVariableOp":
            _become(node, "Identity", [node.input[1]])
            current[name] = node.name
        elif node.op in _COMPUTED:
            _become(node, _COMPUTED[node.op], [current[name], node.input[1]])
            current[name] = node.name
        elif node.op != "VarIsInitializedOp":
            return None
    for name, tensor in results.items():
        nodes[node_of(tensor)].input[0] = current[name]
    return changed


def _ordered(nodes: Mapping[str, Any]) -> Iterator[Any]:
    """The nodes in an order that data and control edges allow."""
    before = {
        name: [node_of(tensor) for tensor in node.input if node_of(tensor) in nodes] for name, node in nodes.items()
    }
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError:  # TensorFlow 1 loops
        return
    for name in order:
        yield nodes[name]


def _handle(tensor: str, nodes: Mapping[str, Any]) -> str:
    """The node of a resource, behind Identities."""
    name = node_of(tensor)
    while name in nodes and nodes[name].op in ("Identity", "DisableCopyOnRead"):
        name = node_of(nodes[name].input[0])
    return name


def _become(node: Any, op: str, inputs: Sequence[str]) -> None:
    """Turns a node into ``op``, with its control edges and the dtype that the variable has."""
    control = [tensor for tensor in node.input if tensor.startswith("^")]
    dtype = node.attr["dtype"].type
    node.op = op
    del node.input[:]
    node.input.extend([*inputs, *control])
    for key in set(node.attr):
        del node.attr[key]
    node.attr["T"].type = dtype
