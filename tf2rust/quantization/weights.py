"""Rounds large weights to numbers of fewer bits, which the crate stores; it computes in float32.

    Conv(x, w) → BatchNormalization   becomes   Conv(x, rounded w)
    Gather(table, i)                  becomes   Gather(rounded table, i)

The rounded weights are float32 numbers in the graph, so any framework computes the reference of the crate. Biases,
normalization and small matrices stay as they are. With ``--precision bf16``, the inputs of products are rounded, too:

    Conv(x, w)                        becomes   Conv(RoundToBFloat16(x), rounded w)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
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


@dataclass(frozen=True)
class Stored:
    """How the layers of a matched model store their weights: the nodes of those that store them small, and the reasons,
    as clauses, by node of the others with large weights.
    """

    small: Collection[str]
    reasons: Mapping[str, str]


Match = Callable[[onnx.ModelProto, dict[str, np.ndarray]], Stored]
"""Matches a model with rounded weights."""

_OTHERS = ("LSTM", "GRU", "RNN", "ConvTranspose")
"""Nodes with large weights that layers in float32 compute."""
_SHOWN = 3
"""The most layers that a message names."""


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

    @property
    def largest(self) -> float:
        """The largest magnitude."""
        return float(np.abs(self.array).max())


def round_weights(graph: FloatGraph, names: Mapping[str, str], settings: Settings, match: Match) -> Quantized:
    """The model with rounded weights in the layers that store them. ``names`` are the layers of the nodes.

    All weights that may be rounded are, and the layers that ``match`` then finds to store float32 get theirs back.
    Raises ConversionError if no layer can store small weights, or if ``--keep_float`` names a layer that does not
    exist.
    """
    dtype = WEIGHTS[settings.weights]
    found = _large_weights(graph)
    too_large = {weights.label: largest for weights in found if (largest := weights.largest) > largest_float(dtype)}
    named = dict.fromkeys(kept_nodes(settings, names), "--keep_float names it")
    limit = f"exceeds {largest_float(dtype):.5g}"
    kept = named | {label: f"its largest weight, {largest:.4g}, {limit}" for label, largest in too_large.items()}
    candidates = [weights for weights in found if weights.label not in kept]
    with_inputs = bool(settings.precision)
    proto, arrays = _with_rounded(graph, candidates, dtype, inputs=with_inputs)
    stored = match(proto, arrays)
    for weights in candidates:
        if weights.label not in stored.small:
            kept[weights.label] = stored.reasons.get(weights.label, "no layer of the crate has these weights")
    remaining = [weights for weights in candidates if weights.label not in kept]
    if not any(weights.is_product or not with_inputs for weights in remaining):
        raise ConversionError(_nothing_to_store(settings, found, names, kept))
    if len(remaining) < len(candidates):
        proto, arrays = _with_rounded(graph, remaining, dtype, inputs=with_inputs)
    advice = "; --weights bf16 stores them" * (dtype == "float16")
    notes = [
        f"the weights of `{one_line(names.get(label, label))}` stay float32, because the largest, {largest:.4g}, "
        f"{limit}, the largest {dtype} number{advice}."
        for label, largest in too_large.items()
    ]
    axes = {name: axis for name in graph.outputs if (axis := class_axis(graph, name)) is not None}
    others = [
        label for node in graph.nodes if node.op_type in _OTHERS and (label := node_label(node)) in stored.reasons
    ]
    reasons = {weights.label: kept.get(weights.label, "") for weights in found}
    reasons |= {label: stored.reasons[label] for label in others}
    layers = [LayerNoise(names.get(label, label), label, None, reason) for label, reason in reasons.items()]
    mode = f"products of {dtype}" if with_inputs else f"weights as {dtype}"
    return Quantized(proto, arrays, mode, "", 0, layers, [], axes, notes)


def _nothing_to_store(
    settings: Settings, found: Sequence[_Weights], names: Mapping[str, str], kept: Mapping[str, str]
) -> str:
    """The message for a model all of whose large weights are ``kept``, with the reasons."""
    option, dtype = settings.option, WEIGHTS[settings.weights]
    reasons = [
        f"`{one_line(names.get(one.label, one.label))}` keeps float32, because {kept[one.label]}"
        for one in found
        if one.label in kept
    ]
    why = "; ".join([*reasons[:_SHOWN], f"and {len(reasons) - _SHOWN} more"] if len(reasons) > _SHOWN else reasons)
    operators = "Conv, MatMul or Gemm" if settings.precision else "Conv, MatMul, Gemm or Gather"
    needs = f"{option} needs a {operators} with at least {FEWEST} constant float32 weights"
    return f"The model has no weights to store as {dtype}: {why or needs}; convert the model without {option}."


def _large_weights(graph: FloatGraph) -> list[_Weights]:
    """The weights that are large enough to be stored small, with what acts on their channels folded into them."""
    products = find_products(graph)
    write_products(graph, products)
    graph.index()
    found = [_Weights(product.node, 1, product.channel, product.weights) for product in products]
    found += [table for node in graph.nodes if (table := _table(graph, node)) is not None]
    return [weights for weights in found if weights.array.size >= FEWEST]


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
