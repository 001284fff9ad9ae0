"""Decision trees as arrays: a table of nodes, in which each comes before those that its branches lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

LESS, EQUAL, GREATER, UNORDERED = 1, 2, 4, 8
"""The relations of a feature to a split; ``UNORDERED`` if one of them is NaN."""
_ALL = LESS | EQUAL | GREATER | UNORDERED
MODES = {
    "BRANCH_LEQ": LESS | EQUAL,
    "BRANCH_LT": LESS,
    "BRANCH_GTE": GREATER | EQUAL,
    "BRANCH_GT": GREATER,
    "BRANCH_EQ": EQUAL,
    "BRANCH_NEQ": LESS | GREATER | UNORDERED,
    "BRANCH_MEMBER": 0,
}
"""The relations for which the comparison of a node holds, by its mode; modes are numbered in this order."""
_MOST = np.iinfo(np.int32).max


@dataclass
class Branching:
    """The inner nodes of trees, in any order.

    ``branches`` is [nodes, 2]: where a sample goes if the comparison with the split holds, and if not. A branch is the
    index of a node or, if it is negative, the bitwise complement of the index of a leaf. ``missing`` tells whether the
    comparison holds for NaN. ``members`` lists what the nodes of mode ``BRANCH_MEMBER`` compare with.
    """

    features: np.ndarray
    splits: np.ndarray
    modes: np.ndarray
    branches: np.ndarray
    missing: np.ndarray
    members: Mapping[int, Sequence[float]]

    def table(self) -> tuple[np.ndarray, np.ndarray]:
        """The nodes [nodes, 4] as feature, relations, first and second branch, and their splits.

        A node that compares with a list becomes a chain of nodes that compare with one member each.
        """
        relations, unknown = np.asarray([*MODES.values()])[self.modes], np.isnan(self.splits)
        # With a split that is NaN, every feature compares as NaN does.
        relations = np.where(unknown, np.where(relations & UNORDERED, _ALL, 0), relations)
        relations |= np.where(self.missing, UNORDERED, 0)
        nodes = np.column_stack([self.features, relations, self.branches]).tolist()
        splits = np.where(unknown, 0.0, self.splits).tolist()
        for i, members in self.members.items():
            last = i
            for member in members:
                if nodes[last][1] & EQUAL:
                    nodes.append([nodes[i][0], 0, nodes[i][2], nodes[last][3]])
                    splits.append(0.0)
                    nodes[last][3] = last = len(nodes) - 1
                nodes[last][1] |= EQUAL
                splits[last] = member
        return np.asarray(nodes, np.int64).reshape(-1, 4), np.asarray(splits, np.float64)


class Trees(NamedTuple):
    """What the layer holds: ``nodes`` as ``Branching.table`` has them, ``roots`` as branches, and the leaves.

    Leaf i has the ``leaf_targets`` and ``leaf_weights`` from ``leaf_starts[i]`` up to ``leaf_starts[i + 1]``.
    """

    nodes: np.ndarray
    splits: np.ndarray
    roots: np.ndarray
    leaf_starts: np.ndarray
    leaf_targets: np.ndarray
    leaf_weights: np.ndarray

    def always_scored(self) -> set[int]:
        """The targets that get a weight from some tree whichever of its leaves a sample reaches."""
        starts = self.leaf_starts.tolist()
        leaves = [frozenset(self.leaf_targets[a:b].tolist()) for a, b in pairwise(starts)]
        below: dict[int, frozenset[int]] = {}

        def of(branch: int) -> frozenset[int]:
            return leaves[~branch] if branch < 0 else below[branch]

        for i in reversed(range(len(self.nodes))):
            below[i] = of(int(self.nodes[i, 2])) & of(int(self.nodes[i, 3]))
        return set().union(*(of(root) for root in self.roots.tolist()))


def arranged(
    branching: Branching, roots: Sequence[int], leaves: Sequence[Mapping[int, float]], targets: int, dtype: str
) -> Trees | None:
    """The trees with these ``roots``; ``leaves`` holds the weights of each leaf by target.

    Nodes that no root leads to are left out. None if a branch leads nowhere or in a circle, or if a target or a feature
    is out of range.
    """
    nodes, splits = branching.table()
    ways = nodes[:, 2:].tolist()
    if not all(-len(leaves) <= way < len(nodes) for way in (*roots, *(way for pair in ways for way in pair))):
        return None
    order = _parents_first([root for root in roots if root >= 0], ways)
    listed = [item for leaf in leaves for item in leaf.items()]
    if order is None or not all(0 <= target < targets for target, _ in listed) or len(listed) > _MOST:
        return None
    nodes, splits = nodes[order], splits[order]
    place = np.zeros(max(len(ways), 1), np.int64)
    place[order] = np.arange(len(order))
    if nodes.size and not 0 <= nodes[:, 0].min() <= nodes[:, 0].max() <= _MOST:
        return None

    def renumbered(branches: np.ndarray) -> np.ndarray:
        return np.where(branches < 0, branches, place[np.maximum(branches, 0)])

    nodes[:, 2:] = renumbered(nodes[:, 2:])
    return Trees(
        nodes=nodes.astype(np.int32),
        splits=splits.astype(dtype),
        roots=renumbered(np.asarray(roots, np.int64)).astype(np.int32),
        leaf_starts=np.cumsum([0, *map(len, leaves)]).astype(np.int32),
        leaf_targets=np.asarray([target for target, _ in listed], np.int32),
        leaf_weights=np.asarray([weight for _, weight in listed], np.float64).astype(dtype),
    )


def _parents_first(roots: Sequence[int], branches: Sequence[Sequence[int]]) -> list[int] | None:
    """The nodes below ``roots``, each before those that its branches lead to; None if some lead in a circle.

    The first branch leads to the next node where it can.
    """
    new, entered, left = 0, 1, 2
    states = [new] * len(branches)
    finished: list[int] = []
    for root in reversed(roots):
        path = [root]
        while path:
            node = path[-1]
            if states[node] == new:
                states[node] = entered
                for to in branches[node]:
                    if to >= 0 and states[to] == entered:
                        return None
                    if to >= 0 and states[to] == new:
                        path.append(to)
                continue
            path.pop()
            if states[node] == entered:
                states[node] = left
                finished.append(node)
    return finished[::-1]
