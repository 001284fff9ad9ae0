"""Rounds large weights to numbers of fewer bits, which the crate stores; it computes in float32.

    Conv(x, w) → BatchNormalization   becomes   Conv(x, rounded w)
    Gather(table, i)                  becomes   Gather(rounded table, i)

The rounded weights are float32 numbers in the graph, so any framework computes the reference of the crate. Biases,
normalization and small matrices stay as they are. With ``--precision bf16``, the inputs of products are rounded, too:

    Conv(x, w)                        becomes   Conv(RoundToBFloat16(x), rounded w)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import onnx

from tf2rust.errors import ConversionError, one_line
from tf2rust.onnx_import.own_operators import attach
from tf2rust.ops.core.inference import OWN_DOMAIN
from tf2rust.ops.core.small_weights import FEWEST, largest_float, rounded
from tf2rust.ops.elementwise.unary import ROUNDING
from tf2rust.quantization.graph import FLOAT, FloatGraph, is_standard, node_label
from tf2rust.quantization.keeping import kept_nodes
from tf2rust.quantization.outputs import class_axis
from tf2rust.quantization.products import find_products, write_products
from tf2rust.quantization.result import LayerNoise, Quantized
from tf2rust.quantization.settings import WEIGHTS, Settings

Stored = Callable[[onnx.ModelProto, dict[str, np.ndarray]], tuple[Collection[str], Mapping[str, str]]]
"""Matches a model, and returns the nodes of the layers that store small weights, and for the nodes of other layers the
reason as a clause.
"""


_OTHERS = ("LSTM", "GRU", "RNN", "ConvTranspose")
"""Nodes with large weights that layers in float32 compute."""


@dataclass(frozen=True)
class _Weights:
    """The weights of a node: its input with this index, whose channels or rows are on ``axis``."""

    node: onnx.NodeProto
    index: int
    axis: int
    array: np.ndarray

    @property
    def is_product(self) -> bool:
        return self.index == 1

    @property
    def label(self) -> str:
        return node_label(self.node)


def round_weights(graph: FloatGraph, names: Mapping[str, str], settings: Settings, stored: Stored) -> Quantized:
    """The model with rounded weights in the layers that store them. ``names`` are the layers of the nodes.

    Weights of layers that turn out to store float32 are not rounded. Raises ConversionError if no layer can store small
    weights, or if ``--keep_float`` names a layer that does not exist.
    """
    dtype = WEIGHTS[settings.weights]
    products = find_products(graph)
    write_products(graph, products)
    graph.index()
    found = [_Weights(product.node, 1, product.channel, product.weights) for product in products]
    found += [table for node in graph.nodes if (table := _table(graph, node)) is not None]
    found = [weights for weights in found if weights.array.size >= FEWEST]
    reasons = dict.fromkeys(kept_nodes(settings, names), "--keep_float names it")
    notes = []
    for weights in found:
        largest = float(np.abs(weights.array).max())
        if largest > largest_float(dtype):
            layer, limit = names.get(weights.label, weights.label), largest_float(dtype)
            reasons[weights.label] = f"its largest weight, {largest:.4g}, exceeds {limit:.5g}"
            advice = "; --weights bf16 stores them" * (dtype == "float16")
            notes.append(
                f"the weights of `{one_line(layer)}` stay float32, because the largest, {largest:.4g}, exceeds "
                f"{limit:.5g}, the largest {dtype} number{advice}."
            )
    while True:
        wanted = [weights for weights in found if weights.label not in reasons]
        proto, arrays = _with_rounded(graph, wanted, dtype, inputs=bool(settings.precision))
        small, why = stored(proto, arrays)
        missed = {weights.label: why.get(weights.label, "") for weights in wanted if weights.label not in small}
        if not missed:
            break
        reasons |= missed
    if not any(weights.is_product or not settings.precision for weights in wanted):
        option = settings.option
        needed = "Conv, MatMul or Gemm" if settings.precision else "Conv, MatMul, Gemm or Gather"
        raise ConversionError(
            f"The model has no weights to store as {dtype}: {option} needs a {needed} with at "
            f"least {FEWEST} constant float32 weights that is not kept in float; convert the model without {option}."
        )
    axes = {name: axis for name in graph.outputs if (axis := class_axis(graph, name)) is not None}
    layers = [
        LayerNoise(names.get(weights.label, weights.label), weights.label, None, reasons.get(weights.label, ""))
        for weights in found
    ]
    others = [node_label(node) for node in graph.nodes if node.op_type in _OTHERS and node_label(node) in why]
    layers += [LayerNoise(names.get(label, label), label, None, why[label]) for label in others]
    mode = f"products of {dtype}" if settings.precision else f"weights as {dtype}"
    return Quantized(proto, arrays, mode, "", 0, layers, [], axes, notes)


def _table(graph: FloatGraph, node: onnx.NodeProto) -> _Weights | None:
    """The table of a Gather that looks up rows."""
    if node.op_type != "Gather" or not is_standard(node):
        return None
    table = graph.constant(node.input[0])
    axis = next((attribute.i for attribute in node.attribute if attribute.name == "axis"), 0)
    if table is None or table.dtype != FLOAT or table.ndim != 2 or axis not in (0, -2) or not np.isfinite(table).all():
        return None
    return _Weights(node, 0, 0, table)


def _with_rounded(
    graph: FloatGraph, wanted: Collection[_Weights], dtype: str, *, inputs: bool
) -> tuple[onnx.ModelProto, dict[str, np.ndarray]]:
    """The model in which these weights are rounded; weights that several nodes read stay one array.

    If ``inputs`` is set, so are the inputs of products; those that several nodes read are rounded once.
    """
    made = graph.copy()
    nodes = {node_label(node): node for node in made.nodes}
    known: dict[tuple[str, int], str] = {}
    narrow: dict[str, str] = {}
    for weights in wanted:
        node = nodes[weights.label]
        name = str(node.input[weights.index])
        if (name, weights.axis) not in known:
            array = rounded(weights.array, dtype, weights.axis)
            known[name, weights.axis] = made.add_constant(f"{name}/rounded", array)
        node.input[weights.index] = known[name, weights.axis]
        if inputs and weights.is_product:
            x = str(node.input[0])
            if x not in narrow:
                narrow[x] = made.new_name(f"{x}/rounded")
                rounding = onnx.helper.make_node(ROUNDING, [x], [narrow[x]], name=narrow[x], domain=OWN_DOMAIN)
                made.insert_after(made.makers.get(x), [rounding])
            node.input[0] = narrow[x]
    made.index()
    proto, arrays = made.model()
    attach(proto)
    return proto, arrays
