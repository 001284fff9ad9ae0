"""Products and tables of ONNX Runtime's domain whose weights are quantized in blocks."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np

from tests.ops.nodes import Arg, Node, const, floats, integers, node, symbolic

IDS = symbolic(integers(3, 5, low=-9, high=9), 0)


def small(*shape: int, seed: int = 2) -> Arg:
    return const(integers(*shape, low=0, high=256, seed=seed, dtype="uint8"), "uint8")


def signed_scales(*shape: int) -> Arg:
    """Scales of weights, of which some are negative and one is 0."""
    array = floats(*shape, seed=4) / 20
    array[0, 0] = 0
    return const(array, "float32")


def packed(k: int, n: int, bits: int, block: int, zeros: str | None = None, **attributes: int) -> Node:
    """A product with random weights of a few bits; ``zeros`` are packed, floats or absent."""
    blocks = -(-k // block)
    given = {
        "packed": small(n, -(-blocks * bits // 8), seed=6),
        "floats": const(np.abs(floats(n, blocks)) * 4, "float32"),
    }
    return node(
        "com.microsoft:MatMulNBits",
        symbolic(floats(2, 3, k), 0),
        small(n, blocks, block * bits // 8),
        signed_scales(n, blocks),
        *([] if zeros is None else [given[zeros]]),
        K=k,
        N=n,
        bits=bits,
        block_size=block,
        **attributes,
    )


def of_bitsandbytes(k: int, n: int, block: int, **attributes: int) -> Node:
    """A product with every number of four bits."""
    count = -(-k * n // 2)
    return node(
        "com.microsoft:MatMulBnb4",
        symbolic(floats(2, 3, k), 0),
        const(np.arange(count) * 37 % 256, "uint8"),
        const(np.abs(floats(-(-k * n // block), seed=4)), "float32"),
        K=k,
        N=n,
        block_size=block,
        **attributes,
    )


def gathered(data: Arg, scales: tuple[int, ...], *zeros: Arg, ids: Arg = IDS, **attributes: int) -> Node:
    return node("com.microsoft:GatherBlockQuantized", data, ids, signed_scales(*scales), *zeros, **attributes)


INTEGERS = Arg(integers(9, 40, low=-8, high=8).astype(ml_dtypes.int4), constant=True)
INT4: dict[str, Any] = {"block_size": 16, "quantize_axis": 1}
CASES: dict[str, Node] = {
    "four_bits": packed(32, 5, 4, 16),
    "four_bits_with_a_part_of_a_block": packed(40, 5, 4, 16, "packed"),
    "four_bits_with_float_zeros": packed(64, 3, 4, 32, "floats"),
    "eight_bits": packed(32, 3, 8, 16, "packed"),
    "two_bits": packed(32, 3, 2, 16),
    **{
        f"bitsandbytes_{name}_{block}": of_bitsandbytes(32, 7, block, quant_type=kind)
        for kind, name in enumerate(("fp4", "nf4"))
        for block in (16, 64)
    },
    **{f"rows_of_{bits}_bits": gathered(small(9, 24 * bits // 8), (9, 2), bits=bits, **INT4) for bits in (2, 4, 8)},
    "rows_with_zeros": gathered(small(9, 20), (9, 3), small(9, 2, seed=6), bits=4, **INT4),
    "rows_of_int4": gathered(INTEGERS, (9, 3), **INT4),
}
