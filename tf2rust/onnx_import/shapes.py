"""ONNX's own shape inference, for operators without a shape function."""

from __future__ import annotations

import onnx

from tf2rust.onnx_import.weights import without_weights

OnnxShapes = dict[str, tuple[str, tuple[int | None, ...]]]
"""Dtypes and shapes by the names of values; unknown dimensions are None."""


def onnx_shapes(proto: onnx.ModelProto) -> OnnxShapes:
    """Returns the inferred dtypes and shapes. This is native code, which can crash on damaged models."""
    try:
        inferred = onnx.shape_inference.infer_shapes(without_weights(proto))
    except Exception:  # A failure here only means that less is known.
        return {}
    found = {}
    for info in [*inferred.graph.value_info, *inferred.graph.output]:
        tensor = info.type.tensor_type
        if tensor.HasField("shape") and tensor.elem_type:
            dims = tuple(d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim)
            found[info.name] = (onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type).name, dims)
    return found
