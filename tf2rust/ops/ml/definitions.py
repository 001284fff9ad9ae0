"""Operators of classical machine learning (``ai.onnx.ml``), defined by those of ONNX itself and one of our own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir as ir
from onnx import helper

from tf2rust.ops.core.dtypes import TEXT
from tf2rust.ops.core.function_body import Body, Outputs
from tf2rust.ops.core.inference import OWN_DOMAIN, OWN_VERSION, Node, ValueInfos, texts
from tf2rust.ops.ml.class_labels import class_labels, label_at, looked_up
from tf2rust.ops.ml.post_transform import post_transform
from tf2rust.ops.ml.svm import svm_classifier, svm_regressor
from tf2rust.ops.ml.tree_ensemble import tree_ensemble, tree_ensemble_classifier, tree_ensemble_regressor

DOMAIN = "ai.onnx.ml"
_OPSET = 18


_Definition = Callable[[Node, Body, ValueInfos], Outputs]


def definition(node: ir.Node, infos: ValueInfos) -> onnx.FunctionProto | None:
    """The function body of a node of this domain; None if there is none for the operator or its attributes."""
    make = _DEFINITIONS.get(node.op_type)
    if make is None or any(v is not None and v not in infos for v in node.inputs):
        return None
    view, body = Node(node), Body()
    try:
        outputs = make(view, body, infos)
    except Exception:  # malformed nodes: lists of inconsistent lengths, missing attributes
        return None
    if outputs is None or view.unread():
        return None
    inputs = [f"x{i}" for i in range(len(node.inputs))]
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(OWN_DOMAIN, OWN_VERSION)]
    return helper.make_function(DOMAIN, node.op_type, inputs, outputs, body.nodes, opsets)


def reason(node: ir.Node) -> str:
    """Why a node of this domain has no function body, and what to do about it."""
    if node.op_type in _DEFINITIONS:
        return "these attributes and inputs are not supported"
    return f"no rule supports this operator (supported operators of {DOMAIN}: {', '.join(_DEFINITIONS)})"


def _array_feature_extractor(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """The columns that the second input selects."""
    flat = body.op("Reshape", "x1", body.constant([-1], "int64"))
    picked = body.op("Gather", "x0", flat, axis=-1)
    row = len(infos.shape(node.x)) == 1
    return [body.op("Unsqueeze", picked, body.constant([0], "int64"))] if row else [picked]


def _binarizer(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """1 for numbers above the threshold, otherwise 0, in the dtype of the input."""
    dtype = infos.dtype(node.x)
    above = body.op("Greater", "x0", body.constant(node.attr("threshold", 0.0), dtype))
    return [body.op("Cast", above, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))]


def _scaler(node: Node, body: Body, _: ValueInfos) -> Outputs:
    """(x − offset) · scale"""
    moved = body.op("Sub", body.floats("x0"), body.constant(node.attr("offset", [0.0])))
    return [body.op("Mul", moved, body.constant(node.attr("scale", [1.0])))]


def _normalizer(node: Node, body: Body, _: ValueInfos) -> Outputs:
    """x divided by the norm of its row; a row with norm 0 is unchanged."""
    kinds = {"MAX": "ReduceMax", "L1": "ReduceL1", "L2": "ReduceL2"}
    kind = kinds.get(node.attr("norm", "MAX"))
    if kind is None:
        return None
    x = body.floats("x0")
    norm = body.op(kind, x, body.constant([-1], "int64"), keepdims=1)
    none = body.op("Equal", norm, body.constant(0.0))
    return [body.op("Div", x, body.op("Where", none, body.constant(1.0), norm))]


def _imputer(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """Replaces the number that stands for missing values."""
    floats = infos.dtype(node.x).startswith("float")
    kind = "float" if floats else "int64"
    missing, given = node.attr(f"replaced_value_{kind}", 0), node.attr(f"imputed_value_{kind}s")
    if given is None:
        return None
    dtype = infos.dtype(node.x)
    if floats and np.isnan(missing):
        where = body.op("IsNaN", "x0")
    else:
        where = body.op("Equal", "x0", body.constant(missing, dtype))
    return [body.op("Where", where, body.constant(given, dtype), "x0")]


def _linear(node: Node, body: Body, count: int) -> str:
    """x · coefficientsᵀ + intercepts, for ``count`` rows of coefficients."""
    kernel = np.asarray(node.attr("coefficients"), np.float32).reshape(count, -1).T
    product = body.op("MatMul", body.floats("x0"), body.constant(kernel))
    intercepts = node.attr("intercepts")
    return body.op("Add", product, body.constant(intercepts)) if intercepts else product


def _linear_regressor(node: Node, body: Body, _: ValueInfos) -> Outputs:
    result = post_transform(node, body, _linear(node, body, node.attr("targets", 1)))
    return None if result is None else [result]


def _linear_classifier(node: Node, body: Body, _: ValueInfos) -> Outputs:
    """The label with the highest score, and the scores; there is one class per row of coefficients."""
    labels = class_labels(node, "classlabels_ints")
    node.has("multi_class")  # identifies the origin of the numbers
    if not labels or len(node.attr("intercepts") or []) not in (0, len(labels)):
        return None
    scores = _linear(node, body, len(labels))
    best = body.op("ArgMax", scores, axis=-1, keepdims=0)
    result = post_transform(node, body, scores)
    return None if result is None else [label_at(body, labels, best), result]


def _label_encoder(node: Node, body: Body, _: ValueInfos) -> Outputs:
    """Looks up strings or numbers in a list of keys; others get the default."""
    keys, values, default = _listed(node, "keys"), _listed(node, "values"), node.attr("default_tensor")
    if keys is None or values is None or keys.shape != values.shape:
        return None
    for kind, (name, usual) in _DEFAULTS.items():
        given = node.attr(f"default_{name}", usual)
        if default is None and kind == values.dtype.kind:
            default = np.asarray([given], values.dtype)
    if default is None:
        return None
    return [looked_up(body, "x0", keys, values, _plain(np.asarray(default)).reshape(-1)[0])]


def _category_mapper(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """The number of each name among the categories, or the name of each number."""
    numbers = np.asarray(node.attr("cats_int64s"), np.int64)
    names = texts(np.asarray(node.attr("cats_strings"), object))
    number, name = node.attr("default_int64", -1), node.attr("default_string", "_Unused")
    if infos.dtype(node.x) == TEXT:
        return [looked_up(body, "x0", names, numbers, number)]
    return [looked_up(body, "x0", numbers, names, name)]


_DEFAULTS = {"O": ("string", "_Unused"), "i": ("int64", -1), "f": ("float", 0.0)}
"""For the kinds of values of a LabelEncoder, by their NumPy code: the name in attributes, and the default of ONNX."""


def _listed(node: Node, side: str) -> np.ndarray | None:
    """The keys or the values of a LabelEncoder, in whichever attribute they are."""
    if node.has(f"{side}_tensor"):
        return _plain(node.attr(f"{side}_tensor"))
    for name, dtype in (("strings", object), ("int64s", np.int64), ("floats", np.float32)):
        if node.has(f"{side}_{name}"):
            return _plain(np.asarray(node.attr(f"{side}_{name}"), dtype))
    return None


def _plain(array: np.ndarray) -> np.ndarray:
    return texts(array) if array.dtype.kind in "OSU" else array


def _one_hot_encoder(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """A new last axis with 1 at the position of the number or name among the categories. Without ``zeros``, it must be
    one of them.
    """
    has_names = infos.dtype(node.x) == TEXT
    node.has("cats_int64s"), node.has("cats_strings")
    given = node.attr("cats_strings" if has_names else "cats_int64s") or []
    categories = texts(np.asarray(given, object)) if has_names else np.asarray(given, np.int64)
    if not given or len(set(given)) != len(given):
        return None
    count = len(given)
    index = looked_up(body, "x0" if has_names else body.cast("x0", "int64"), categories, np.arange(count), count)
    # Another category has a row of zeros, or no row, which is an error at run time.
    rows = np.eye(count + 1 if node.attr("zeros", 1) else count, count)
    return [body.op("Gather", body.constant(rows), index, axis=0)]


def _feature_vectorizer(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """The columns of all inputs, as floats."""
    shapes = [infos.shape(v) for v in node.operands()]
    if any(len(shape) != 2 for shape in shapes) or [s[1] for s in shapes] != node.attr("inputdimensions"):
        return None
    return [body.op("Concat", *(body.floats(f"x{i}") for i in range(len(shapes))), axis=1)]


_DEFINITIONS: dict[str, _Definition] = {
    "ArrayFeatureExtractor": _array_feature_extractor,
    "Binarizer": _binarizer,
    "CategoryMapper": _category_mapper,
    "FeatureVectorizer": _feature_vectorizer,
    "Imputer": _imputer,
    "LabelEncoder": _label_encoder,
    "LinearClassifier": _linear_classifier,
    "LinearRegressor": _linear_regressor,
    "Normalizer": _normalizer,
    "OneHotEncoder": _one_hot_encoder,
    "SVMClassifier": svm_classifier,
    "SVMRegressor": svm_regressor,
    "Scaler": _scaler,
    "TreeEnsemble": tree_ensemble,
    "TreeEnsembleClassifier": tree_ensemble_classifier,
    "TreeEnsembleRegressor": tree_ensemble_regressor,
}
