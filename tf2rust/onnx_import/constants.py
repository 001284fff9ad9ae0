"""Turns inputs of a model into constants of the graph."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import onnx
from onnx import numpy_helper

from tf2rust.errors import UsageError

_INITIALIZERS_ALONE = 4
"""Since this version of the ONNX format, initializers do not have to be inputs too."""


def bind_constants(proto: onnx.ModelProto, arrays: Mapping[str, np.ndarray]) -> onnx.ModelProto:
    """Returns the model with the inputs named in ``arrays`` turned into constants.

    Raises UsageError if there is no such input, or if the array has another dtype or shape than the input.
    """
    bound = onnx.ModelProto()
    bound.CopyFrom(proto)
    declared = {info.name: info for info in bound.graph.input}
    for name, array in arrays.items():
        if name not in declared:
            known = ", ".join(f"`{other}`" for other in declared) or "none"
            raise UsageError(f"--constants: the model has no input `{name}`; its inputs are: {known}")
        kind = declared[name].type.tensor_type
        dtype = onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)
        sizes = [d.dim_value if d.HasField("dim_value") else None for d in kind.shape.dim]
        fits = len(sizes) == array.ndim and all(s in (None, n) for s, n in zip(sizes, array.shape, strict=True))
        if array.dtype != dtype or (kind.HasField("shape") and not fits):
            raise UsageError(
                f"--constants: input `{name}` is {dtype} {['?' if s is None else s for s in sizes]}, but the array "
                f"is {array.dtype} {list(array.shape)}"
            )
        if bound.ir_version >= _INITIALIZERS_ALONE:
            bound.graph.input.remove(declared[name])
        bound.graph.initializer.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
    return bound
