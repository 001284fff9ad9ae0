"""What this project wants to reach, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from bench.figures import Figures
from bench.limits import Limits
from bench.results import OURS, Row, ratio

RUNTIME = ("onnxruntime",)
PURE_RUST = ("tract", "rten")
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

AVX2_RATIO = 0.9
TINY_NS = 120
KERNEL_SHARE = 0.8
START_NS = 2e6
PROGRAM_BYTES = 700e3
BUILD_SECONDS = 20
SPARE_BYTES = 4e6


@dataclass(frozen=True)
class Goal:
    """A figure that was measured and the bound that it is held against."""

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
        """The distance from the bound as a part of it; empty if it is met."""
        return "" if self.met else f"{abs(self.found - self.bound) / self.bound:.0%}"


def goals(
    rows: Sequence[Row], widest: str, limits: Sequence[Limits] = (), figures: Sequence[Figures] = ()
) -> list[Goal]:
    """All goals of which the figures were measured; ``widest`` is the instruction set that we choose by ourselves."""
    return [*_speed(rows, widest), *_narrow(rows, widest), *_kernels(limits, widest), *_figures(figures)]


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
    """Both sides in a process without AVX-512; nothing where it is not there to be hidden."""
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
