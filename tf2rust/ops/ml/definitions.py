"""Operators of classical machine learning (``ai.onnx.ml``), defined by those of ONNX itself and one of our own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import onnx_ir as ir
from onnx import TensorProto, helper

from tf2rust.ops.core.inference import OWN_DOMAIN, OWN_VERSION, Node, ValueInfos
from tf2rust.ops.ml.function_body import Body, Outputs, post_transform
from tf2rust.ops.ml.svm import svm_classifier, svm_regressor
from tf2rust.ops.ml.tree_ensemble import tree_ensemble, tree_ensemble_classifier, tree_ensemble_regressor

DOMAIN = "ai.onnx.ml"
_OPSET = 18


_NO_STRINGS = (
    "it works with strings, and tensors here hold numbers; train the model on labels and categories that are integers, "
    "keep their names outside (see --labels), and export it again"
)
_Definition = Callable[[Node, Body, ValueInfos], Outputs]


def definition(node: ir.Node, infos: ValueInfos) -> onnx.FunctionProto | None:
    """The definition of a node of this domain; None where there is none, or not for these attributes."""
    make = _DEFINITIONS.get(node.op_type)
    if make is None or any(v is not None and v not in infos for v in node.inputs):
        return None
    view, body = Node(node), Body()
    try:
        outputs = make(view, body, infos)
    except Exception:  # a node that is not as ONNX defines it: lists of other lengths, attributes that are missing
        return None
    if outputs is None or view.unread():
        return None
    inputs = [f"x{i}" for i in range(len(node.inputs))]
    opsets = [helper.make_opsetid("", _OPSET), helper.make_opsetid(OWN_DOMAIN, OWN_VERSION)]
    return helper.make_function(DOMAIN, node.op_type, inputs, outputs, body.nodes, opsets)


def reason(node: ir.Node) -> str:
    """Why a node of this domain has no definition, and what to do about it."""
    if any("string" in name for name in node.attributes):
        return _NO_STRINGS
    if node.op_type == "SVMClassifier" and "prob_a" in node.attributes:
        return (
            "its probabilities are found by iteration, which is not there; train the model with `probability=False`, "
            "whose scores are there, or calibrate it by scikit-learn's CalibratedClassifierCV"
        )
    if node.op_type in _DEFINITIONS:
        return "it has a definition, but not for these attributes and inputs"
    return f"no rule knows this operator; of {DOMAIN} there are {', '.join(_DEFINITIONS)}"


def _array_feature_extractor(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """The columns that the second input names."""
    flat = body.op("Reshape", "x1", body.constant([-1], "int64"))
    picked = body.op("Gather", "x0", flat, axis=-1)
    row = len(infos.shape(node.x)) == 1
    return [body.op("Unsqueeze", picked, body.constant([0], "int64"))] if row else [picked]


def _binarizer(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """1 above the threshold, else 0, in the dtype of the input."""
    dtype = infos.dtype(node.x)
    above = body.op("Greater", "x0", body.constant(node.attr("threshold", 0.0), dtype))
    return [body.op("Cast", above, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))]


def _scaler(node: Node, body: Body, _: ValueInfos) -> Outputs:
    """(x − offset) · scale"""
    moved = body.op("Sub", body.floats("x0"), body.constant(node.attr("offset", [0.0])))
    return [body.op("Mul", moved, body.constant(node.attr("scale", [1.0])))]


def _normalizer(node: Node, body: Body, _: ValueInfos) -> Outputs:
    """x over the norm of its row; a row of norm 0 stays."""
    kinds = {"MAX": "ReduceMax", "L1": "ReduceL1", "L2": "ReduceL2"}
    kind = kinds.get(node.attr("norm", "MAX"))
    if kind is None:
        return None
    x = body.floats("x0")
    norm = body.op(kind, x, body.constant([-1], "int64"), keepdims=1)
    none = body.op("Equal", norm, body.constant(0.0))
    return [body.op("Div", x, body.op("Where", none, body.constant(1.0), norm))]


def _imputer(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """Other numbers for those that stand for missing ones."""
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
    """The label of the highest score, and the scores, of as many classes as there are rows of coefficients."""
    labels = node.attr("classlabels_ints")
    node.has("multi_class")  # says where the numbers come from
    if not labels or len(node.attr("intercepts") or []) not in (0, len(labels)):
        return None
    scores = _linear(node, body, len(labels))
    best = body.op("ArgMax", scores, axis=-1, keepdims=0)
    result = post_transform(node, body, scores)
    return None if result is None else [body.op("Gather", body.constant(labels, "int64"), best), result]


def _label_encoder(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """Numbers looked up in a list of keys; the default for those that are not there."""
    keys = node.attr("keys_int64s") or node.attr("keys_floats")
    dtype, kinds = infos.dtype(node.x), {"int64": -1, "float": 0.0}
    kind = next((k for k in kinds if node.attr(f"values_{k}s")), None)
    if kind is None or not keys:
        return None
    values, default = node.attr(f"values_{kind}s"), node.attr(f"default_{kind}", kinds[kind])
    made = "float32" if kind == "float" else "int64"
    equal = body.op("Equal", body.op("Unsqueeze", "x0", body.constant([-1], "int64")), body.constant(keys, dtype))
    found = body.op("Cast", equal, to=TensorProto.INT32)
    index = body.op("ArgMax", found, axis=-1, keepdims=0)
    known = body.op("Cast", body.op("ReduceMax", found, body.constant([-1], "int64"), keepdims=0), to=TensorProto.BOOL)
    value = body.op("Gather", body.constant(values, made), index)
    return [body.op("Where", known, value, body.constant(default, made))]


def _one_hot_encoder(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """A new last axis with 1 at the number's place among the categories; without ``zeros`` there has to be one."""
    categories = node.attr("cats_int64s")
    if not categories or len(set(categories)) != len(categories):
        return None
    number = body.op("Unsqueeze", body.cast("x0", "int64"), body.constant([-1], "int64"))
    equal = body.op("Equal", number, body.constant(categories, "int64"))
    if node.attr("zeros", 1):
        return [body.floats(equal)]
    found = body.op("Cast", equal, to=TensorProto.INT32)
    known = body.op("Cast", body.op("ReduceMax", found, body.constant([-1], "int64"), keepdims=0), to=TensorProto.BOOL)
    index = body.op("ArgMax", found, axis=-1, keepdims=0)
    # There is no row of this number, which is an error when the model runs.
    index = body.op("Where", known, index, body.constant(len(categories), "int64"))
    return [body.op("Gather", body.constant(np.eye(len(categories))), index, axis=0)]


def _feature_vectorizer(node: Node, body: Body, infos: ValueInfos) -> Outputs:
    """The columns of all inputs, as floats."""
    shapes = [infos.shape(v) for v in node.operands()]
    if any(len(shape) != 2 for shape in shapes) or [s[1] for s in shapes] != node.attr("inputdimensions"):
        return None
    return [body.op("Concat", *(body.floats(f"x{i}") for i in range(len(shapes))), axis=1)]


_DEFINITIONS: dict[str, _Definition] = {
    "ArrayFeatureExtractor": _array_feature_extractor,
    "Binarizer": _binarizer,
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
