"""Resize nodes where ONNX Runtime selects other elements than ONNX defines: it rounds positions to float32."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

from tf2rust.ops.core.dims import DimExpr, bind
from tf2rust.ops.core.layer import LayerGraph
from tf2rust.ops.image.resize import NEAREST, Resize


@dataclass(frozen=True)
class _Arithmetic:
    """The arithmetic of positions: a constructor of numbers, and the tolerance of a tie."""

    number: Callable[[Any], Any]
    tie: float


_EXACT = _Arithmetic(Fraction, 0.0)
_ONNX_RUNTIME = _Arithmetic(np.float32, 1e-6)


def with_exact_positions(
    proto: onnx.ModelProto, graph: LayerGraph, inputs: Mapping[str, np.ndarray]
) -> tuple[onnx.ModelProto, list[str]]:
    """Returns ``proto`` with Gathers instead of the Resize nodes for which ONNX Runtime selects other elements than
    ONNX defines, for the sizes of ``inputs``, and the names of these nodes.

    If two elements are equally near, the node's mode selects one. ONNX Runtime 1.32 computes positions in float32,
    where a tie can be missed and an integer can come out below itself: with ``asymmetric`` and ``floor`` it resizes 14
    elements to 4 by selecting 0, 3, 6 and 10, but ONNX's formulas give 0, 3, 7 and 10.
    """
    sizes = _symbol_sizes(graph, inputs)
    wanted = {}
    for output, layers in _by_output(graph).items():
        exact, rounded = (
            {axis: found for layer in layers for axis, found in elements(layer, sizes, arithmetic).items()}
            for arithmetic in (_EXACT, _ONNX_RUNTIME)
        )
        if exact != rounded:
            wanted[output] = exact
    if not wanted:
        return proto, []
    changed = onnx.ModelProto()
    changed.CopyFrom(proto)
    nodes = list(proto.graph.node)
    del changed.graph.node[:]
    names = []
    for node in nodes:
        if node.op_type in ("Resize", "Upsample") and node.output[0] in wanted:
            names.append(node.name or node.output[0])
            _gather(changed.graph, node, wanted[node.output[0]])
        else:
            changed.graph.node.append(node)
    return changed, names


def elements(layer: Resize, sizes: Mapping[str, int], arithmetic: _Arithmetic = _EXACT) -> dict[int, list[int]]:
    """The elements of each of its axes that the layer reads for these ``sizes``; empty if a size is unknown."""
    found: dict[int, list[int]] = {}
    for index, axis in enumerate(layer.axes):
        before, after = (bind(value.shape[axis], sizes) for value in (layer.x, layer.y))
        found[axis] = []
        if not isinstance(before, DimExpr) and not isinstance(after, DimExpr) and before:
            scale = layer.scales[index] if layer.scales else (after, before)
            for at in range(after):
                position = _position(layer.coordinates, scale, at, before, after, arithmetic.number)
                found[axis].append(min(max(_nearest(position, layer.interpolation, arithmetic.tie), 0), before - 1))
    return found


def _position(
    coordinates: str, ratio: tuple[int, int], at: int, before: int, after: int, number: Callable[[Any], Any]
) -> Any:
    """The position in the input of an element of the result, by ONNX's formulas."""
    n, size, i, half = number(before), number(after), number(at), number(Fraction(1, 2))
    scale = number(ratio[0]) / number(ratio[1])
    match coordinates:
        case "PytorchHalfPixel" | "AlignCorners" if after == 1:
            return number(0)
        case "HalfPixel" | "PytorchHalfPixel":
            return (i + half) / scale - half
        case "HalfPixelSymmetric":
            offset = n / number(2) * (number(1) - size / (scale * n))
            if number is np.float32:  # ONNX Runtime continues in float64
                return np.float32(float(offset) + (at + 0.5) / float(scale) - 0.5)
            return offset + (i + half) / scale - half
        case "AlignCorners":
            return i * (n - number(1)) / (size - number(1))
        case "HalfPixelNearest":
            return (i + half) / scale
    return i / scale  # Asymmetric


def _nearest(position: Any, mode: str, tie: float) -> int:
    below: int = math.floor(position)
    rest = position - below
    middle = rest == Fraction(1, 2) or abs(float(rest) - 0.5) < tie
    up = {
        "Floor": False,
        "Ceil": rest > 0,
        "RoundPreferFloor": not middle and rest > Fraction(1, 2),
        "RoundPreferCeil": middle or rest > Fraction(1, 2),
    }
    return below + int(up[mode])


def _symbol_sizes(graph: LayerGraph, inputs: Mapping[str, np.ndarray]) -> dict[str, int]:
    given = [(dim, inputs[v.name].shape[axis]) for v in graph.inputs for axis, dim in enumerate(v.shape)]
    return {str(dim): size for dim, size in given if isinstance(dim, DimExpr) and dim == DimExpr.symbol(str(dim))}


def _by_output(graph: LayerGraph) -> dict[str, list[Resize]]:
    """The nearest-neighbour layers by the output of their node."""
    found: dict[str, list[Resize]] = defaultdict(list)
    last = {layer.anchor: layer.y.name for layer in graph.layers}
    for layer in graph.layers:
        if type(layer) is Resize and layer.interpolation in NEAREST.values() and layer.crop is None:
            found[last[layer.anchor]].append(layer)
    return found


def _gather(graph: onnx.GraphProto, node: onnx.NodeProto, wanted: Mapping[int, list[int]]) -> None:
    """Appends nodes that gather these elements along each axis of the node's input."""
    value, last = node.input[0], list(wanted)[-1]
    for axis, indices in wanted.items():
        made = node.output[0] if axis == last else f"{node.output[0]}/exact/{axis}"
        given = f"{node.output[0]}/exact/{axis}/indices"
        graph.initializer.append(numpy_helper.from_array(np.asarray(indices, np.int64), given))
        graph.node.append(helper.make_node("Gather", [value, given], [made], axis=axis))
        value = made
