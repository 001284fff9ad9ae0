"""The scales of dequantized constants, through the nodes that fold after DequantizeLinear.

A layer needs them to recover the integers that its weights were stored as.
"""

from __future__ import annotations

import numpy as np
import onnx_ir as ir

from tf2rust.ops.core.inference import ValueInfo, ValueInfos

_RESHAPES = frozenset({"Identity", "Reshape", "Flatten", "Squeeze", "Unsqueeze"})


def scales_of(node: ir.Node, infos: ValueInfos, folded: ValueInfo) -> np.ndarray | None:
    """The scales of the constant that a folded node computes, which broadcast to its shape; None without scales.

    >>> DequantizeLinear([filters, channels, 3, 3], scales [filters], axis=0)   →   [filters, 1, 1, 1]
    >>> Transpose(perm=[2, 3, 1, 0]) of it                                       →   [1, 1, 1, filters]
    """
    if not node.inputs or node.inputs[0] is None:
        return None
    if node.op_type == "DequantizeLinear":
        return _dequantized(node, infos, folded)
    source = infos[node.inputs[0]]
    if source.scales is None or folded.const is None:
        return None
    if node.op_type == "Transpose":
        attribute = node.attributes.get("perm")
        perm = tuple(attribute.value) if attribute is not None else tuple(reversed(range(len(source.shape))))
        return source.scales.transpose(perm)
    if node.op_type in _RESHAPES:
        if source.scales.size == 1:
            return source.scales.reshape((1,) * folded.const.ndim)
        assert source.const is not None
        return np.broadcast_to(source.scales, source.const.shape).reshape(folded.const.shape)
    return None


def _dequantized(node: ir.Node, infos: ValueInfos, folded: ValueInfo) -> np.ndarray | None:
    scales, shape = infos.const(node.inputs[1]), folded.shape
    if scales is None or scales.dtype != np.float32 or folded.const is None:
        return None
    if scales.size == 1:
        return scales.reshape((1,) * len(shape))
    axis = (node.attributes["axis"].value if "axis" in node.attributes else 1) % len(shape)
    if scales.ndim == len(shape):  # one scale per block
        block = node.attributes["block_size"].value if "block_size" in node.attributes else 0
        return scales.take(np.arange(folded.const.shape[axis]) // (block or 1), axis=axis)
    return scales.reshape([-1 if a == axis else 1 for a in range(len(shape))])
