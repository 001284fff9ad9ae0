"""EyeLike: an identity matrix as a constant."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos, infers

_MAX_EYE = 1 << 26
"""The maximum number of elements of an identity matrix."""


@infers("EyeLike")
def _eye_like(node: Node, infos: ValueInfos) -> Sequence[ValueInfo]:
    data = infos[node.x]
    dtype = ir.DataType(node.attr("dtype")).numpy().name if node.has("dtype") else data.dtype
    if len(data.shape) != 2 or not all(isinstance(d, int) for d in data.shape):
        raise InferenceError("its matrix has a symbolic dimension; bind it with --dim")
    rows, columns = (int(str(d)) for d in data.shape)
    if rows * columns > _MAX_EYE:
        raise InferenceError(f"its matrix of {rows} × {columns} is too large for a constant")
    return [ValueInfo.of_const(np.eye(rows, columns, node.attr("k", 0), np.dtype(dtype)))]
