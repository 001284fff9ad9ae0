"""The goals of the project, and how far it is from each."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.figures import Figures
from bench.limits import Limits
from bench.results import OURS, Row, ratio

RUNTIME = ("onnxruntime",)
PURE_RUST = ("tract", "rten")
RIVALS = (*RUNTIME, "openvino", "litert", *PURE_RUST)
"""All other engines; ndarray is a baseline, not an engine."""
SHALLOW = ("dgaintel", "magika", "text_cnn", "mnist_cnn")
DEEP = ("mobilenet_v2", "resnet50")

SPEED: tuple[tuple[tuple[str, ...], tuple[int, ...], float, float], ...] = (
    (("tiny_mlp",), (1,), 20, 10),
    (("tiny_mlp",), (4096,), 1.5, 2),
    (SHALLOW, (1,), 2, 2),
    (SHALLOW, (64,), 1.2, 1.5),
    (("lstm",), (1, 64), 1.2, 1.5),
    (DEEP, (1,), 1.1, 1.3),
)
"""Models, batches, and how many times faster than ONNX Runtime, and than the faster of tract and rten."""

BEST_RATIO = 1.0
"""Against the best other engine, for every model and batch."""
MEAN_RATIO = 1.5
"""The geometric mean of these ratios over all float models and batches."""
OWN_RATIO = {
    "mobilenet_v2_int8": (2.2, 1.3),
    "resnet50_int8": (3.0, 1.3),
    "mnist_cnn_int8": (1.8, 1.3),
    "lstm_int8": (1.7, 1.0),
    "encoder_int8": (1.7, 1.0),
}
"""How many times faster a quantized model is than its float model, with the widest instruction set and with AVX2."""
AVX2_RATIO = 0.9
TINY_NS = 105
KERNEL_SHARE = 0.85
START_NS = 2e6
PROGRAM_BYTES = 700e3
BUILD_SECONDS = 20
SPARE_BYTES = 4e6


@dataclass(frozen=True)
class Goal:
    """A measured figure and its bound."""

    what: str
    bound: float
    found: float
    unit: str = "×"
    at_least: bool = True

    @property
    def met(self) -> bool:
        return self.found >= self.bound if self.at_least else self.found <= self.bound

    @property
    def missed_by(self) -> str:
        """The distance from the bound in percent of the bound. Empty if the goal is met."""
        return "" if self.met else f"{abs(self.found - self.bound) / self.bound:.0%}"


def goals(
    rows: Sequence[Row], widest: str, limits: Sequence[Limits] = (), figures: Sequence[Figures] = ()
) -> list[Goal]:
    """All goals whose figures were measured. ``widest`` is the instruction set that crates select by default."""
    return [
        *_best(rows, widest),
        *_own(rows, widest),
        *_speed(rows, widest),
        *_narrow(rows, widest),
        *_kernels(limits, widest),
        *_figures(figures),
    ]


def best_ratios(rows: Sequence[Row], widest: str) -> dict[tuple[str, int], float]:
    """Maps each model and batch to how many times faster the crate is than the fastest other engine."""
    found = {}
    for model, batch in dict.fromkeys((row.model, row.batch) for row in rows):
        best = ratio(rows, model, batch, widest, RIVALS)
        if best is not None:
            found[model, batch] = best
    return found


def geometric_mean(values: Sequence[float]) -> float:
    """The n-th root of the product of n ratios."""
    return math.exp(sum(map(math.log, values)) / len(values))


def _best(rows: Sequence[Row], widest: str) -> Iterator[Goal]:
    found = best_ratios(rows, widest)
    for (model, batch), best in found.items():
        yield Goal(f"{model}, batch {batch}, against the best other engine", BEST_RATIO, best)
    floats = [best for (model, _), best in found.items() if model not in OWN_RATIO]
    if floats:
        yield Goal("geometric mean of the float models", MEAN_RATIO, geometric_mean(floats))


def _own(rows: Sequence[Row], widest: str) -> Iterator[Goal]:
    """Compares each quantized model with its float model."""
    medians = {(row.model, row.batch, row.isa): row.median_ns for row in rows if row.engine == OURS}
    for (model, batch, isa), median in medians.items():
        whole = medians.get((model.removesuffix("_int8"), batch, isa))
        if model in OWN_RATIO and whole is not None:
            bound = OWN_RATIO[model][isa != widest]
            yield Goal(f"{model}, batch {batch}, {isa}, against its float model", bound, whole / median)


def _speed(rows: Sequence[Row], widest: str) -> Iterator[Goal]:
    for models, batches, over_runtime, over_rust in SPEED:
        for model in models:
            for batch in batches:
                for rivals, bound, name in (
                    (RUNTIME, over_runtime, "ONNX Runtime"),
                    (PURE_RUST, over_rust, "the faster of tract and rten"),
                ):
                    found = ratio(rows, model, batch, widest, rivals)
                    if found is not None:
                        yield Goal(f"{model}, batch {batch}, against {name}", bound, found)
    for row in rows:
        if (row.model, row.batch, row.engine, row.isa) == ("tiny_mlp", 1, OURS, widest):
            yield Goal("tiny_mlp, batch 1", TINY_NS, row.median_ns, "ns", at_least=False)


def _narrow(rows: Sequence[Row], widest: str) -> Iterator[Goal]:
    """Compares both in a process without AVX-512. Nothing on a processor that does not have it."""
    if widest == "avx2":
        return
    for model, batch in dict.fromkeys((row.model, row.batch) for row in rows):
        found = ratio(rows, model, batch, "avx2", RUNTIME, "avx2")
        if found is not None:
            yield Goal(f"{model}, batch {batch}, AVX2, against ONNX Runtime on AVX2", AVX2_RATIO, found)


def _kernels(limits: Sequence[Limits], widest: str) -> Iterator[Goal]:
    for limit in limits:
        if limit.isa == widest:
            for name, kernel in limit.kernels.items():
                yield Goal(f"{name}, of the peak FMA rate", KERNEL_SHARE * 100, kernel.share * 100, "%")


def _figures(figures: Sequence[Figures]) -> Iterator[Goal]:
    for figure in figures:
        if figure.engine != OURS:
            continue
        if figure.model == "dgaintel":
            yield Goal("dgaintel, start to first answer", START_NS / 1e6, figure.start_ns / 1e6, "ms", at_least=False)
            if figure.build_seconds is not None:
                yield Goal("dgaintel, clean build", BUILD_SECONDS, figure.build_seconds, "s", at_least=False)
        size = figure.program_bytes / 1e3
        yield Goal(f"{figure.model}, program less weights", PROGRAM_BYTES / 1e3, size, "kB", at_least=False)
        if figure.workspace_bytes is not None:
            spare = figure.peak_bytes - figure.weights_bytes - figure.workspace_bytes
            what = f"{figure.model}, peak memory beyond weights and workspace"
            yield Goal(what, SPARE_BYTES / 1e6, spare / 1e6, "MB", at_least=False)
