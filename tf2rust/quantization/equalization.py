"""Cross-layer equalization: layers in sequence exchange factors per channel, so that their weights have similar ranges.

A Relu passes positive factors on, relu(f·x) = f·relu(x). Dividing channel c of the first layer by f and multiplying the
weights of the second layer that read c by f therefore changes nothing but the ranges. With the ranges r₁ and r₂ of a
channel, f = √(r₁ / r₂) makes both √(r₁ · r₂) [Nagel et al., Data-Free Quantization Through Weight Equalization and Bias
Correction, 2019].
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from onnx import helper

from tf2rust.quantization.calibration import histograms
from tf2rust.quantization.candidate import Candidate
from tf2rust.quantization.graph import FLOAT, FloatGraph
from tf2rust.quantization.products import Product, products_of, write_products
from tf2rust.quantization.samples import Samples

_HOMOGENEOUS = ("Relu", "LeakyRelu")
_ROUNDS = 3
"""How often all pairs exchange factors: a layer between two others belongs to two pairs."""
_MOST = 100.0
"""The largest factor in one step."""


def equalized(candidate: Candidate, samples: Samples) -> Candidate | None:
    """The candidate with equalized weights; None if no layers are in sequence."""
    graph = candidate.graph.copy()
    products = [replace(product) for product in products_of(graph, candidate.products)]
    pairs = list(_pairs(graph, products))
    if not pairs:
        return None
    for _ in range(_ROUNDS):
        for first, second in pairs:
            _exchange(first, second)
    write_products(graph, products)
    graph.index()
    found = histograms(graph, candidate.histograms, samples)
    return replace(candidate, graph=graph, products=products, histograms=found)


def _pairs(graph: FloatGraph, products: list[Product]) -> Iterator[tuple[Product, Product]]:
    """Products and the only product that reads their result, possibly through a Relu."""
    by_node = {id(product.node): product for product in products}
    for first in products:
        reader = graph.only_reader(first.output)
        if reader is not None and reader.op_type in _HOMOGENEOUS:
            reader = graph.only_reader(reader.output[0])
        second = None if reader is None else by_node.get(id(reader))
        if second is not None and second.is_conv == first.is_conv and _inputs(second) == first.channels:
            yield first, second


def _groups(product: Product) -> int:
    return next((int(helper.get_attribute_value(a)) for a in product.node.attribute if a.name == "group"), 1)


def _inputs(product: Product) -> int:
    """The number of channels that a product reads."""
    if product.is_conv:
        return int(product.weights.shape[1]) * _groups(product)
    return int(product.weights.shape[1 - product.channel])


def _by_input(product: Product) -> np.ndarray:
    """The weights as [channels of the input, …]; a view."""
    weights = product.weights
    if not product.is_conv:
        return weights if product.channel == 1 else weights.T
    groups = _groups(product)
    split = weights.reshape(groups, weights.shape[0] // groups, *weights.shape[1:])
    return np.moveaxis(split, 2, 1).reshape(groups * weights.shape[1], -1)


def _exchange(first: Product, second: Product) -> None:
    before = first.largest().astype(np.float64)
    after = np.abs(_by_input(second)).max(axis=1).astype(np.float64)
    usable = (before > 0) & (after > 0)
    factors = np.ones(first.channels)
    factors[usable] = np.clip(np.sqrt(before[usable] / after[usable]), 1 / _MOST, _MOST)
    first.scale_by(1 / factors)
    _scale_inputs(second, factors)


def _scale_inputs(product: Product, factors: np.ndarray) -> None:
    """Multiplies the weights that read channel c by ``factors[c]``."""
    if not product.is_conv:
        shaped = factors[:, None] if product.channel == 1 else factors[None, :]
        product.weights = (product.weights * shaped).astype(FLOAT)
        return
    groups, (outputs, inputs) = _groups(product), product.weights.shape[:2]
    per_output = np.repeat(factors.reshape(groups, inputs), outputs // groups, axis=0)
    shape = (outputs, inputs, *[1] * (product.weights.ndim - 2))
    product.weights = (product.weights * per_output.reshape(shape)).astype(FLOAT)
