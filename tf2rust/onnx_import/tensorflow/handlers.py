"""ONNX implementations of TensorFlow and TFLite ops that tf2onnx does not know."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx

from tf2rust.onnx_import.tensorflow import text
from tf2rust.onnx_import.tensorflow.runtime import library
from tf2rust.onnx_import.tensorflow.tflite_lstm import as_onnx_lstm
from tf2rust.ops.core.inference import OWN_DOMAIN

_INT32_MIN = np.iinfo(np.int32).min


@functools.cache
def register() -> None:
    """Registers the ops below with tf2onnx, unless they are registered already."""
    tf_op = library("tf2onnx.handler").tf_op
    for name, handler in _HANDLERS.items():
        # For the exported operator set, so that they take precedence over older handlers of tf2onnx.
        tf_op.register_handler(handler, 18, [name], "", {})
    # tf2onnx exports bfloat16 as float16, which has other bits for the exponent.
    bfloat16 = library("tensorflow").bfloat16
    library("tf2onnx.tf_utils").TF_TO_ONNX_DTYPE[bfloat16.as_datatype_enum] = onnx.TensorProto.BFLOAT16
    library("tf2onnx.utils").ONNX_TO_NUMPY_DTYPE[onnx.TensorProto.BFLOAT16] = bfloat16.as_numpy_dtype


class _Builder:
    """Replaces a TensorFlow node by ONNX nodes that keep its name as a prefix, and with it the layer's mark."""

    def __init__(self, graph: Any, node: Any) -> None:
        self.graph, self.name, self.inputs, self.output = graph, node.name, list(node.input), node.output[0]
        self.shape, self.dtype = graph.get_shape(self.output), graph.get_dtype(self.output)
        graph.remove_node(node.name)

    def constant(self, value: Any, dtype: Any) -> str:
        array = np.asarray(value, dtype=dtype)
        return str(self.graph.make_const(self._fresh_name(), array).output[0])

    def add(self, op: str, *inputs: str, **attributes: Any) -> str:
        made = self.graph.make_node(op, list(inputs), name=self._fresh_name(), attr=attributes)
        return str(made.output[0])

    def finish(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> None:
        self.graph.make_node(
            op,
            list(inputs),
            name=self.name,
            outputs=[self.output],
            shapes=[self.shape],
            dtypes=[self.dtype],
            domain=domain,
            attr=attributes,
        )

    def input_dtype(self) -> Any:
        return library("tf2onnx.utils").map_onnx_to_numpy_type(self.graph.get_dtype(self.inputs[0]))

    def _fresh_name(self) -> str:
        return str(library("tf2onnx.utils").make_name(self.name))


def _erfc(graph: Any, node: Any, **_: Any) -> None:
    """erfc(x) = 1 - erf(x)."""
    build = _Builder(graph, node)
    one = build.constant(1, build.input_dtype())
    build.finish("Sub", one, build.add("Erf", build.inputs[0]))


def _expm1(graph: Any, node: Any, **_: Any) -> None:
    """expm1(x) = exp(x) - 1."""
    build = _Builder(graph, node)
    one = build.constant(1, build.input_dtype())
    build.finish("Sub", build.add("Exp", build.inputs[0]), one)


def _log1p(graph: Any, node: Any, **_: Any) -> None:
    """log1p(x) = log(x + 1)."""
    build = _Builder(graph, node)
    one = build.constant(1, build.input_dtype())
    build.finish("Log", build.add("Add", build.inputs[0], one))


def _bucketize(graph: Any, node: Any, **_: Any) -> None:
    """The bucket of x is the number of boundaries that x is not below; NaN is above all."""
    boundaries = list(node.get_attr_value("boundaries"))
    build = _Builder(graph, node)
    double = build.input_dtype() == np.float64
    value = build.inputs[0] if double else build.add("Cast", build.inputs[0], to=1)
    column = build.add("Unsqueeze", value, build.constant([-1], np.int64))
    limits = np.asarray(boundaries, np.float32).astype(np.float64 if double else np.float32)
    below = build.add("Cast", build.add("Less", column, build.constant(limits, limits.dtype)), to=6)
    counted = build.add("ReduceSum", below, build.constant([-1], np.int64), keepdims=0)
    build.finish("Sub", build.constant(len(boundaries), np.int32), counted)


def _dense_bincount(graph: Any, node: Any, **parts: Any) -> None:
    """The sum or the maximum of one-hot vectors, where the number of bins is known; otherwise tf2onnx' own handler.

    A bin counts the elements of a row that are its index; those outside of the bins are in none.
    """
    bins = _bins(graph, node.inputs[1])
    weights, is_binary = graph.get_shape(node.input[2]), node.get_attr_value("binary_output", False)
    if bins is None or weights is None or 0 not in weights:
        library("tf2onnx.onnx_opset.tensor").Bincount.version_13(graph, node, **parts)
        return
    build = _Builder(graph, node)
    counted = library("tf2onnx.utils").map_onnx_to_numpy_type(build.dtype)
    indices, dtype = build.inputs[0], build.input_dtype()
    if (dtype, counted) != (np.int32, np.float32):  # other pairs are not known to every engine
        indices, dtype = build.add("Cast", indices, to=7), np.int64
    encoded = build.add("OneHot", indices, build.constant([bins], dtype), build.constant([0, 1], counted), axis=-1)
    build.finish("ReduceMax" if is_binary else "ReduceSum", encoded, build.constant([-2], np.int64), keepdims=0)


def _bins(graph: Any, size: Any) -> int | None:
    """The number that ``size`` is: a constant, or one that is both the lower and the upper bound of something else."""
    if size.is_const():
        return int(size.get_tensor_value(as_list=False))
    if size.type not in ("Minimum", "Min") or len(size.inputs) != 2:
        return None
    highest = [node for node in size.inputs if node.is_const()]
    inner = [node for node in size.inputs if node.type in ("Maximum", "Max")]
    lowest = [node for other in inner for node in other.inputs if node.is_const()]
    bounds = {int(node.get_tensor_value(as_list=False)) for node in (*highest, *lowest)}
    return bounds.pop() if highest and lowest and len(bounds) == 1 else None


def _bitcast(graph: Any, node: Any, **_: Any) -> None:
    """The sign bit of a float32 as an int32, which is Keras's only use of a bitcast (`signbit`, inside `argmax`).

    1/x < 0 distinguishes -0.0 from 0.0. Any other use has no ONNX equivalent, and the caller reports it.
    """
    consumers = graph.find_output_consumers(node.output[0])
    masks = [other for user in consumers for other in user.inputs if other.name != node.name]
    is_sign = all(user.type == "BitwiseAnd" for user in consumers) and all(
        mask.is_const() and np.all(mask.get_tensor_value(as_list=False) == _INT32_MIN) for mask in masks
    )
    if not is_sign or graph.get_dtype(node.input[0]) != 1:
        raise ValueError("Bitcast is only supported for the sign bit of a float32")
    build = _Builder(graph, node)
    zero = build.constant(0, np.float32)
    below = build.add("Less", build.inputs[0], zero)
    below_zero = build.add("Less", build.add("Reciprocal", build.inputs[0]), zero)
    sign = build.add("Cast", build.add("Or", below, below_zero), to=6)
    build.finish("Mul", sign, build.constant(_INT32_MIN, np.int32))


def _floor_div(graph: Any, node: Any, **_: Any) -> None:
    """The quotient, rounded down. ONNX's Div of integers rounds toward zero; its Mod has the sign of the divisor."""
    build = _Builder(graph, node)
    left, right = build.inputs
    if np.issubdtype(build.input_dtype(), np.integer):
        build.finish("Div", build.add("Sub", left, build.add("Mod", left, right)), right)
    else:
        build.finish("Floor", build.add("Div", left, right))


def _floor_mod(graph: Any, node: Any, **_: Any) -> None:
    """The remainder with the sign of the divisor."""
    build = _Builder(graph, node)
    left, right = build.inputs
    if np.issubdtype(build.input_dtype(), np.integer):
        build.finish("Mod", left, right)
    else:
        whole = build.add("Floor", build.add("Div", left, right))
        build.finish("Sub", left, build.add("Mul", whole, right))


def _tflite_gelu(graph: Any, node: Any, **_: Any) -> None:
    """0.5 x (1 + erf(x / √2)), or with tanh(√(2/π) (x + 0.044715 x³)) instead of erf."""
    approximate = node.get_attr_value("approximate", False)
    build = _Builder(graph, node)
    (x,) = build.inputs
    one, half = build.constant(1, np.float32), build.constant(0.5, np.float32)
    if approximate:
        cubic = build.add(
            "Mul", build.add("Pow", x, build.constant(3, np.float32)), build.constant(0.044715, np.float32)
        )
        inner = build.add("Mul", build.add("Add", x, cubic), build.constant(np.sqrt(2 / np.pi), np.float32))
        gate = build.add("Add", build.add("Tanh", inner), one)
    else:
        gate = build.add("Add", one, build.add("Erf", build.add("Div", x, build.constant(np.sqrt(2), np.float32))))
    build.finish("Mul", build.add("Mul", x, half), gate)


def _conv3d(graph: Any, node: Any, **parts: Any) -> None:
    """tf2onnx's own handler, which supports groups only for images."""
    channels, of_filter = graph.get_shape(node.input[0])[-1], graph.get_shape(node.input[1])[-2]
    library("tf2onnx.onnx_opset.nn").ConvOp.version_13(graph, node, **parts)
    node.set_attr("group", channels // of_filter)


def _resize(graph: Any, node: Any, **_: Any) -> None:
    """One of tf2rust's functions for each TensorFlow op: ONNX's Resize rounds positions and weights differently."""
    op, images, size = node.type, node.input[0], node.input[1]
    options = {name: int(bool(node.get_attr_value(name, 0))) for name in ("align_corners", "half_pixel_centers")}
    build = _Builder(graph, node)
    if op != "ResizeNearestNeighbor" and build.input_dtype() != np.float32:
        images = build.add("Cast", images, to=1)
    build.finish(op, images, build.add("Cast", size, to=7), domain=OWN_DOMAIN, **options)


def _resize_area(graph: Any, node: Any, **_: Any) -> None:
    """Overrides tf2onnx's handler, which computes the nearest element instead of the mean."""
    raise ValueError("ONNX has no equivalent of the mean over an area")


def _renamed(op: str) -> Callable[..., None]:
    def handler(graph: Any, node: Any, **_: Any) -> None:
        build = _Builder(graph, node)
        build.finish(op, *build.inputs)

    return handler


def _ragged_bincount(graph: Any, node: Any, **_: Any) -> None:
    text.ragged_bincount(graph, node, _bins(graph, node.inputs[2]))


_HANDLERS: dict[str, Callable[..., None]] = {
    "Conv3D": _conv3d,
    "DenseBincount": _dense_bincount,
    "EnsureShape": _renamed("Identity"),
    "Equal": text.equal,
    "Erfc": _erfc,
    "Expm1": _expm1,
    "Log1p": _log1p,
    "FloorDiv": _floor_div,
    "FloorMod": _floor_mod,
    "Bucketize": _bucketize,
    "Bincount": _dense_bincount,
    "Bitcast": _bitcast,
    "BitwiseAnd": _renamed("BitwiseAnd"),
    "LogicalXor": _renamed("Xor"),
    "Inv": _renamed("Reciprocal"),
    "NotEqual": text.equal,
    "PreventGradient": _renamed("Identity"),
    "ResizeArea": _resize_area,
    "ResizeBicubic": _resize,
    "ResizeBilinear": _resize,
    "ResizeNearestNeighbor": _resize,
    "AsString": text.as_string,
    "LookupTableFindV2": text.lookup,
    "RaggedBincount": _ragged_bincount,
    "RaggedTensorToTensor": text.ragged_to_dense,
    "Snapshot": _renamed("Identity"),
    "SparseCross": text.left_to_readers,
    "SparseToDense": text.hashed_cross,
    "StaticRegexReplace": text.copied("pattern", "rewrite", "replace_global"),
    "StringLower": text.copied("encoding"),
    "StringNGrams": text.string_ngrams,
    "StringSplitV2": text.string_split,
    "StringToHashBucketFast": text.copied("num_buckets"),
    "StringToHashBucketStrong": text.copied("num_buckets", "key"),
    "StringUpper": text.copied("encoding"),
    "TFL_GELU": _tflite_gelu,
    "TFL_UNIDIRECTIONAL_SEQUENCE_LSTM": as_onnx_lstm,
    "UnicodeDecode": text.left_to_readers,
    "UnicodeEncode": text.unicode_split,
}
