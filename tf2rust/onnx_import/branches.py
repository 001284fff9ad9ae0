"""If nodes that are decided at conversion: replaced by the nodes of the branch that is taken."""

from __future__ import annotations

import onnx_ir as ir

from tf2rust.ops.core.dims import Condition, symbols
from tf2rust.ops.core.inference import ValueInfo, ValueInfos, label

_USUAL = (9, 33, 65, 224, 257)
"""Sizes that decide which branch is the usual one."""


def take_known_branch(node: ir.Node, infos: ValueInfos) -> list[ir.Node] | None:
    """Replaces an If with a constant condition by the nodes of its branch and returns them; None for other nodes."""
    condition = infos.const(node.inputs[0]) if node.op_type == "If" else None
    if condition is None or condition.size != 1:
        return None
    return _take(node, bool(condition.reshape(())), infos)


def take_usual_branch(node: ir.Node, infos: ValueInfos, choices: dict[str, bool]) -> list[ir.Node] | None:
    """Replaces an If by the nodes of its usual branch if the branches have outputs of different rank.

    The condition must be computed from sizes. The model then requires that the sizes choose this branch. It is the one
    whose outputs have the declared ranks, or else the one in ``choices``, or else the one that most sizes choose:
    ``x.squeeze(-1)`` squeezes an axis only if its size is 1. A choice that was not declared is added to ``choices``.
    Returns None if both branches have the same ranks, or the condition depends on data.
    """
    info = infos.known(node.inputs[0]) if node.op_type == "If" else None
    condition = None if info is None else info.condition
    if condition is None or (ranks := _ranks(node, infos)) is None or ranks[True] == ranks[False]:
        return None
    declared = [None if v.shape is None else len(v.shape) for v in node.outputs]
    fitting = [taken for taken, own in ranks.items() if own == declared]
    taken = fitting[0] if len(fitting) == 1 else choices.setdefault(label(node), _usually(condition))
    needed = condition if taken else condition.negated()
    if not infos.assumptions.require(needed.left, needed.relation, needed.right):
        return None
    return _take(node, taken, infos)


def _branch(node: ir.Node, taken: bool) -> ir.Graph:
    branch = node.attributes["then_branch" if taken else "else_branch"].value
    assert isinstance(branch, ir.Graph)
    return branch


def _ranks(node: ir.Node, infos: ValueInfos) -> dict[bool, list[int | None]] | None:
    """The ranks of the outputs of both branches; None if one is unknown."""
    ranks: dict[bool, list[int | None]] = {}
    for taken in (True, False):
        known = [infos.known(v) for v in _branch(node, taken).outputs]
        ranks[taken] = [len(info.shape) for info in known if info is not None]
        if len(ranks[taken]) < len(known):
            return None
    return ranks


def _usually(condition: Condition) -> bool:
    names = symbols([condition.left, condition.right])
    held = [bool(condition.holds(dict.fromkeys(names, size))) for size in _USUAL]
    return sum(held) > len(held) // 2


def _take(node: ir.Node, taken: bool, infos: ValueInfos) -> list[ir.Node] | None:
    graph = node.graph
    if not isinstance(graph, ir.Graph):
        return None
    branch = _branch(node, taken)
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
