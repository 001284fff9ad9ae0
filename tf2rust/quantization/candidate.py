"""One way to quantize a model, and how well it agrees with the float model."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from tf2rust.onnx_import.load import OnnxRuntime
from tf2rust.proof.agreement import Agreement, agreement
from tf2rust.quantization.graph import FLOAT, FloatGraph
from tf2rust.quantization.insertion import insert
from tf2rust.quantization.placement import Placement, place
from tf2rust.quantization.products import Product
from tf2rust.quantization.ranges import RANGES, Histogram, Quantizer
from tf2rust.quantization.samples import Samples, joined
from tf2rust.quantization.settings import MaxLoss


@dataclass(frozen=True)
class Judge:
    """The batches that candidates run on, and the float model's outputs for each.

    ``axes`` are the axes of the classes by output; ``labels`` are 0 or 1 for each sample.
    """

    samples: Samples
    outputs: Sequence[Mapping[str, np.ndarray]]
    axes: Mapping[str, int]
    labels: np.ndarray | None = None

    @property
    def brief(self) -> Judge:
        """The judge that looks at the first batch alone."""
        return Judge(self.samples[:1], self.outputs[:1], self.axes)

    def agreements(self, graph: FloatGraph) -> list[Agreement]:
        """The agreement of every float32 output of the quantized ``graph``. Labels belong to the only output."""
        run = OnnxRuntime(*graph.model())
        original, found = joined(self.outputs), joined([run(batch) for batch in self.samples])
        labels = self.labels if len(original) == 1 else None
        return [
            agreement(name, array, found[name], self.axes.get(name), labels)
            for name, array in original.items()
            if array.dtype.name == FLOAT
        ]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A float graph with products, the histograms of its activations, and the nodes that stay in float.

    ``graph`` has the float weights. ``products`` can have other biases, which the quantized model gets.
    """

    graph: FloatGraph
    products: list[Product]
    histograms: Mapping[str, Histogram]
    method: str
    kept: Collection[str]
    judge: Judge

    def keeping(self, labels: Collection[str]) -> Candidate:
        """The candidate with these nodes in float besides those that already are."""
        return replace(self, kept={*self.kept, *labels})

    @cached_property
    def placement(self) -> Placement:
        return place(self.graph, self.products, self.kept)

    @cached_property
    def quantizers(self) -> dict[str, Quantizer]:
        """The quantizer of each family of values."""
        chosen = RANGES[self.method]
        found = {}
        for family, values in self.placement.sources.items():
            found[family] = Quantizer.of_range(*chosen(Histogram.merged([self.histograms[v] for v in values])))
        return found

    @cached_property
    def quantized(self) -> FloatGraph:
        """The graph with QuantizeLinear and DequantizeLinear."""
        return insert(self.graph, self.placement, self.quantizers)

    @cached_property
    def agreements(self) -> list[Agreement]:
        return self.judge.agreements(self.quantized)

    @cached_property
    def error(self) -> float:
        """The largest relative error of an output."""
        return max((one.relative_rms for one in self.agreements), default=0.0)

    def loss(self, wanted: MaxLoss) -> float:
        """The largest loss of an output."""
        return max((wanted.of(one) for one in self.agreements), default=0.0)
