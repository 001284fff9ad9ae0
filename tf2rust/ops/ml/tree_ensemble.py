"""Ensembles of decision trees (``ai.onnx.ml``): one layer for the scores, and ONNX' own operators for what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from onnx import numpy_helper

from tf2rust.ops.core.function_body import Body, Outputs
from tf2rust.ops.core.inference import OWN_DOMAIN, InferenceError, Node, ValueInfo, ValueInfos, infers
from tf2rust.ops.core.layer import Layer, Weight
from tf2rust.ops.core.pattern import Match, Op, Var
from tf2rust.ops.core.registry import Builder, RuleResult, rule
from tf2rust.ops.ml.class_labels import class_labels, label_at
from tf2rust.ops.ml.post_transform import post_transform
from tf2rust.ops.ml.trees import MODES, Branching, Trees, arranged

_SCORES = "TreeEnsembleScores"
"""Our own operator for what the trees make of x [n, features]: [n, targets], in the dtype of x.

Its attributes are the arrays of ``Trees``, ``n_targets`` and ``aggregate``.
"""
_MODES = [*MODES]
_MEMBER = _MODES.index("BRANCH_MEMBER")


_AGGREGATES = ("Average", "Sum", "Min", "Max")
"""The aggregate functions, by the numbers of ``TreeEnsemble``."""


@dataclass(eq=False, kw_only=True)
class TreeEnsemble(Layer):
    """The scores of decision trees: the weights of the leaves that a sample reaches, aggregated for each target."""

    kind = "TreeEnsemble"
    trees: Trees
    n_targets: int
    aggregate: str

    def params(self) -> dict[str, object]:
        return {
            "trees": len(self.trees.roots),
            "nodes": len(self.trees.nodes),
            "n_targets": self.n_targets,
            "aggregate": self.aggregate,
        }

    def weights(self) -> list[Weight]:
        return [Weight(name, array) for name, array in self.trees._asdict().items()]

    def is_batch_independent(self, batched: Sequence[bool]) -> bool:
        return self.keeps_batch(batched)


@infers(_SCORES)
def _tree_ensemble_scores(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    shape, nodes = infos.shape(node.x), node.attr("nodes")
    if len(shape) != 2:
        raise InferenceError(f"its input has {len(shape)} dimensions; trees take two, samples and features")
    features = int(nodes[:, 0].max()) + 1 if nodes.size else 0
    if isinstance(shape[1], int) and features > shape[1]:
        raise InferenceError(f"its trees compare {features} features, and its input has {shape[1]}")
    return [ValueInfo(infos.dtype(node.x), (shape[0], node.attr("n_targets")))]


@rule(Op(_SCORES, Var("x")))
def tree_ensemble_scores(m: Match, b: Builder) -> RuleResult:
    """What remains of a TreeEnsemble, TreeEnsembleRegressor or TreeEnsembleClassifier without its post_transform."""
    return TreeEnsemble(
        trees=Trees(*(m.root.attr(name) for name in Trees._fields)),
        n_targets=m.root.attr("n_targets"),
        aggregate=m.root.attr("aggregate"),
        inputs=[b.value(m["x"])],
        outputs=[b.value(m.y)],
    )


def _scores(body: Body, x: str, trees: Trees, targets: int, aggregate: str) -> str:
    arrays = {name: numpy_helper.from_array(array) for name, array in trees._asdict().items()}
    return body.op(_SCORES, x, domain=OWN_DOMAIN, n_targets=targets, aggregate=aggregate, **arrays)


def tree_ensemble(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """The operator of version 5, whose inner nodes and leaves have arrays of their own."""
    dtype, targets = infos.dtype(node.x), node.attr("n_targets")
    modes, roots = np.asarray(node.attr("nodes_modes"), int), node.attr("tree_roots")
    members = _members(modes, node.attr("membership_values"))
    if dtype not in ("float32", "float64") or members is None:
        return None
    node.has("nodes_hitrates")  # how often a node is passed, which changes nothing
    pairs = zip(node.attr("leaf_targetids"), node.attr("leaf_weights").tolist(), strict=True)
    trees = arranged(
        Branching(
            features=np.asarray(node.attr("nodes_featureids")),
            splits=np.asarray(node.attr("nodes_splits")),
            modes=modes,
            branches=np.stack([_branches(node, way) for way in ("true", "false")], axis=1),
            missing=np.asarray(node.attr("nodes_missing_value_tracks_true", [0] * len(modes)), bool),
            members=members,
        ),
        roots,
        [{target: weight} for target, weight in pairs],
        targets,
        dtype,
    )
    aggregate = _AGGREGATES[node.attr("aggregate_function", 1)]
    if trees is None or not _is_defined(trees, targets, aggregate):
        return None
    result = post_transform(node, body, _scores(body, "x0", trees, targets, aggregate))
    return None if result is None else [result]


def _is_defined(trees: Trees, targets: int, aggregate: str) -> bool:
    """Whether ONNX defines the scores: not the average of no trees, nor the least or the largest of no weights."""
    if aggregate == "Average":
        return bool(trees.roots.size)
    return aggregate == "Sum" or len(trees.always_scored()) == targets


def _branches(node: Node, way: str) -> np.ndarray:
    """Where one outcome of the nodes' comparisons leads to, as ``Branching`` has it."""
    to = np.asarray(node.attr(f"nodes_{way}nodeids"), np.int64)
    return np.where(node.attr(f"nodes_{way}leafs"), ~to, to)


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


