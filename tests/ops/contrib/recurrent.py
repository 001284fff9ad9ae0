"""DynamicQuantizeLSTM, against ONNX Runtime's kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.nodes import Node, const, floats, integers, node, symbolic

STEPS = 6


def lstm(
    directions: int = 1,
    *,
    sizes: tuple[int, int, int] = (2, 3, 4),
    dtype: str = "int8",
    zero: int = 0,
    by_column: bool = False,
    bias: bool = True,
    states: bool = False,
    **attributes: Any,
) -> Node:
    """An LSTM with random weights, whose scales are single numbers or one per column.

    ``sizes`` are those of the batch, of an input and of a state.
    """
    batch, size, hidden = sizes
    limits = np.iinfo(dtype)
    columns = (4 * hidden,) if by_column else ()
    weights = [
        const(integers(directions, rows, 4 * hidden, low=limits.min, high=limits.max, seed=rows, dtype=dtype), dtype)
        for rows in (size, hidden)
    ]
    scales = np.linspace(0.004, 0.009, directions * max(1, *columns, 1)).reshape(directions, *columns)
    zeros = const(np.full((directions, *columns), zero), dtype)
    first = [symbolic(floats(directions, batch, hidden, seed=seed), 1) for seed in (6, 7)] if states else [None, None]
    return node(
        "com.microsoft:DynamicQuantizeLSTM",
        symbolic(floats(STEPS, batch, size), 0, 1),
        *weights,
        const(floats(directions, 8 * hidden, seed=5), "float32") if bias else None,
        None,
        *first,
        None,
        const(scales, "float32"),
        zeros,
        const(scales[..., ::-1] if by_column else scales, "float32"),
        zeros,
        outputs=3,
        hidden_size=hidden,
        **attributes,
    )


CASES: dict[str, Node] = {
    "forward": lstm(),
    "reverse": lstm(direction="reverse"),
    "bidirectional": lstm(2, direction="bidirectional"),
    "unsigned": lstm(dtype="uint8", zero=128),
    "unsigned_beyond_int8": lstm(dtype="uint8", zero=131),
    "single_sample": lstm(sizes=(1, 5, 20)),
    "wide": lstm(2, sizes=(3, 33, 40), direction="bidirectional", by_column=True),
    "by_column": lstm(by_column=True),
    "without_bias": lstm(bias=False),
    "states": lstm(2, direction="bidirectional", states=True, by_column=True),
    "clipped": lstm(clip=0.5),
}
