"""The goals of the project, and how far it is from each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.figures import Figures
from bench.limits import BYTE_KERNELS, Limits
from bench.results import OURS, Comparison, Row, compare, compare_all, geometric_mean

RUNTIME = ("onnxruntime",)
PURE_RUST = ("tract", "rten", "burn")
RIVALS = (*RUNTIME, "openvino", "litert", *PURE_RUST)
"""All other engines; ndarray is a baseline, not an engine."""
NAMES = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO", "litert": "LiteRT"}
"""The engines whose names have capitals."""
VARIANTS = ("_int8", "_f16", "_bf16")
"""The ends of the names of models with smaller weights or products."""
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
"""Models, batches, and how many times faster than ONNX Runtime, and than the fastest engine written in Rust."""

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
SMALL_WEIGHTS_RATIO = {("mnist_cnn_f16", 1): 1.8}
"""How many times faster than ONNX Runtime with the float model, if our weights are stored in 16 bits."""
THREADS_RATIO = {("mobilenet_v2", 1): 1.5, ("resnet50", 1): 1.7}
"""How many times faster with two threads than with one, for a model and batch."""
AVX2_RATIO = 0.9
TINY_NS = 105
KERNEL_SHARE, BYTE_KERNEL_SHARE = 0.85, 0.7
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
        *_threads(rows, widest),
        *_speed(rows, widest),
        *_narrow(rows, widest),
        *_kernels(limits, widest),
        *_figures(figures),
    ]


def float_ratios(found: Iterable[Comparison]) -> list[float]:
    """The ratios of the models that all engines store and multiply in float32."""
    return [each.ratio for each in found if not each.ours.model.endswith(VARIANTS)]


def _best(rows: Sequence[Row], widest: str) -> Iterator[Goal]:
    found = compare_all(rows, widest, RIVALS)
    for each in found:
        ours = each.ours
        yield Goal(f"{ours.model}, batch {ours.batch}, against the best other engine", BEST_RATIO, each.ratio)
    floats = float_ratios(found)
    if floats:
        yield Goal("geometric mean of the float models", MEAN_RATIO, geometric_mean(floats))


def _own(rows: Sequence[Row], widest: str) -> Iterator[Goal]:
    """Compares each quantized model with its float model."""
    ours = [row for row in rows if row.engine == OURS and row.threads == 1]
    medians = {(row.model, row.batch, row.isa): row.median_ns for row in ours}
    for (model, batch, isa), median in medians.items():
        whole = medians.get((model.removesuffix("_int8"), batch, isa))
        if model in OWN_RATIO and whole is not None:
            bound = OWN_RATIO[model][isa != widest]
            yield Goal(f"{model}, batch {batch}, {isa}, against its float model", bound, whole / median)


def _threads(rows: Sequence[Row], widest: str) -> Iterator[Goal]:
    """Compares two threads with one."""
    for (model, batch), bound in THREADS_RATIO.items():
        found = scaling(rows, model, batch, widest)
        if found is not None:
            yield Goal(f"{model}, batch {batch}, two threads against one", bound, found)


def scaling(rows: Iterable[Row], model: str, batch: int, isa: str) -> float | None:
    """How many times faster our crate is with two threads than with one. None if one of the two was not timed."""
    ours = [row for row in rows if (row.model, row.batch, row.engine, row.isa) == (model, batch, OURS, isa)]
    medians = {row.threads: row.median_ns for row in ours}
    return medians[1] / medians[2] if {1, 2} <= medians.keys() else None


def _speed(rows: Sequence[Row], widest: str) -> Iterator[Goal]:
    for models, batches, over_runtime, over_rust in SPEED:
        for model in models:
            for batch in batches:
                for rivals, bound, name in (
                    (RUNTIME, over_runtime, "ONNX Runtime"),
                    (PURE_RUST, over_rust, "the fastest engine in Rust"),
                ):
                    found = compare(rows, model, batch, widest, rivals)
                    if found is not None:
                        yield Goal(f"{model}, batch {batch}, against {name}", bound, found.ratio)
    for (model, batch), bound in SMALL_WEIGHTS_RATIO.items():
        found = compare(rows, model, batch, widest, RUNTIME)
        if found is not None:
            yield Goal(f"{model}, batch {batch}, against ONNX Runtime", bound, found.ratio)
    for row in rows:
        if (row.model, row.batch, row.engine, row.isa, row.threads) == ("tiny_mlp", 1, OURS, widest, 1):
            yield Goal("tiny_mlp, batch 1", TINY_NS, row.median_ns, "ns", at_least=False)


def _narrow(rows: Sequence[Row], widest: str) -> Iterator[Goal]:
    """Compares both in a process without AVX-512. Nothing on a processor that does not have it."""
    if widest == "avx2":
        return
    for model, batch in dict.fromkeys((row.model, row.batch) for row in rows):
        found = compare(rows, model, batch, "avx2", RUNTIME, "avx2")
        if found is not None:
            yield Goal(f"{model}, batch {batch}, AVX2, against ONNX Runtime on AVX2", AVX2_RATIO, found.ratio)


def _kernels(limits: Sequence[Limits], widest: str) -> Iterator[Goal]:
    for limit in limits:
        for name, kernel in limit.kernels.items():
            share = kernel.share * 100
            if name in BYTE_KERNELS:
                yield Goal(f"{name}, of the peak VNNI rate", BYTE_KERNEL_SHARE * 100, share, "%")
            elif limit.isa == widest:
                yield Goal(f"{name}, of the peak FMA rate", KERNEL_SHARE * 100, share, "%")


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