def _older(node: Node, kind: str, targets: int, dtype: str, *, is_sum: bool) -> Trees | None:
    """The trees of the operators before version 5, whose nodes are named by a tree and a number.

    Weights of 0 do not change a sum.
    """
    names = list(zip(node.attr("nodes_treeids"), node.attr("nodes_nodeids"), strict=True))
    titles = [str(mode.decode() if isinstance(mode, bytes) else mode) for mode in node.attr("nodes_modes")]
    if len(set(names)) != len(names) or not {*titles} <= {*_MODES[:_MEMBER], "LEAF"}:
        return None
    inner = [i for i, title in enumerate(titles) if title != "LEAF"]
    ends = [i for i, title in enumerate(titles) if title == "LEAF"]
    branch = {names[i]: number for number, i in enumerate(inner)} | {names[i]: ~number for number, i in enumerate(ends)}
    weights: list[dict[int, float]] = [{} for _ in names]
    place = {name: i for i, name in enumerate(names)}
    parts = [node.attr(f"{kind}_{part}") for part in ("treeids", "nodeids", "ids", "weights")]
    for tree, number, target, weight in zip(*parts, strict=True):
        own = weights[place[tree, number]]
        own[target] = own.get(target, 0.0) + weight
    node.has("nodes_hitrates")
    # The first node of a tree is its root.
    roots = list({tree: i for i, (tree, _) in reversed(list(enumerate(names)))}.values())
    missing = node.attr("nodes_missing_value_tracks_true") or [0] * len(names)
    ways = [node.attr(f"nodes_{way}nodeids") for way in ("true", "false")]
    return arranged(
        Branching(
            features=np.asarray(node.attr("nodes_featureids"))[inner],
            splits=np.asarray(node.attr("nodes_values"))[inner],
            modes=np.asarray([_MODES.index(titles[i]) for i in inner], int),
            branches=np.asarray([[branch[names[i][0], way[i]] for way in ways] for i in inner]).reshape(-1, 2),
            missing=np.asarray(missing, bool)[inner],
            members={},
        ),
        [branch[names[i]] for i in sorted(roots)],
        [{target: weight for target, weight in weights[i].items() if weight or not is_sum} for i in ends],
        targets,
        dtype,
    )


def _sums(node: Node, body: Body, infos: ValueInfos, kind: str, targets: int, aggregate: str = "Sum") -> str | None:
    """The scores of the operators before version 5: [n, targets] in float32, whatever they are summed in."""
    given = infos.dtype(node.x)
    dtype = "float64" if given == "float64" else "float32"
    trees = _older(node, kind, targets, dtype, is_sum=aggregate in ("Sum", "Average"))
    if trees is None or not _is_defined(trees, targets, aggregate):
        return None
    scores = _scores(body, "x0" if given == dtype else body.cast("x0", dtype), trees, targets, aggregate)
    scores = scores if dtype == "float32" else body.floats(scores)
    base = node.attr("base_values")
    return body.op("Add", scores, body.constant(base)) if base else scores


def tree_ensemble_regressor(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """The sum or mean of the leaves' weights, for each target."""
    aggregate = str(node.attr("aggregate_function", "SUM")).capitalize()
    if aggregate not in _AGGREGATES:
        return None
    scores = _sums(node, body, infos, "target", node.attr("n_targets", 1), aggregate)
    result = None if scores is None else post_transform(node, body, scores)
    return None if result is None else [result]


def tree_ensemble_classifier(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """The label with the highest score, and the scores."""
    labels = class_labels(node, "classlabels_int64s")
    scored = set(node.attr("class_ids") or [])
    if len(labels) < 2 or (len(labels) == 2 and len(scored) < 2):
        return _of_two_classes(node, body, infos, labels)
    scores = _sums(node, body, infos, "class", len(labels))
    if scores is None or (result := post_transform(node, body, scores)) is None:
        return None
    best = body.op("ArgMax", scores, axis=-1, keepdims=0)
    return [label_at(body, labels, best), result]


def _of_two_classes(node: Node, body: Body, infos: ValueInfos, labels: list[int] | list[str]) -> Outputs:
    """Trees with a single score, that of the second of two classes.

    ONNX does not define the scores of both classes. As in ONNX Runtime, if no weight is negative, the score is a
    probability and the first class gets 1 minus it; otherwise the first class gets the negated score.
    """
    base, kind = node.attr("base_values"), node.attr("post_transform", "NONE")
    alone = set(node.attr("class_ids") or []) == {0} and len(base or []) < 2
    if len(labels) != 2 or not alone or kind not in ("NONE", "LOGISTIC"):
        return None
    score = _sums(node, body, infos, "class", 1)
    if score is None:
        return None
    positive = min(node.attr("class_weights")) >= 0
    if kind == "LOGISTIC":
        parts = [body.op("Sigmoid", part) for part in (body.op("Neg", score), score)]
    else:
        parts = [body.op("Sub", body.constant(1.0), score) if positive else body.op("Neg", score), score]
    above = body.op("Greater", score, body.constant(0.5 if positive else 0.0))
    second = body.op("Squeeze", above, body.constant([1], "int64"))
    return [label_at(body, labels, body.cast(second, "int64")), body.op("Concat", *parts, axis=-1)]
