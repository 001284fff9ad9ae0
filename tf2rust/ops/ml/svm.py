"""Support vector machines (``ai.onnx.ml``): weighted sums of kernels of a sample and the support vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from tf2rust.ops.core.function_body import Body, Outputs
from tf2rust.ops.core.inference import OWN_DOMAIN, Node, ValueInfos
from tf2rust.ops.ml.class_labels import class_labels, label_at
from tf2rust.ops.ml.pairwise_coupling import COUPLING
from tf2rust.ops.ml.post_transform import post_transform

_LEAST = 1e-7
"""The least probability of a class of a pair."""


def _kernel(node: Node, body: Body, vectors: np.ndarray) -> str | None:
    """The kernel of each sample of x0 [n, features] and each of ``vectors`` [count, features]: [n, count].

    gamma, coef0 and degree are the node's ``kernel_params``: a Gaussian is exp(−gamma · |x − v|²), a polynomial (gamma
    · x·v + coef0)^degree, a sigmoid tanh(gamma · x·v + coef0).
    """
    gamma, offset, degree = node.attr("kernel_params", [0.0, 0.0, 0.0])
    kind, x = node.attr("kernel_type", "LINEAR"), body.floats("x0")
    if kind == "LINEAR":
        return body.op("MatMul", x, body.constant(vectors.T))
    if kind == "RBF":
        # |x − v|² = |x|² − 2 x·v + |v|² is most exact near the origin, so the origin is moved to the vectors.
        middle = vectors.mean(axis=0, dtype=np.float64)
        own = vectors - middle
        x = body.op("Sub", x, body.constant(middle))
        squares = body.op("ReduceSumSquare", x, body.constant([-1], "int64"), keepdims=1)
        near = body.op("MatMul", x, body.constant(2 * gamma * own.T))
        near = body.op("Sub", near, body.constant(gamma * (own**2).sum(axis=1)))
        near = body.op("Sub", near, body.op("Mul", squares, body.constant(gamma)))
        return body.op("Exp", body.op("Min", near, body.constant(0.0)))
    if kind not in ("POLY", "SIGMOID"):
        return None
    product = body.op("MatMul", x, body.constant(gamma * vectors.T))
    product = body.op("Add", product, body.constant(offset))
    return body.op("Tanh", product) if kind == "SIGMOID" else body.op("Pow", product, body.constant(degree))


def _weighted(node: Node, body: Body, weights: np.ndarray, offsets: np.ndarray) -> str | None:
    """The weighted sums [n, outputs], for weights [vectors, outputs]."""
    given = np.asarray(node.attr("support_vectors") or [], np.float64)
    if not given.size or given.size % len(weights):
        return None
    kernel = _kernel(node, body, given.reshape(len(weights), -1))
    if kernel is None:
        return None
    return body.op("Add", body.op("MatMul", kernel, body.constant(weights)), body.constant(offsets))


def svm_regressor(node: Node, body: Body, _: ValueInfos) -> Outputs:
    """One number per sample."""
    coefficients, rho = np.asarray(node.attr("coefficients"), np.float64), node.attr("rho")
    if node.attr("one_class", 0) or not rho:
        return None
    if node.attr("n_supports", 0):
        scores = _weighted(node, body, coefficients[:, np.newaxis], rho[:1])
    elif node.attr("kernel_type", "LINEAR") == "LINEAR":
        node.has("kernel_params"), node.has("support_vectors")
        product = body.op("MatMul", body.floats("x0"), body.constant(coefficients[:, np.newaxis]))
        scores = body.op("Add", product, body.constant(rho[:1]))
    else:
        return None
    result = None if scores is None else post_transform(node, body, scores)
    return None if result is None else [result]


def svm_classifier(node: Node, body: Body, _: ValueInfos) -> Outputs:
    """The class with the most votes of the pairs of classes (the first of several), and scores or probabilities.

    The first class of a pair gets the vote if the pair's score is positive. The scores are those of the pairs; with two
    classes, both get a score. With ``prob_a`` and ``prob_b``, there are probabilities of the classes instead.
    """
    slopes, offsets = node.attr("prob_a"), node.attr("prob_b")
    labels, counts = class_labels(node, "classlabels_ints"), node.attr("vectors_per_class")
    if not labels or not counts or len(counts) != len(labels) or node.attr("post_transform", "NONE") != "NONE":
        return None
    pairs = list(combinations(range(len(labels)), 2))
    if slopes is not None and not len(slopes) == len(offsets) == len(pairs):
        return None
    starts = np.concatenate([[0], np.cumsum(counts)])
    given = np.asarray(node.attr("coefficients"), np.float64).reshape(len(labels) - 1, -1)
    weights = np.zeros((given.shape[1], len(pairs)))
    votes = np.zeros((len(pairs), len(labels)))
    for pair, (i, j) in enumerate(pairs):
        of_i, of_j = slice(starts[i], starts[i + 1]), slice(starts[j], starts[j + 1])
        weights[of_i, pair], weights[of_j, pair] = given[j - 1, of_i], given[i, of_j]
        votes[pair, i], votes[pair, j] = 1, -1
    scores = _weighted(node, body, weights, np.asarray(node.attr("rho"))[: len(pairs)])
    if scores is None:
        return None
    won = body.cast(body.op("Greater", scores, body.constant(0.0)), "float32")
    # Each pair that the first class did not win is a vote for the second.
    counted = body.op("Add", body.op("MatMul", won, body.constant(votes)), body.constant((votes < 0).sum(axis=0)))
    best = body.op("ArgMax", counted, axis=-1, keepdims=0)
    if slopes is not None:
        scores = _probabilities(body, scores, slopes, offsets, len(labels))
    elif len(pairs) == 1:
        scores = body.op("Concat", body.op("Neg", scores), scores, axis=-1)
    return [label_at(body, labels, best), scores]


def _probabilities(body: Body, scores: str, slopes: Sequence[float], offsets: Sequence[float], classes: int) -> str:
    """The probabilities of the classes, from the pairs' scores, which logistic functions turn into probabilities."""
    logits = body.op("Mul", scores, body.constant(-np.asarray(slopes)))
    pairs = body.op("Sigmoid", body.op("Sub", logits, body.constant(np.asarray(offsets))))
    kept = body.op("Clip", pairs, body.constant(_LEAST), body.constant(1 - _LEAST))
    return body.op(COUPLING, kept, domain=OWN_DOMAIN, classes=classes)
