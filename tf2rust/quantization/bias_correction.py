"""Bias correction: rounded weights shift the mean of a layer's results, and its bias takes the shift back.

The shift of a channel is the mean of (rounded weights − weights) · x over the calibration samples, where x are the
float model's activations [Nagel et al., Data-Free Quantization Through Weight Equalization and Bias Correction, 2019].
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import helper

from tf2rust.quantization.calibration import activations
from tf2rust.quantization.candidate import Candidate
from tf2rust.quantization.insertion import integer_weights, weight_scales
from tf2rust.quantization.products import Product
from tf2rust.quantization.samples import Samples


def corrected(candidate: Candidate, samples: Samples) -> Candidate:
    """The candidate with corrected biases."""
    shifts = _shifts(candidate, samples)
    products = []
    for product in candidate.products:
        changed = replace(product)
        if product.label in shifts:
            changed.shift_by(-shifts[product.label])
        products.append(changed)
    return replace(candidate, products=products)


def _shifts(candidate: Candidate, samples: Samples) -> dict[str, np.ndarray]:
    """The mean error of each channel by product. One run measures all: each product gets a copy with the rounding
    errors of its weights.
    """
    graph = candidate.graph.copy()
    names = {}
    for product in candidate.placement.products:
        family = candidate.placement.values[product.x]
        errors = graph.add_constant(f"{product.name}/rounding", _rounding(product, candidate.quantizers[family].scale))
        shift = graph.new_name(f"{product.name}/shift")
        twin = helper.make_node(product.node.op_type, [product.x, errors], [shift], f"{product.name}/shift")
        twin.attribute.extend(product.node.attribute)
        graph.nodes.append(twin)
        names[shift] = product
    graph.index()
    sums = {name: np.zeros(product.channels) for name, product in names.items()}
    counts = dict.fromkeys(names, 0)
    for name, array in activations(graph, list(names), samples):
        axis = 1 if names[name].is_conv else array.ndim - 1
        rows = np.moveaxis(array, axis, -1).reshape(-1, array.shape[axis])
        sums[name] += rows.sum(axis=0, dtype=np.float64)
        counts[name] += len(rows)
    return {names[name].label: total / max(counts[name], 1) for name, total in sums.items()}


def _rounding(product: Product, x_scale: np.float32) -> np.ndarray:
    """The rounding errors of the weights."""
    scales = weight_scales(product, float(x_scale))
    rounded = integer_weights(product, scales) * product.by_channel(scales)
    return np.asarray(rounded - product.weights, np.float32)
