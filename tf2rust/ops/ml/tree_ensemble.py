"""Ensembles of decision trees (``ai.onnx.ml``): all trees of all samples descend one level at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import TensorProto

from tf2rust.ops.core.inference import Node, ValueInfos
from tf2rust.ops.ml.function_body import Body, Outputs, post_transform

_MODES = ("BRANCH_LEQ", "BRANCH_LT", "BRANCH_GTE", "BRANCH_GT", "BRANCH_EQ", "BRANCH_NEQ", "BRANCH_MEMBER")
_COMPARISONS = ("LessOrEqual", "Less", "GreaterOrEqual", "Greater", "Equal")
_NEQ, _MEMBER = 5, 6


@dataclass
class _Forest:
    """Trees as arrays over their nodes; both branches of a leaf lead to the leaf itself.

    ``leaves`` is [nodes, targets]; ``members`` lists the numbers that nodes with mode ``MEMBER`` compare with.
    """

    roots: Sequence[int]
    features: np.ndarray
    splits: np.ndarray
    modes: np.ndarray
    branches: np.ndarray
    """[nodes, 2]: the next node if the comparison is true, and if it is false."""
    missing: np.ndarray
    """Whether the comparison is true for NaN."""
    leaves: np.ndarray
    members: dict[int, list[float]]
    unreached: float = 0.0
    """The value in ``leaves`` for targets that a leaf does not contribute to."""

    def depth(self) -> int | None:
        """The number of steps from a root to the deepest leaf; None if a branch leads nowhere or the nodes form a
        cycle.
        """
        count, level = len(self.features), set(self.roots)
        for depth in range(count + 1):
            if not level <= set(range(count)):
                return None
            below = {int(to) for i in level for to in self.branches[i] if to != i}
            if not below:
                return depth
            level = below
        return None

    def reaches_all(self) -> bool:
        """Whether for every target, all leaves of some tree contribute to it, so that its minimum always exists."""
        found: set[int] = set()
        for root in self.roots:
            nodes, new = {int(root)}, {int(root)}
            while new:
                new = {int(to) for i in new for to in self.branches[i]} - nodes
                nodes |= new
            own = [self.leaves[i] != self.unreached for i in nodes if self.branches[i, 0] == i]
            found |= set(np.flatnonzero(np.all(own, axis=0)).tolist())
        return len(found) == int(self.leaves.shape[1])

    def scores(self, body: Body, dtype: str, aggregate: str) -> str | None:
        """The scores of the trees for x0 [n, features]: [n, targets]."""
        depth = self.depth()
        # ONNX does not define the result of a target without any score, and implementations differ.
        if depth is None or (aggregate in ("MIN", "MAX") and not self.reaches_all()):
            return None
        batch = body.op("Gather", body.op("Shape", "x0"), body.constant([0], "int64"))
        shape = body.op("Concat", batch, body.constant([len(self.roots)], "int64"), axis=0)
        at = body.op("Expand", body.constant([list(self.roots)], "int64"), shape)
        x = body.cast("x0", dtype)
        for _ in range(depth):
            holds = self._comparison(body, x, at, dtype)
            ways = [body.op("Gather", body.constant(self.branches[:, i], "int64"), at) for i in range(2)]
            at = body.op("Where", holds, *ways)
        leaves = body.op("Gather", body.constant(self.leaves, dtype), at, axis=0)
        kind = {"SUM": "ReduceSum", "AVERAGE": "ReduceSum", "MIN": "ReduceMin", "MAX": "ReduceMax"}[aggregate]
        scores = body.op(kind, leaves, body.constant([1], "int64"), keepdims=0)
        return body.op("Div", scores, body.constant(len(self.roots), dtype)) if aggregate == "AVERAGE" else scores

    def _comparison(self, body: Body, x: str, at: str, dtype: str) -> str:
        """Whether x takes the first branch at the nodes ``at``."""
        value = body.op("GatherElements", x, body.op("Gather", body.constant(self.features, "int64"), at), axis=1)
        split = body.op("Gather", body.constant(self.splits, dtype), at)
        result = ""
        for mode in sorted(set(self.modes.tolist())):
            if mode == _MEMBER:
                holds = self._membership(body, value, at, dtype)
            elif mode == _NEQ:
                holds = body.op("Not", body.op("Equal", value, split))
            else:
                holds = body.op(_COMPARISONS[mode], value, split)
            own = body.op("Gather", body.constant(self.modes == mode, "bool"), at)
            result = body.op("Where", own, holds, result) if result else holds
        if not self.missing.any():
            return result
        missing = body.op("Gather", body.constant(self.missing, "bool"), at)
        return body.op("Or", result, body.op("And", missing, body.op("IsNaN", value)))

    def _membership(self, body: Body, value: str, at: str, dtype: str) -> str:
        longest = max(len(own) for own in self.members.values())
        table = np.full((len(self.features), longest), np.nan)  # equals nothing
        for node, own in self.members.items():
            table[node, : len(own)] = own
        column = body.op("Unsqueeze", value, body.constant([-1], "int64"))
        equal = body.op("Equal", column, body.op("Gather", body.constant(table, dtype), at, axis=0))
        found = body.op(
            "ReduceMax", body.op("Cast", equal, to=TensorProto.INT32), body.constant([-1], "int64"), keepdims=0
        )
        return body.op("Cast", found, to=TensorProto.BOOL)


def tree_ensemble(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """The operator of version 5, with separate arrays for inner nodes and leaves."""
    dtype = infos.dtype(node.x)
    modes, weights = np.asarray(node.attr("nodes_modes"), int), np.asarray(node.attr("leaf_weights"))
    inner, leaves = len(modes), len(weights)
    aggregate = ("AVERAGE", "SUM", "MIN", "MAX")[node.attr("aggregate_function", 1)]
    unreached = {"MIN": np.inf, "MAX": -np.inf}.get(aggregate, 0.0)
    own = np.full((inner + leaves, node.attr("n_targets")), unreached)
    own[inner + np.arange(leaves), np.asarray(node.attr("leaf_targetids"))] = weights
    ways = [
        np.asarray(node.attr(f"nodes_{way}nodeids")) + inner * np.asarray(node.attr(f"nodes_{way}leafs"))
        for way in ("true", "false")
    ]
    members = _members(modes, node.attr("membership_values"))
    if dtype not in ("float32", "float64") or members is None:
        return None
    node.has("nodes_hitrates")  # statistics that do not affect the result
    itself = np.arange(inner, inner + leaves)
    none = np.zeros(leaves, int)
    forest = _Forest(
        roots=list(node.attr("tree_roots")),
        features=np.concatenate([node.attr("nodes_featureids"), none]),
        splits=np.concatenate([node.attr("nodes_splits"), none]),
        modes=np.concatenate([modes, none]),
        branches=np.stack([np.concatenate([way, itself]) for way in ways], axis=1),
        missing=np.concatenate([node.attr("nodes_missing_value_tracks_true", [0] * inner), none]).astype(bool),
        leaves=own,
        members=members,
        unreached=unreached,
    )
    scores = forest.scores(body, dtype, aggregate)
    result = None if scores is None else post_transform(node, body, scores)
    return None if result is None else [result]


def _members(modes: np.ndarray, values: np.ndarray | None) -> dict[int, list[float]] | None:
    """The members of each node with mode ``MEMBER``; NaN separates the lists. None if their number differs from the
    nodes'.
    """
    nodes = [int(i) for i in np.flatnonzero(modes == _MEMBER)]
    lists: list[list[float]] = [[]]
    for value in [] if values is None else np.asarray(values).tolist():
        if np.isnan(value):
            lists.append([])
        else:
            lists[-1].append(value)
    if not lists[-1]:
        lists.pop()
    return dict(zip(nodes, lists, strict=True)) if len(nodes) == len(lists) else None


def _older(node: Node, kind: str, targets: int) -> _Forest | None:
    """The trees of operators before version 5, whose nodes are identified by tree and node number."""
    names = list(zip(node.attr("nodes_treeids"), node.attr("nodes_nodeids"), strict=True))
    index_of = {name: i for i, name in enumerate(names)}
    titles = [str(mode.decode() if isinstance(mode, bytes) else mode) for mode in node.attr("nodes_modes")]
    if len(index_of) != len(names) or not {*titles} <= {*_MODES[:_MEMBER], "LEAF"}:
        return None
    ways = [node.attr(f"nodes_{way}nodeids") for way in ("true", "false")]
    branches = np.asarray(
        [
            [index_of.get((tree, way[i]), -1) if titles[i] != "LEAF" else i for way in ways]
            for i, (tree, _) in enumerate(names)
        ]
    )
    leaves = np.zeros((len(names), targets))
    parts = [node.attr(f"{kind}_{part}") for part in ("treeids", "nodeids", "ids", "weights")]
    for tree, number, target, weight in zip(*parts, strict=True):
        leaves[index_of[tree, number], target] += weight
    node.has("nodes_hitrates")
    # The first node of a tree is its root.
    roots = list({tree: i for i, (tree, _) in reversed(list(enumerate(names)))}.values())
    return _Forest(
        roots=sorted(roots),
        features=np.asarray(node.attr("nodes_featureids")),
        splits=np.asarray(node.attr("nodes_values")),
        modes=np.asarray([0 if title == "LEAF" else _MODES.index(title) for title in titles]),
        branches=branches,
        missing=np.asarray(node.attr("nodes_missing_value_tracks_true") or [0] * len(names), bool),
        leaves=leaves,
        members={},
    )


def _scores(node: Node, body: Body, infos: ValueInfos, kind: str, targets: int, aggregate: str) -> str | None:
    forest = _older(node, kind, targets)
    wide = infos.dtype(node.x) == "float64"
    scores = None if forest is None else forest.scores(body, "float64" if wide else "float32", aggregate)
    if scores is None:
        return None
    scores = body.cast(scores, "float32")
    base = node.attr("base_values")
    return body.op("Add", scores, body.constant(base)) if base else scores


def tree_ensemble_regressor(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """The sum or mean of the leaves' weights, per target."""
    aggregate = node.attr("aggregate_function", "SUM")
    if aggregate not in ("SUM", "AVERAGE"):
        return None
    scores = _scores(node, body, infos, "target", node.attr("n_targets", 1), aggregate)
    result = None if scores is None else post_transform(node, body, scores)
    return None if result is None else [result]


