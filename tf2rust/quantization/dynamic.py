"""Dynamic quantization: weights are 8-bit integers, and every activation gets its range while the model runs.

    MatMul(x, w) + b   becomes   Mul(MatMulInteger(Q(x), int8 w), scale of x · scales of w) + b

DynamicQuantizeLinear is Q; it finds the range of x and quantizes x with it. This needs no samples. Layers with large
weights and few rows gain most: recurrent layers and transformers. An LSTM becomes ONNX Runtime's DynamicQuantizeLSTM.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.infer import Analysis
from tf2rust.ops.contrib.call import DOMAIN
from tf2rust.quantization.graph import FLOAT, FloatGraph, is_standard, node_label
from tf2rust.quantization.insertion import LARGEST_WEIGHT, integer_weights, overflows
from tf2rust.quantization.keeping import kept_nodes
from tf2rust.quantization.outputs import class_axis
from tf2rust.quantization.products import Product, find_products, write_products
from tf2rust.quantization.result import LayerNoise, Quantized
from tf2rust.quantization.settings import Settings
from tf2rust.source import Source

_LSTM_INPUTS = 8
"""The number of inputs of an LSTM: x, weights, recurrent weights, bias, lengths, two states and peepholes."""
_LENGTHS, _PEEPHOLES = 4, 7


def quantize_dynamically(source: Source, analysis: Analysis, names: Mapping[str, str], settings: Settings) -> Quantized:
    """The model with 8-bit weights in its MatMul, Gemm and LSTM nodes. ``names`` are the layers of the nodes.

    Raises ConversionError if the model has no such node, or if ``--keep_float`` names a layer that does not exist.
    """
    graph = FloatGraph(source.proto, source.weights, analysis)
    products = find_products(graph)
    write_products(graph, products)
    graph.index()
    kept = kept_nodes(settings, names)
    rewrite = _Rewrite(graph)
    done = [product.label for product in products if product.label not in kept and rewrite.product(product)]
    done += [label for node in list(graph.nodes) if (label := node_label(node)) not in kept and rewrite.lstm(node)]
    if not done:
        raise ConversionError(
            "The model has no layer to quantize: --quantize dynamic needs a MatMul, Gemm or LSTM with constant float32 "
            "weights that is not kept in float; convert the model without --quantize."
        )
    if rewrite.uses_contrib and all(item.domain != DOMAIN for item in graph.proto.opset_import):
        graph.proto.opset_import.append(helper.make_opsetid(DOMAIN, 1))
    proto, weights = graph.model()
    axes = {name: axis for name in graph.outputs if (axis := class_axis(graph, name)) is not None}
    layers = [LayerNoise(names.get(label, label), label) for label in done]
    return Quantized(proto, weights, settings.mode, "", 0, layers, [], axes)


class _Rewrite:
    def __init__(self, graph: FloatGraph) -> None:
        self.graph = graph
        self.uses_contrib = False
        self._quantized: dict[str, list[str]] = {}
        """The integers, the scale and the zero point of values."""

    def product(self, product: Product) -> bool:
        """Replaces a MatMul or Gemm. Returns whether it did."""
        if product.is_conv or overflows(product):
            return False
        scales = (product.largest() / LARGEST_WEIGHT).astype(FLOAT)
        scales[scales < np.finfo(FLOAT).tiny] = 1.0
        integers = integer_weights(product, scales)
        name, node = product.name, product.node
        kernel = self.graph.add_constant(f"{name}/weights", integers if product.channel == 1 else integers.T)
        steps = self.graph.add_constant(f"{name}/weights_scale", scales)
        quantized, scale, zero = self._quantize(product.x)
        total, real, factor = (self.graph.new_name(f"{name}/{part}") for part in ("sum", "sum_float", "scale"))
        output = node.output[0]
        has_bias = node.op_type == "Gemm" and product.bias is not None
        result = self.graph.new_name(f"{name}/product") if has_bias else output
        nodes = [
            helper.make_node("MatMulInteger", [quantized, kernel, zero], [total], node.name),
            helper.make_node("Cast", [total], [real], f"{name}/Cast", to=TensorProto.FLOAT),
            helper.make_node("Mul", [scale, steps], [factor], f"{name}/scales"),
            helper.make_node("Mul", [real, factor], [result], f"{name}/Mul"),
        ]
        if has_bias:
            nodes.append(helper.make_node("Add", [result, node.input[2]], [output], f"{name}/Add"))
        self._replace(node, nodes)
        return True

    def lstm(self, node: onnx.NodeProto) -> bool:
        """Replaces an LSTM with constant weights. Returns whether it did."""
        if node.op_type != "LSTM" or not is_standard(node) or not _is_usual(node):
            return False
        given = [*node.input, *[""] * (_LSTM_INPUTS - len(node.input))]
        weights = [self.graph.constant(name) for name in given[1:3]]
        if any(array is None or array.dtype != FLOAT or not np.isfinite(array).all() for array in weights):
            return False
        name = node.name or node.output[0]
        for role, array in zip(("weights", "recurrent"), weights, strict=True):
            given += list(self._lstm_weights(f"{name}/{role}", np.asarray(array)))
        inputs = [given[0], given[8], given[11], *given[3:8], given[9], given[10], given[12], given[13]]
        made = helper.make_node("DynamicQuantizeLSTM", inputs, node.output, node.name, domain=DOMAIN)
        made.attribute.extend(a for a in node.attribute if a.name in ("direction", "hidden_size"))
        self._replace(node, [made])
        self.uses_contrib = True
        return True

    def _lstm_weights(self, name: str, array: np.ndarray) -> Iterator[str]:
        """Weights [directions, 4 · hidden, k] as int8 [directions, k, 4 · hidden], their scales and zero points."""
        scales = (np.abs(array).max(axis=2, initial=0.0) / LARGEST_WEIGHT).astype(FLOAT)
        scales[scales < np.finfo(FLOAT).tiny] = 1.0
        integers = np.clip(np.rint(array / scales[:, :, None]), -LARGEST_WEIGHT, LARGEST_WEIGHT).astype(np.int8)
        yield self.graph.add_constant(name, integers.transpose(0, 2, 1))
        yield self.graph.add_constant(f"{name}_scale", scales)
        yield self.graph.add_constant(f"{name}_zero_point", np.zeros(scales.shape, np.int8))

    def _quantize(self, value: str) -> list[str]:
        if value not in self._quantized:
            outputs = [self.graph.new_name(f"{value}/{part}") for part in ("quantized", "scale", "zero_point")]
            node = helper.make_node("DynamicQuantizeLinear", [value], outputs, f"{value}/DynamicQuantizeLinear")
            self.graph.insert_after(self.graph.makers.get(value), [node])
            self._quantized[value] = outputs
        return self._quantized[value]

    def _replace(self, node: onnx.NodeProto, nodes: list[onnx.NodeProto]) -> None:
        position = next(i for i, known in enumerate(self.graph.nodes) if known is node)
        self.graph.nodes[position : position + 1] = nodes
        self.graph.index()


def _is_usual(node: onnx.NodeProto) -> bool:
    """Whether an LSTM has the usual activations and no options that DynamicQuantizeLSTM lacks here."""
    given = {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}
    usual = [b"Sigmoid", b"Tanh", b"Tanh"]
    activations = [name.capitalize() for name in given.pop("activations", usual)]
    has_others = any(node.input[i] for i in (_LENGTHS, _PEEPHOLES) if i < len(node.input))
    others = given.keys() - {"direction", "hidden_size"}
    is_plain = all(not given[name] for name in others)
    return activations == usual * (len(activations) // 3) and is_plain and not has_others
