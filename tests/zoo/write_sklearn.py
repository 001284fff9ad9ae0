"""Writes the files ``sklearn_*`` of skl2onnx, and ``xgboost_*`` and ``lightgbm_*`` of onnxmltools.

Made with scikit-learn 1.9.1, skl2onnx 1.20.0, onnxmltools 1.16.0, xgboost 3.2.0, lightgbm 4.7.0 and onnx 1.23.2:

    pip install scikit-learn==1.9.1 skl2onnx==1.20.0 onnxmltools==1.16.0 xgboost==3.2.0 lightgbm==4.7.0 onnx==1.23.2
    python tests/zoo/write_sklearn.py [NAME]
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import lightgbm
import numpy as np
import onnx
import onnxmltools
import xgboost
from onnxmltools.convert.common import data_types as tool_types
from saving import save
from skl2onnx import convert_sklearn
from skl2onnx.common.data_types import FloatTensorType, Int64TensorType
from sklearn import (
    cluster,
    compose,
    decomposition,
    discriminant_analysis,
    ensemble,
    gaussian_process,
    impute,
    linear_model,
    mixture,
    multiclass,
    naive_bayes,
    neighbors,
    neural_network,
    pipeline,
    preprocessing,
    svm,
    tree,
)
from sklearn.base import is_classifier

RNG = np.random.default_rng(3)
X = RNG.normal(size=(200, 5)).astype(np.float32)
SCORE = X @ np.array([1.0, -2.0, 0.5, 1.5, -1.0], np.float32) + np.sin(3 * X[:, 0])
TWO, THREE = (SCORE > 0).astype(np.int64), np.digitize(SCORE, [-1.0, 1.0]).astype(np.int64) * 2 + 1
NAMES = np.array(["low", "middle", "high"])[THREE // 2]
COUNTS = RNG.integers(0, 4, size=(200, 5)).astype(np.int64)


@dataclass(frozen=True)
class Case:
    """An estimator, its target, whether its inputs are integers, and the options of skl2onnx."""

    estimator: Any
    target: Any = None
    integers: bool = False
    opset: dict[str, int] | int | None = None
    zipmap: bool = False
    options: dict[str, Any] = field(default_factory=dict)


def pipe(*steps: Any) -> Any:
    return pipeline.make_pipeline(*steps)


CASES = {
    "logistic": Case(pipe(preprocessing.StandardScaler(), linear_model.LogisticRegression()), TWO),
    "logistic_three": Case(linear_model.LogisticRegression(), THREE),
    "logistic_names": Case(linear_model.LogisticRegression(), NAMES),
    "logistic_zipmap": Case(linear_model.LogisticRegression(), TWO, zipmap=True),
    "ridge": Case(linear_model.Ridge(), SCORE),
    "mlp": Case(
        pipe(
            preprocessing.StandardScaler(),
            neural_network.MLPClassifier((8, 6), activation="tanh", max_iter=50, random_state=0),
        ),
        THREE,
    ),
    "mlp_regressor": Case(
        neural_network.MLPRegressor(hidden_layer_sizes=(9,), max_iter=50, random_state=0), SCORE, opset=13
    ),
    "tree": Case(tree.DecisionTreeClassifier(max_depth=4, random_state=0), TWO),
    "forest": Case(ensemble.RandomForestClassifier(5, max_depth=4, random_state=0), THREE),
    "forest_two": Case(ensemble.RandomForestClassifier(5, max_depth=4, random_state=0), TWO),
    "boosting": Case(ensemble.GradientBoostingClassifier(n_estimators=6, random_state=0), TWO),
    "isolation": Case(
        ensemble.IsolationForest(n_estimators=4, max_samples=32, random_state=0), opset={"": 21, "ai.onnx.ml": 3}
    ),
    "outliers": Case(neighbors.LocalOutlierFactor(5, novelty=True)),
    "svc": Case(svm.SVC(C=0.5, gamma=0.3, probability=True, random_state=0), THREE),
    "svc_two": Case(svm.SVC(kernel="poly", degree=2, coef0=0.5), TWO, options={"raw_scores": True}),
    "svc_sigmoid": Case(svm.NuSVC(kernel="sigmoid", gamma=0.1, nu=0.3), THREE),
    "svr": Case(svm.SVR(), SCORE),
    "svr_linear": Case(svm.NuSVR(kernel="linear"), SCORE),
    "one_class": Case(svm.OneClassSVM(nu=0.2)),
    "kmeans": Case(pipe(preprocessing.MinMaxScaler(), cluster.KMeans(3, n_init=2, random_state=0))),
    "mixture": Case(mixture.GaussianMixture(3, random_state=0)),
    "pca": Case(pipe(preprocessing.RobustScaler(), decomposition.PCA(3), linear_model.LinearRegression()), SCORE),
    "lda": Case(discriminant_analysis.LinearDiscriminantAnalysis(), THREE),
    "qda": Case(discriminant_analysis.QuadraticDiscriminantAnalysis(), TWO),
    "neighbors": Case(neighbors.KNeighborsClassifier(3), THREE),
    "neighbors_regressor": Case(neighbors.KNeighborsRegressor(4, weights="distance"), SCORE),
    "bayes": Case(naive_bayes.GaussianNB(), THREE),
    "one_vs_rest": Case(multiclass.OneVsRestClassifier(linear_model.LogisticRegression()), THREE),
    "process": Case(
        gaussian_process.GaussianProcessRegressor(gaussian_process.kernels.RBF(2.0), alpha=0.1, optimizer=None), SCORE
    ),
    "impute": Case(pipe(impute.SimpleImputer(strategy="median"), linear_model.Ridge()), SCORE),
    "bins": Case(
        pipe(preprocessing.KBinsDiscretizer(4, encode="onehot-dense"), linear_model.LogisticRegression()), TWO
    ),
    "one_hot": Case(
        pipe(
            preprocessing.OneHotEncoder(sparse_output=False, handle_unknown="ignore"), linear_model.LogisticRegression()
        ),
        TWO,
        integers=True,
    ),
    "one_hot_strict": Case(preprocessing.OneHotEncoder(sparse_output=False), integers=True),
    "ordinal": Case(preprocessing.OrdinalEncoder(), integers=True),
    "quantiles": Case(preprocessing.PowerTransformer()),
    "columns": Case(
        pipe(
            compose.ColumnTransformer(
                [("scaled", preprocessing.StandardScaler(), [0, 2]), ("top", preprocessing.MaxAbsScaler(), [4])]
            ),
            linear_model.LogisticRegression(),
        ),
        THREE,
    ),
}


def converted(case: Case) -> onnx.ModelProto:
    x = COUNTS if case.integers else X
    estimator = case.estimator.fit(x) if case.target is None else case.estimator.fit(x, case.target)
    kind = Int64TensorType if case.integers else FloatTensorType
    options = dict(case.options)
    if is_classifier(estimator) and not case.zipmap:
        options["zipmap"] = False
    return convert_sklearn(
        estimator,
        initial_types=[("x", kind([None, 5]))],
        options={id(estimator): options} if options else None,
        target_opset=case.opset,
    )


def xgboosted(learner: Any, target: np.ndarray) -> onnx.ModelProto:
    given = [("x", tool_types.FloatTensorType([None, 5]))]
    return onnxmltools.convert_xgboost(learner.fit(X, target), initial_types=given)


def lightgbmed(learner: Any, target: np.ndarray) -> onnx.ModelProto:
    given = [("x", tool_types.FloatTensorType([None, 5]))]
    return onnxmltools.convert_lightgbm(learner.fit(X, target), initial_types=given, zipmap=False)


XGB, GBM = {"n_estimators": 4, "max_depth": 3}, {"n_estimators": 4, "num_leaves": 6, "verbose": -1}
BOOSTED: dict[str, Callable[[], onnx.ModelProto]] = {
    "xgboost_two": lambda: xgboosted(xgboost.XGBClassifier(**XGB), TWO),
    "xgboost_regressor": lambda: xgboosted(xgboost.XGBRegressor(**XGB), SCORE),
    "lightgbm_two": lambda: lightgbmed(lightgbm.LGBMClassifier(**GBM), TWO),
    "lightgbm_regressor": lambda: lightgbmed(lightgbm.LGBMRegressor(**GBM), SCORE),
}


def main(names: Sequence[str]) -> None:
    made = {f"sklearn_{name}": partial(converted, case) for name, case in CASES.items()} | BOOSTED
    for name, write in made.items():
        if not names or name in names:
            save(write(), name)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1:])