def tree_ensemble_classifier(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """The label with the highest score, and the scores."""
    labels = node.attr("classlabels_int64s")
    if not labels or len(labels) < 3:
        return _of_two_classes(node, body, infos, labels or [])
    scores = _scores(node, body, infos, "class", len(labels), "SUM")
    if scores is None or (result := post_transform(node, body, scores)) is None:
        return None
    best = body.op("ArgMax", scores, axis=-1, keepdims=0)
    return [body.op("Gather", body.constant(labels, "int64"), best), result]


def _of_two_classes(node: Node, body: Body, infos: ValueInfos, labels: Sequence[int]) -> Outputs:
    """Trees with a single score, that of the second of two classes.

    ONNX does not define the scores of both classes. As in ONNX Runtime, if no weight is negative, the score is a
    probability and the first class gets 1 minus it; otherwise the first class gets the negated score.
    """
    base, kind = node.attr("base_values"), node.attr("post_transform", "NONE")
    alone = set(node.attr("class_ids") or []) == {0} and len(base or []) < 2
    if len(labels) != 2 or not alone or kind not in ("NONE", "LOGISTIC"):
        return None
    score = _scores(node, body, infos, "class", 1, "SUM")
    if score is None:
        return None
    positive = min(node.attr("class_weights")) >= 0
    if kind == "LOGISTIC":
        parts = [body.op("Sigmoid", part) for part in (body.op("Neg", score), score)]
    else:
        parts = [body.op("Sub", body.constant(1.0), score) if positive else body.op("Neg", score), score]
    above = body.op("Greater", score, body.constant(0.5 if positive else 0.0))
    second = body.op("Squeeze", above, body.constant([1], "int64"))
    label = body.op("Where", second, body.constant(labels[1], "int64"), body.constant(labels[0], "int64"))
    return [label, body.op("Concat", *parts, axis=-1)]
