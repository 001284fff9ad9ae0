"""Ensembles of decision trees."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import numpy_helper

from tests.conformance.judge import FAIL
from tests.ops.conftest import Results
from tests.ops.nodes import Node, check_node, floats, named, node, symbolic

X = floats(9, 3)
HOLES = np.where(floats(9, 3, seed=8) > 0.5, np.nan, X).astype(np.float32)
# Two trees: node 0 asks, node 1 asks again or is a leaf, the rest are leaves.
TREES, NODES_OF = [0, 0, 0, 0, 0, 1, 1, 1], [0, 1, 2, 3, 4, 0, 1, 2]
LEAVES = [(0, 2), (0, 3), (0, 4), (1, 1), (1, 2)]


def _older(
    op: str, kind: str, mode: str, targets: int, x: np.ndarray = X, outputs: int = 1, least: float = 0, **options: Any
) -> Node:
    """The operators before version 5; leaf i has a weight for target i and another one for the next."""
    modes = [mode, mode, "LEAF", "LEAF", "LEAF", mode, "LEAF", "LEAF"]
    pairs = [
        (leaf, (i + j) % targets, 0.3 * i - j + least) for i, leaf in enumerate(LEAVES) for j in range(min(targets, 2))
    ]
    return node(
        f"ai.onnx.ml:{op}",
        symbolic(x, 0),
        outputs=outputs,
        nodes_treeids=TREES,
        nodes_nodeids=NODES_OF,
        nodes_featureids=[0, 1, 0, 0, 0, 2, 0, 0],
        nodes_values=[0.1, -0.2, 0.0, 0.0, 0.0, 0.3, 0.0, 0.0],
        nodes_hitrates=[1.0] * 8,
        nodes_modes=modes,
        nodes_truenodeids=[1, 3, 0, 0, 0, 1, 0, 0],
        nodes_falsenodeids=[2, 4, 0, 0, 0, 2, 0, 0],
        **{
            f"{kind}_treeids": [leaf[0] for leaf, _, _ in pairs],
            f"{kind}_nodeids": [leaf[1] for leaf, _, _ in pairs],
            f"{kind}_ids": [target for _, target, _ in pairs],
            f"{kind}_weights": [weight for _, _, weight in pairs],
        },
        **options,
    )


def _ensemble(modes: list[int], x: np.ndarray = X, **options: Any) -> Node:
    """Version 5: a tree of three nodes and four leaves, and one that is a leaf."""

    def tensor(values: Any, dtype: Any = np.float32) -> Any:
        return numpy_helper.from_array(np.asarray(values, dtype))

    attributes = {"n_targets": 2, "leaf_targetids": [0, 1, 0, 1, 1], **options}
    return node(
        "ai.onnx.ml:TreeEnsemble",
        symbolic(x, 0),
        tree_roots=[0, 3],
        nodes_modes=tensor([*modes, 0], np.uint8),
        nodes_featureids=[0, 1, 2, 0],
        nodes_splits=tensor([0.1, -0.2, 0.3, 0]),
        nodes_truenodeids=[1, 0, 2, 4],
        nodes_trueleafs=[0, 1, 1, 1],
        nodes_falsenodeids=[2, 1, 3, 4],
        nodes_falseleafs=[0, 1, 1, 1],
        leaf_weights=tensor([1, 2.5, -3, 4, 0.5]),
        **attributes,
    )


MEMBERS = numpy_helper.from_array(np.asarray([1, 2, np.nan, 3, np.nan], np.float32))
WHOLE = np.round(X * 2).astype(np.float32)

TABLE_NAME = "trees"
NODES = {
    **{
        f"regressor_{mode.lower()}": _older("TreeEnsembleRegressor", "target", f"BRANCH_{mode}", 2, n_targets=2)
        for mode in ("LEQ", "LT", "GTE", "GT", "EQ", "NEQ")
    },
    "regressor_average": _older(
        "TreeEnsembleRegressor", "target", "BRANCH_LT", 1, n_targets=1, aggregate_function="AVERAGE", base_values=[0.5]
    ),
    **{
        f"regressor_{aggregate.lower()}": _older(
            "TreeEnsembleRegressor", "target", "BRANCH_LT", 1, n_targets=1, aggregate_function=aggregate
        )
        for aggregate in ("MIN", "MAX")
    },
    "regressor_missing": _older(
        "TreeEnsembleRegressor",
        "target",
        "BRANCH_LEQ",
        2,
        HOLES,
        n_targets=2,
        nodes_missing_value_tracks_true=[1, 0, 0, 0, 0, 1, 0, 0],
    ),
    "regressor_of_leaves": node(
        "ai.onnx.ml:TreeEnsembleRegressor",
        symbolic(X, 0),
        nodes_treeids=[0, 1],
        nodes_nodeids=[0, 0],
        nodes_featureids=[0, 0],
        nodes_values=[0.0, 0.0],
        nodes_modes=["LEAF", "LEAF"],
        nodes_truenodeids=[0, 0],
        nodes_falsenodeids=[0, 0],
        target_treeids=[0, 1],
        target_nodeids=[0, 0],
        target_ids=[0, 0],
        target_weights=[0.25, -1.5],
        n_targets=1,
    ),
    "regressor_doubles": _older(
        "TreeEnsembleRegressor", "target", "BRANCH_LEQ", 2, X.astype("float64"), n_targets=2
    ),
    **{
        f"classifier_{post.lower()}": _older(
            "TreeEnsembleClassifier",
            "class",
            "BRANCH_LEQ",
            3,
            outputs=2,
            classlabels_int64s=[7, 5, 9],
            post_transform=post,
        )
        for post in ("NONE", "SOFTMAX", "LOGISTIC", "SOFTMAX_ZERO")
    },
    **{
        f"classifier_of_{targets}_names": _older(
            "TreeEnsembleClassifier",
            "class",
            "BRANCH_LEQ",
            targets,
            outputs=2,
            classlabels_strings=["low", "high", "none"][: max(targets, 2)],
        )
        for targets in (1, 3)
    },
    **{
        f"classifier_of_two_{'mixed' if least else 'positive'}_{post.lower()}": _older(
            "TreeEnsembleClassifier",
            "class",
            "BRANCH_LEQ",
            1,
            outputs=2,
            least=least,
            classlabels_int64s=[7, 5],
            post_transform=post,
        )
        for post in ("NONE", "LOGISTIC")
        for least in (0, -0.5)
    },
    **{
        f"classifier_of_two_base_{'mixed' if least else 'positive'}": _older(
            "TreeEnsembleClassifier",
            "class",
            "BRANCH_LEQ",
            1,
            outputs=2,
            least=least,
            classlabels_int64s=[7, 5],
            base_values=[-0.9],
            post_transform="LOGISTIC",
        )
        for least in (0, -0.5)
    },
    **{
        f"classifier_of_two_scored_{post.lower()}": _older(
            "TreeEnsembleClassifier", "class", "BRANCH_LEQ", 2, outputs=2, classlabels_int64s=[7, 5],
            post_transform=post, by_reference=True,
        )
        for post in ("NONE", "SOFTMAX", "LOGISTIC")
    },
    "classifier_of_integers": _older(
        "TreeEnsembleClassifier", "class", "BRANCH_GT", 3, WHOLE.astype("int64"), outputs=2,
        classlabels_int64s=[7, 5, 9],
    ),
    "classifier_base": _older(
        "TreeEnsembleClassifier", "class", "BRANCH_LEQ", 3, outputs=2, classlabels_int64s=[7, 5, 9],
        base_values=[0.5, 0.1, -0.4],
    ),
    **{f"ensemble_{kind}": _ensemble([0, 0, 0], aggregate_function=kind) for kind in (0, 1)},
    **{
        f"ensemble_{kind}": _ensemble([0, 0, 0], aggregate_function=kind, n_targets=1, leaf_targetids=[0] * 5)
        for kind in (2, 3)
    },
    "ensemble_modes": _ensemble([1, 2, 3]),
    "ensemble_equal": _ensemble([4, 5, 0], WHOLE),
    "ensemble_members": _ensemble([6, 6, 0], WHOLE, membership_values=MEMBERS),
    "ensemble_missing": _ensemble([0, 3, 0], HOLES, nodes_missing_value_tracks_true=[1, 0, 1, 0]),
    "ensemble_doubles": node(
        "ai.onnx.ml:TreeEnsemble",
        X.astype("float64"),
        n_targets=1,
        tree_roots=[0],
        nodes_modes=numpy_helper.from_array(np.asarray([1], np.uint8)),
        nodes_featureids=[1],
        nodes_splits=numpy_helper.from_array(np.asarray([0.1])),
        nodes_truenodeids=[0],
        nodes_trueleafs=[1],
        nodes_falsenodeids=[1],
        nodes_falseleafs=[1],
        leaf_targetids=[0, 0],
        leaf_weights=numpy_helper.from_array(np.asarray([0.1, 0.7])),
        by_reference=True,
    ),
}  # fmt: skip
REFUSED = {
    **{f"unreached_{kind}": _ensemble([0, 0, 0], aggregate_function=kind) for kind in (2, 3)},
    "too_few_features": _ensemble([0, 0, 0], X[:, :2], exact=lambda x: x),
}
REASONS = {
    **{f"{TABLE_NAME}_unreached_{kind}": "these attributes and inputs are not supported" for kind in (2, 3)},
    f"{TABLE_NAME}_too_few_features": "its trees compare 3 features, and its input has 2",
}
NODES |= REFUSED


@pytest.mark.parametrize("key", named(TABLE_NAME, REFUSED))
def test_refused(key: str, results: Results) -> None:
    assert results[key].status == FAIL
    assert REASONS[key] in results[key].reason


@pytest.mark.parametrize("key", named(TABLE_NAME, {k: v for k, v in NODES.items() if k not in REFUSED}))
def test_trees(key: str, results: Results) -> None:
    check_node(results[key])
