"""If nodes with a known condition: replaced by the nodes of the branch that is taken."""

from __future__ import annotations

import onnx_ir as ir

from tf2rust.ops.core.inference import ValueInfo, ValueInfos


def take_branch(node: ir.Node, infos: ValueInfos) -> list[ir.Node] | None:
    """Replaces the node by the nodes of its branch and returns them; None if the node is not an If with a known
    condition.
    """
    condition = infos.const(node.inputs[0]) if node.op_type == "If" else None
    graph = node.graph
    if condition is None or condition.size != 1 or not isinstance(graph, ir.Graph):
        return None
    branch = node.attributes["then_branch" if condition.reshape(()) else "else_branch"].value
    assert isinstance(branch, ir.Graph)
    for value in branch.initializers.values():
        if value.const_value is not None:
            infos[value] = ValueInfo.of_const(value.const_value.numpy())
    results = list(branch.outputs)
    branch.outputs.clear()
    made = list(branch)
    branch.remove(made)
    # A graph output keeps its name, and the output of a branch can be a value from outside the branch.
    copies = []
    for output, result in zip(node.outputs, results, strict=True):
        name = output.name
        copy = ir.Node("", "Identity", [result], name=f"{node.name or 'If'}/{name}", version=node.version)
        copy.outputs[0].name = name
        copies.append(copy)
    new = [copy.outputs[0] for copy in copies]
    ir.convenience.replace_nodes_and_values(graph, node, [node], [*made, *copies], list(node.outputs), new)
    return [*made, *copies]
