"""Quantizes a float model to 8-bit integers: decides which layers stay in float, and which corrections pay."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

import numpy as np

from tf2rust.errors import ConversionError
from tf2rust.onnx_import.infer import Analysis
from tf2rust.onnx_import.load import NotRunError
from tf2rust.quantization.bias_correction import corrected
from tf2rust.quantization.calibration import activations, histograms
from tf2rust.quantization.candidate import Candidate, Judge
from tf2rust.quantization.equalization import equalized
from tf2rust.quantization.graph import FloatGraph
from tf2rust.quantization.insertion import overflows
from tf2rust.quantization.keeping import kept_nodes
from tf2rust.quantization.outputs import class_axis
from tf2rust.quantization.placement import place
from tf2rust.quantization.products import find_products, write_products
from tf2rust.quantization.result import LayerNoise, Quantized
from tf2rust.quantization.samples import Evidence
from tf2rust.quantization.sensitivity import within
from tf2rust.quantization.settings import Settings
from tf2rust.source import Source
from tf2rust.stages import Progress, stage

_LEAST_GAIN = 0.01
"""The share of the error that a correction must remove."""
_ASKED, _OVERFLOWS, _HURTS = "--keep_float names it", "its sums exceed 32 bits", "--max_loss needs it"


def quantize(
    source: Source,
    analysis: Analysis,
    names: Mapping[str, str],
    evidence: Evidence,
    settings: Settings,
    progress: Progress,
) -> Quantized:
    """The quantized model of ``source``. ``names`` are the layers of its nodes, as ``tf2rust patterns`` lists them.

    Raises ConversionError if there are too few samples, if the model has no layer that integers can compute, if
    ``--keep_float`` names a layer that does not exist, or if ``--max_loss`` cannot be reached.
    """
    evidence.check()
    graph = FloatGraph(source.proto, source.weights, analysis)
    products = find_products(graph)
    write_products(graph, products)
    graph.index()
    why_float = dict.fromkeys(kept_nodes(settings, names), _ASKED)
    why_float |= {product.label: _OVERFLOWS for product in products if overflows(product)}
    if not [product for product in products if product.label not in why_float]:
        raise ConversionError(
            "The model has no layer to quantize: --quantize int8 needs a Conv, MatMul or Gemm with constant float32 "
            "weights that is not kept in float; convert the model without --quantize."
        )
    with stage("calibrating", progress):
        values = place(graph, products, why_float).values
        with _samples_of(evidence.options[0]):
            found = histograms(graph, values, evidence.calibration)
        with _samples_of(evidence.options[1]):
            outputs = [source.run(batch) for batch in evidence.evaluation]
    with stage("quantizing", progress):
        axes = {name: axis for name in outputs[0] if (axis := class_axis(graph, name)) is not None}
        judge = Judge(evidence.evaluation, outputs, axes, evidence.labels)
        best, notes = _best(Candidate(graph, products, found, settings.method, why_float.keys(), judge), evidence)
    if settings.max_loss is not None:
        with stage("finding the layers to keep in float", progress):
            best = within(best, settings.max_loss)
            why_float |= dict.fromkeys(best.kept - why_float.keys(), _HURTS)
    with stage("measuring the noise of the layers", progress):
        layers = list(_noise(best, names, why_float, evidence))
    proto, weights = best.quantized.model()
    return Quantized(
        proto, weights, settings.mode, settings.method, evidence.evaluated, layers, best.agreements, axes, notes
    )


@contextlib.contextmanager
def _samples_of(option: str) -> Iterator[None]:
    """Raises ConversionError with advice on ``option`` if ONNX Runtime cannot run a sample in the block."""
    try:
        yield
    except NotRunError as error:
        raise ConversionError(
            f"ONNX Runtime cannot run the model on the samples of {option} ({error.said}); give samples that suit the "
            "model."
        ) from error


def _best(first: Candidate, evidence: Evidence) -> tuple[Candidate, list[str]]:
    """The best of the candidate and of those with corrections, and notes on the corrections that pay."""
    best, notes = first, []
    for correct, what in ((equalized, "cross-layer equalization"), (corrected, "bias correction")):
        other = correct(best, evidence.calibration)
        if other is not None and other.error < best.error * (1 - _LEAST_GAIN):
            notes.append(
                f"{what} reduces the relative error of the quantized model from {best.error:.1e} to {other.error:.1e}, "
                "and was applied."
            )
            best = other
    return best, notes


def _noise(
    best: Candidate, names: Mapping[str, str], why_float: Mapping[str, str], evidence: Evidence
) -> Iterator[LayerNoise]:
    """The signal-to-noise ratio of the result of every product."""
    values = list(dict.fromkeys(product.output for product in best.products))
    signal, noise = dict.fromkeys(values, 0.0), dict.fromkeys(values, 0.0)
    pairs = zip(
        activations(best.graph, values, evidence.evaluation),
        activations(best.quantized, values, evidence.evaluation),
        strict=True,
    )
    for (name, exact), (_, rounded) in pairs:
        signal[name] += float(np.sum(np.square(exact, dtype=np.float64)))
        with np.errstate(invalid="ignore"):  # two infinite numbers
            noise[name] += float(np.sum(np.square(rounded - exact, dtype=np.float64)))
    for product in best.products:
        ratio = signal[product.output] / noise[product.output] if noise[product.output] else np.inf
        decibels = 10 * float(np.log10(ratio)) if ratio > 0 else -np.inf
        yield LayerNoise(
            names.get(product.label, product.label), product.label, decibels, why_float.get(product.label, "")
        )
