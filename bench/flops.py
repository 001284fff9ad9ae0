"""Counts the multiplications and additions of the matrix products and convolutions of an ONNX graph."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir as ir

from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.load import load_onnx


def flops(path: Path, batch: int) -> int:
    """The operations of one prediction of ``batch`` rows. A multiply-add counts as two operations.

    Other operators are not counted: they take a small part of the time, and their operations are not comparable.
    """
    loaded = load_onnx(path)
    proto, weights = loaded.proto, loaded.weights
    symbols = analyse(proto, weights=weights).symbolic
    analysis = analyse(proto, dict.fromkeys(symbols, batch), weights)

    def shape(value: ir.Value | None) -> tuple[int, ...]:
        assert value is not None
        return tuple(int(str(dim)) for dim in analysis.infos[value].shape)

    return sum(_of_node(node, shape) for node in analysis.graph if node not in analysis.folded)


def _of_node(node: ir.Node, shape: Callable[[ir.Value | None], tuple[int, ...]]) -> int:
    match node.op_type:
        case "MatMul":
            return 2 * int(np.prod(shape(node.outputs[0]))) * shape(node.inputs[0])[-1]
        case "Gemm":
            transposed = node.attributes.get_int("transA", 0)
            return 2 * int(np.prod(shape(node.outputs[0]))) * shape(node.inputs[0])[0 if transposed else 1]
        case "Conv":
            return 2 * int(np.prod(shape(node.outputs[0]))) * int(np.prod(shape(node.inputs[1])[1:]))
        case "ConvTranspose":
            # Every number of the input is multiplied by a kernel; the kernels are [in, out / groups, height, width].
            return 2 * int(np.prod(shape(node.inputs[0]))) * int(np.prod(shape(node.inputs[1])[1:]))
        case "LSTM" | "GRU":
            # The kernel is [directions, gates · units, input], the recurrent kernel [directions, gates · units, units].
            steps, rows, _ = shape(node.inputs[0])
            return 2 * steps * rows * int(np.prod(shape(node.inputs[1])) + np.prod(shape(node.inputs[2])))
        case "Loop" | "Scan" | "If" | "Einsum":
            raise ValueError(f"the products of {node.op_type} are not counted here")
    return 0
