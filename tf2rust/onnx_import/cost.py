"""The cost of computing a node: memory and operations, estimated from shapes before anything is computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf2rust.ops.core.inference import InferenceError, Node, ValueInfo, ValueInfos

_PER_ELEMENT = 20
"""Operations per element that is read or written; an operation takes about a nanosecond."""
_INTERPRETED = {
    **dict.fromkeys(("AveragePool", "LpPool", "MaxPool", "MaxUnpool", "RoiAlign"), 60_000),
    **dict.fromkeys(("ConvTranspose", "DeformConv", "GridSample"), 1_000_000),
    **dict.fromkeys(("Conv", "ConvInteger", "QLinearConv", "Col2Im", "NonMaxSuppression"), 5_000),
    **dict.fromkeys(("GRU", "LSTM", "RNN"), 10_000),
    **dict.fromkeys(("GatherElements", "GatherND", "Scatter", "ScatterElements", "ScatterND"), 5_000),
    **dict.fromkeys(("DFT", "MelWeightMatrix", "Resize", "STFT", "TopK", "Unique", "Upsample"), 2_000),
}
"""Operations per element for operators that ONNX's reference implementation runs in Python loops."""


@dataclass(frozen=True)
class Cost:
    """The cost of one node.

    ``size`` is the size of its outputs in bytes. ``interpreted`` counts the operations of ONNX's reference
    implementation, ``native`` those of ONNX Runtime.
    """

    size: int
    interpreted: int
    native: int


def cost_of(node: Node, infos: ValueInfos, found: Sequence[ValueInfo]) -> Cost:
    """Returns the cost of a node whose inputs are constants; ``found`` are the infos of its outputs.

    Raises InferenceError if an output has a shape that no tensor can have.
    """
    inputs = [infos.shape(v) for v in node.inputs if v is not None]
    read = sum(_elements(shape) or 0 for shape in inputs)
    # The output size of operators such as NonZero depends on data; assume a few elements per input element.
    made = [_elements(info.shape) for info in found]
    written = [read * 8 if n is None else n for n in made]
    size = sum(n * _item_size(info.dtype) for n, info in zip(written, found, strict=True))
    elements = read + sum(written)
    products = _products(node, infos, max(written, default=0))
    each = _INTERPRETED.get(node.op, _PER_ELEMENT)
    return Cost(size, elements * each + products, elements * _PER_ELEMENT + products)


def _elements(shape: Sequence[object]) -> int | None:
    """The number of elements; None if it is unknown."""
    sizes = [d for d in shape if isinstance(d, int)]
    if any(d < 0 for d in sizes):
        raise InferenceError(f"its result would have the shape {list(shape)}, which no tensor can have")
    if 0 in sizes:
        return 0
    return math.prod(sizes) if len(sizes) == len(shape) else None


def _item_size(dtype: str) -> int:
    try:
        return np.dtype(dtype).itemsize
    except TypeError:  # sub-byte types, which NumPy does not know
        return 4


def _products(node: Node, infos: ValueInfos, written: int) -> int:
    """The multiplications of operators that perform more multiplications than they have elements."""
    shapes = [tuple(d for d in infos.shape(v) if isinstance(d, int)) if v is not None else () for v in node.inputs]
    first = shapes[0] if shapes else ()
    match node.op:
        case "MatMul" | "Gemm" if infos.dtype(node.x).startswith("float"):
            return written * max((*first[-2:], 1)) // 4
        case "MatMul" | "Gemm" | "MatMulInteger" | "QLinearMatMul":
            return written * max((*first[-2:], 1)) * 4
        case "Conv" | "ConvInteger" | "QLinearConv" | "DeformConv" | "ConvTranspose":
            kernel = shapes[3 if node.op == "QLinearConv" else 1]
            return written * math.prod(kernel[1:]) * 4
        case "Einsum":
            return _einsum(node, shapes)
        case "Det":
            return math.prod(first) * max((*first[-1:], 1))
        case "GRU" | "LSTM" | "RNN":
            return math.prod(first[:2]) * (math.prod(shapes[1]) + math.prod(shapes[2]))
        case "AveragePool" | "LpPool" | "MaxPool":
            return written * int(math.prod(node.attr("kernel_shape", ())))
        case "STFT":
            return written * 64
        case "NonMaxSuppression":
            return math.prod(shapes[1]) * max((*first[1:2], 1))
    return 0


def _einsum(node: Node, shapes: Sequence[tuple[int, ...]]) -> int:
    """NumPy iterates over all indices at once: the product of the sizes of all letters."""
    terms = str(node.attr("equation", "")).replace(" ", "").split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, shape in zip(terms, shapes, strict=False):
        plain = term.replace(".", "")
        if len(plain) != len(shape):  # with an ellipsis, whose axes have no letters
            return math.prod(math.prod(shape) for shape in shapes)
        sizes.update(zip(plain, shape, strict=True))
    return math.prod(sizes.values())
