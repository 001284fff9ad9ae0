"""Measures the limits of the core and how close the kernels come, with the ``throughput`` example of tf-layers."""

from __future__ import annotations

import re
import statistics
from dataclasses import dataclass

from bench.files import ROOT
from bench.runner import build, program, run

KERNELS = {
    "GEMM 512×512×512": "512x512x512 Relu",
    "Conv2D 3×3 of 28×28×128": "conv 28x28 128->128 3x3/1 groups 1",
}
BYTE_KERNELS = {
    "GEMM of bytes 512×512×512": "dense of bytes 512x512x512",
    "Conv2D of bytes, 3×3 of 28×28×128": "conv of bytes 28x28 128->128 3x3",
}
"""The same for bytes. Instruction sets without vectors for them have no peak rate."""
RUNS = 5
_LIMITS = re.compile(r"limits: ([\d.]+) GFLOP/s in registers, ([\d.]+) GB/s")
_KERNEL = re.compile(r" ([\d.]+) ns +([\d.]+) GOP/s of +[\d.]+: +([\d.]+) %")


@dataclass(frozen=True)
class Kernel:
    """The measurements of a kernel that only arithmetic should limit."""

    samples: tuple[float, ...]
    """The fastest call of each run in nanoseconds."""
    gflops: tuple[float, ...]
    """10⁹ operations per second in each run."""
    shares: tuple[float, ...]
    """The share of the peak rate, which each run measures right after the kernel."""

    @property
    def share(self) -> float:
        return statistics.median(self.shares)


@dataclass(frozen=True)
class Limits:
    """The limits of a core: multiply-adds in registers (GFLOP/s) and reads from memory (GB/s)."""

    isa: str
    gflops: float
    gigabytes: float
    kernels: dict[str, Kernel]


def instruction_sets(widest: str) -> list[str]:
    """The instruction sets to measure, the widest first. With tile registers, products of vectors are measured, too."""
    vectors = ["avx512vnni"] if widest == "amx" else []
    return [widest, *vectors, *(["avx2"] if widest.startswith(("avx512", "amx")) else [])]


def measure(isa: str | None = None) -> Limits:
    """Measures the limits for an instruction set. The fastest of several runs counts, because noise only slows."""
    build(ROOT / "tf-layers", "--example", "throughput")
    example = program("examples") / "throughput"
    found = [_LIMITS.search(run(example, "limits", isa=isa)) for _ in range(RUNS)]
    rates = [tuple(map(float, match.groups())) for match in found if match]
    kernels = {}
    for name, part in (KERNELS | BYTE_KERNELS).items():
        matches = [_KERNEL.search(run(example, part, isa=isa)) for _ in range(RUNS)]
        if not any(matches):
            continue
        samples, gflops, shares = zip(*(map(float, match.groups()) for match in matches if match), strict=True)
        kernels[name] = Kernel(samples, gflops, tuple(share / 100 for share in shares))
    name = run(example, "nothing but the name", isa=isa).strip()
    return Limits(name, max(rate for rate, _ in rates), max(rate for _, rate in rates), kernels)
