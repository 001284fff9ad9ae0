"""Operators of classical machine learning, which are converted by definitions."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ops.conftest import Results
from tests.ops.nodes import Node, check_node, const, floats, integers, named, node, symbolic

X = floats(4, 3)
W = floats(12, seed=4).tolist()
NAMES = np.array([["low", "high"], ["süß", "none"], ["high", "Low"]], object)
VECTORS = floats(7 * 3, seed=5).tolist()
KERNELS = {"LINEAR": [0.0, 0.0, 0.0], "POLY": [0.5, 0.25, 3.0], "RBF": [0.7, 0.0, 0.0], "SIGMOID": [0.4, -0.1, 0.0]}


def svm(kernel: str, labels: list[int], counts: list[int], x: np.ndarray = X, **attributes: object) -> Node:
    """A classifier of seven support vectors."""
    pairs = len(labels) * (len(labels) - 1) // 2
    return node(
        "ai.onnx.ml:SVMClassifier",
        symbolic(x, 0),
        outputs=2,
        classlabels_ints=labels,
        vectors_per_class=counts,
        support_vectors=VECTORS,
        coefficients=floats(7 * (len(labels) - 1), seed=6).tolist(),
        rho=[0.1 * i - 0.1 for i in range(pairs)],
        kernel_type=kernel,
        kernel_params=KERNELS[kernel],
        **attributes,
    )


TABLE_NAME = "classical"
NODES = {
    "columns": node("ai.onnx.ml:ArrayFeatureExtractor", symbolic(X, 0), const([2, 0])),
    "columns_of_a_row": node("ai.onnx.ml:ArrayFeatureExtractor", X[0], const([2, 0])),
    "binarizer": node("ai.onnx.ml:Binarizer", X, threshold=0.25),
    "scaler": node("ai.onnx.ml:Scaler", symbolic(X, 0), offset=[0.5, 1.0, -1.0], scale=[2.0, 0.5, 1.5]),
    "scaler_of_ints": node("ai.onnx.ml:Scaler", integers(4, 3), offset=[0.5], scale=[2.0]),
    **{f"normalizer_{norm}": node("ai.onnx.ml:Normalizer", np.abs(X), norm=norm) for norm in ("MAX", "L1", "L2")},
    "imputer": node(
        "ai.onnx.ml:Imputer",
        np.where(X > 0.5, np.nan, X),
        imputed_value_floats=[1.0, 2.0, 3.0],
        replaced_value_float=float("nan"),
    ),
    "imputer_of_ints": node(
        "ai.onnx.ml:Imputer", integers(4, 3, low=0, high=3), imputed_value_int64s=[9], replaced_value_int64=1
    ),
    "regressor": node(
        "ai.onnx.ml:LinearRegressor", symbolic(X, 0), targets=2, coefficients=W[:6], intercepts=[0.5, -0.5]
    ),
    **{
        f"classifier_{post}": node(
            "ai.onnx.ml:LinearClassifier",
            X,
            outputs=2,
            classlabels_ints=[3, 7, 5, 1],
            coefficients=W,
            intercepts=[0.1, 0.2, 0.3, 0.4],
            post_transform=post,
            multi_class=1,
        )
        for post in ("NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO")
    },
    "classifier_of_names": node(
        "ai.onnx.ml:LinearClassifier",
        symbolic(X, 0),
        outputs=2,
        classlabels_strings=["north", "östlich", "south"],
        coefficients=W[:9],
        intercepts=[0.1, 0.2, 0.3],
        post_transform="SOFTMAX",
    ),
    **{f"svm_{kernel.lower()}": svm(kernel, [4, 2, 9], [2, 3, 2], floats(9, 3)) for kernel in KERNELS},
    "svm_probabilities": svm(
        "RBF", [4, 2, 9], [2, 3, 2], floats(9, 3), prob_a=[-1.5, -0.5, -2.0], prob_b=[0.1, -0.2, 0.3]
    ),
    "svm_probabilities_of_two": svm("RBF", [4, 2], [3, 4], floats(9, 3), prob_a=[-1.5], prob_b=[0.1]),
    "svm_certain": svm("LINEAR", [4, 2, 9], [2, 3, 2], floats(9, 3), prob_a=[-90.0] * 3, prob_b=[0.0] * 3),
    "svm_of_two": svm("RBF", [4, 2], [3, 4], floats(9, 3)),
    "svm_far_from_0": node(
        "ai.onnx.ml:SVMRegressor",
        floats(9, 3) + 1000,
        n_supports=7,
        support_vectors=[v + 1000 for v in VECTORS],
        coefficients=floats(7, seed=6).tolist(),
        rho=[0.3],
        kernel_type="RBF",
        kernel_params=KERNELS["RBF"],
    ),
    **{
        f"svm_regressor_{kernel.lower()}": node(
            "ai.onnx.ml:SVMRegressor",
            symbolic(X, 0),
            n_supports=7,
            support_vectors=VECTORS,
            coefficients=floats(7, seed=6).tolist(),
            rho=[0.3],
            kernel_type=kernel,
            kernel_params=KERNELS[kernel],
        )
        for kernel in KERNELS
    },
    "svm_regressor_without_vectors": node(
        "ai.onnx.ml:SVMRegressor", X, coefficients=W[:3], rho=[0.3], kernel_params=KERNELS["LINEAR"]
    ),
    "one_hot": node("ai.onnx.ml:OneHotEncoder", integers(5, 2, low=0, high=4), cats_int64s=[3, 0, 2], zeros=1),
    "one_hot_of_floats": node("ai.onnx.ml:OneHotEncoder", X, cats_int64s=[0, -1, 1], zeros=1),
    "one_hot_of_names": node(
        "ai.onnx.ml:OneHotEncoder", NAMES, cats_strings=["low", "high", "süß"], zeros=1, by_reference=True
    ),
    "names_to_numbers": node(
        "ai.onnx.ml:CategoryMapper", NAMES, cats_strings=["low", "high", "süß"], cats_int64s=[5, 7, 9], opset=18
    ),
    "numbers_to_names": node(
        "ai.onnx.ml:CategoryMapper",
        integers(4, 3, low=4, high=8),
        cats_strings=["low", "high", "süß"],
        cats_int64s=[5, 7, 9],
        default_string="?",
    ),
    "one_hot_of_all": node("ai.onnx.ml:OneHotEncoder", integers(5, low=0, high=3), cats_int64s=[2, 0, 1], zeros=0),
    "vectorizer": node("ai.onnx.ml:FeatureVectorizer", symbolic(X, 0), symbolic(X[:, :2], 0), inputdimensions=[3, 2]),
    "labels": node(
        "ai.onnx.ml:LabelEncoder",
        integers(9, low=0, high=5),
        keys_int64s=[1, 2, 4],
        values_int64s=[10, 20, 40],
        default_int64=-7,
    ),
    "labels_to_floats": node(
        "ai.onnx.ml:LabelEncoder", integers(3, 4, low=0, high=5), keys_int64s=[1, 2, 4], values_floats=[0.1, 0.2, 0.4]
    ),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_classical(key: str, results: Results) -> None:
    check_node(results[key])
