"""The arrays of decision trees: their order, the relations of their nodes, and refusals."""

from __future__ import annotations

import operator
from dataclasses import replace

import numpy as np
import pytest

from tf2rust.ops.ml.trees import EQUAL, GREATER, LESS, MODES, UNORDERED, Branching, Trees, arranged

HOLDS = (operator.le, operator.lt, operator.ge, operator.gt, operator.eq, operator.ne)
MEMBER = [*MODES].index("BRANCH_MEMBER")
LEAVES = [{0: 1.0}, {1: 2.0}, {0: 3.0, 1: 4.0}]
# Node 2 is the root; both of its branches lead to node 0, and one of them by way of node 1.
SHARED = Branching(
    features=np.asarray([0, 1, 2]),
    splits=np.asarray([0.5, -0.5, 0.0]),
    modes=np.asarray([0, 1, 2]),
    branches=np.asarray([[~0, ~1], [0, ~2], [1, 0]]),
    missing=np.asarray([False, True, False]),
    members={},
)


def _made(branching: Branching, roots: list[int] | None = None, targets: int = 2) -> Trees | None:
    return arranged(branching, [2] if roots is None else roots, LEAVES, targets, "float32")


def _reached(branching: Branching, x: np.ndarray, at: int) -> int:
    """The leaf that x reaches by the rules of ONNX."""
    while at >= 0:
        value, split = x[branching.features[at]], branching.splits[at]
        if branching.modes[at] == MEMBER:
            holds = value in branching.members[at]
        else:
            holds = HOLDS[branching.modes[at]](value, split)
        holds = holds or (branching.missing[at] and np.isnan(value))
        at = int(branching.branches[at, 0 if holds else 1])
    return ~at


def _reached_by_table(trees: Trees, x: np.ndarray) -> int:
    at = int(trees.roots[0])
    while at >= 0:
        feature, relations, first, second = trees.nodes[at].tolist()
        value, split = x[feature], trees.splits[at]
        relation = LESS * (value < split) | EQUAL * (value == split) | GREATER * (value > split) or UNORDERED
        branch = first if relations & relation else second
        assert branch < 0 or branch > at
        at = branch
    return ~at


RANDOM = np.random.default_rng(5)
SAMPLES = [*np.round(RANDOM.normal(0, 1, (40, 3)) * 2) / 2, *np.full((1, 3), np.nan), np.asarray([np.nan, 0.5, 0.0])]
BRANCHINGS = {
    "shared": SHARED,
    **{mode: replace(SHARED, modes=np.full(3, i)) for i, mode in enumerate(MODES) if i != MEMBER},
    "splits_of_nan": replace(SHARED, splits=np.full(3, np.nan), modes=np.asarray([5, 0, 1])),
    "members": replace(SHARED, modes=np.asarray([6, 6, 0]), members={0: [0.5, 1.0, -1.0], 1: []}),
    "missing_members": replace(SHARED, modes=np.asarray([0, 6, 0]), members={1: [0.5, 0.0]}),
}


@pytest.mark.parametrize("name", BRANCHINGS)
def test_samples_reach_the_same_leaves(name: str) -> None:
    trees = _made(BRANCHINGS[name])
    assert trees is not None
    for x in SAMPLES:
        assert _reached_by_table(trees, x) == _reached(BRANCHINGS[name], x, 2)


def test_the_first_branch_leads_to_the_next_node() -> None:
    branches = np.asarray([[~0, ~1], [0, 3], [1, 4], [~0, ~2], [~1, ~2]])
    trees = _made(
        Branching(np.arange(5), np.zeros(5), np.zeros(5, int), branches, np.zeros(5, bool), {}), roots=[2, ~1]
    )
    assert trees is not None
    assert trees.nodes.tolist() == [[2, 3, 1, 4], [1, 3, 2, 3], [0, 3, -1, -2], [3, 3, -1, -3], [4, 3, -2, -3]]
    assert trees.roots.tolist() == [0, -2]


def test_nodes_that_no_root_leads_to_are_left_out() -> None:
    trees = _made(SHARED, roots=[0])
    assert trees is not None
    assert trees.nodes.tolist() == [[0, LESS | EQUAL, -1, -2]]


def test_targets_that_always_have_a_score() -> None:
    made = [_made(SHARED, roots) for roots in ([2], [0], [~2], [~0, ~1], [])]
    assert [trees and trees.always_scored() for trees in made] == [set(), set(), {0, 1}, {0, 1}, set()]


def _branches(*branches: tuple[int, int]) -> Branching:
    return replace(SHARED, branches=np.asarray(branches))


@pytest.mark.parametrize(
    ("branching", "roots", "targets"),
    [
        pytest.param(_branches((~0, ~1), (0, ~2), (2, 0)), [2], 2, id="itself"),
        pytest.param(_branches((2, ~1), (0, ~2), (1, 0)), [2], 2, id="circle"),
        pytest.param(_branches((3, ~1), (0, ~2), (1, 0)), [2], 2, id="no_node"),
        pytest.param(_branches((~3, ~1), (0, ~2), (1, 0)), [2], 2, id="no_leaf"),
        pytest.param(SHARED, [3], 2, id="no_root"),
        pytest.param(SHARED, [2], 1, id="no_target"),
        pytest.param(replace(SHARED, features=np.asarray([0, -1, 2])), [2], 2, id="negative_feature"),
        pytest.param(replace(SHARED, features=np.asarray([0, 1, 1 << 31])), [2], 2, id="large_feature"),
    ],
)
def test_refused(branching: Branching, roots: list[int], targets: int) -> None:
    assert _made(branching, roots, targets) is None
