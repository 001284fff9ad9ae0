"""What the core can do at most, and how near the kernels come: from the ``throughput`` example of tf-layers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from bench.crates import ROOT
from bench.runner import build, program, run

KERNELS = {
    "GEMM 512×512×512": "512x512x512 Relu",
    "Conv2D 3×3 of 28×28×128": "conv 28x28 128->128 3x3/1 groups 1",
}
RUNS = 5


@dataclass(frozen=True)
class Limits:
    """One core: billions of operations in registers and of bytes from memory, a second; shares of the former."""

    isa: str
    gflops: float
    gigabytes: float
    kernels: dict[str, float]


def measure(isa: str | None = None) -> Limits:
    """The limits for an instruction set; of several runs the fastest, as noise only slows."""
    build(ROOT / "tf-layers", "--example", "throughput")
    example = program("examples") / "throughput"
    pattern = re.compile(r"^(.*)\nlimits: ([\d.]+) GFLOP/s in registers, ([\d.]+) GB/s")
    found = [pattern.match(run(example, "limits", isa=isa)) for _ in range(RUNS)]
    matches = [match for match in found if match]
    shares = {}
    for name, part in KERNELS.items():
        outputs = [run(example, part, isa=isa) for _ in range(RUNS)]
        shares[name] = max(float(share) for output in outputs for share in re.findall(r": +([\d.]+) %", output)) / 100
    return Limits(
        matches[0][1],
        max(float(match[2]) for match in matches),
        max(float(match[3]) for match in matches),
        shares,
    )
