"""Data movement on small integer tensors that were computed from shapes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx_ir as ir

from tf2rust.onnx_import.fold import run_node
from tf2rust.onnx_import.load import run_reference
from tf2rust.ops.core.dims import Dim, DimExpr
from tf2rust.ops.core.inference import ValueInfo, ValueInfos, objects

_MOVED: dict[str, tuple[int, ...] | None] = {
    "Concat": None,
    **dict.fromkeys(("Expand", "Gather", "GatherElements", "GatherND", "Reshape", "Slice", "Split"), (0,)),
    **dict.fromkeys(("Squeeze", "Tile", "Transpose", "Unsqueeze"), (0,)),
    "Pad": (0, 2),
    **dict.fromkeys(("ScatterElements", "ScatterND"), (0, 2)),
}
"""Operators that move elements, with the inputs that hold them; None stands for all inputs."""
_MOST = 256
"""The maximum number of elements."""


def moved_dims(node: ir.Node, infos: ValueInfos, found: Sequence[ValueInfo]) -> list[ValueInfo] | None:
    """The outputs of a node that moves dimensions, with their contents; None if they are known already, or unknown.

    The node is run on numbers that stand for the elements.
    """
    if node.op_type not in _MOVED or node.domain not in ("", "ai.onnx") or any(i.dims is not None for i in found):
        return None
    moved = _MOVED[node.op_type] or range(len(node.inputs))
    elements: list[Dim] = [0]
    inputs: list[np.ndarray | None] = []
    for i, value in enumerate(node.inputs):
        info = infos.known(value)
        if value is None:
            inputs.append(None)
        elif info is not None and i in moved:
            own = _elements(info)
            if own is None:
                return None
            inputs.append(np.arange(len(elements), len(elements) + own.size).reshape(own.shape))
            elements += own.flat
        elif info is not None and info.const is not None:
            inputs.append(info.const)
        else:
            return None
    if not any(isinstance(element, DimExpr) for element in elements):
        return None
    results = run_node(run_reference, node, inputs)
    if results is None or any(array.size > _MOST or array.ndim > _RANK for array in results):
        return None
    table = objects(elements, (len(elements),))
    return [ValueInfo.of_dims(table[array], info.dtype) for array, info in zip(results, found, strict=True)]


_RANK = 2
"""The maximum rank of a tensor of dimensions."""


def _elements(info: ValueInfo) -> np.ndarray | None:
    """The elements of an integer tensor as integers and expressions."""
    if info.dims is not None:
        return info.dims
    small = info.const is not None and info.const.size <= _MOST and info.const.dtype.kind in "iu"
    return info.const.astype(object) if small and info.const is not None else None
