"""DynamicQuantizeLSTM, against ONNX Runtime's kernel."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.ops.nodes import Node, const, floats, integers, node, symbolic

STEPS, BATCH, SIZE, HIDDEN = 6, 2, 3, 4


def lstm(
    directions: int = 1,
    *,
    dtype: str = "int8",
    zero: int = 0,
    by_column: bool = False,
    bias: bool = True,
    states: bool = False,
    **attributes: Any,
) -> Node:
    """An LSTM with random weights, whose scales are single numbers or one per column."""
    limits = np.iinfo(dtype)
    columns = (4 * HIDDEN,) if by_column else ()
    weights = [
        const(integers(directions, rows, 4 * HIDDEN, low=limits.min, high=limits.max, seed=rows, dtype=dtype), dtype)
        for rows in (SIZE, HIDDEN)
    ]
    scales = np.linspace(0.004, 0.009, directions * max(1, *columns, 1)).reshape(directions, *columns)
    zeros = const(np.full((directions, *columns), zero), dtype)
    first = [symbolic(floats(directions, BATCH, HIDDEN, seed=seed), 1) for seed in (6, 7)] if states else [None, None]
    return node(
        "com.microsoft:DynamicQuantizeLSTM",
        symbolic(floats(STEPS, BATCH, SIZE), 0, 1),
        *weights,
        const(floats(directions, 8 * HIDDEN, seed=5), "float32") if bias else None,
        None,
        *first,
        None,
        const(scales, "float32"),
        zeros,
        const(scales[..., ::-1] if by_column else scales, "float32"),
        zeros,
        outputs=3,
        hidden_size=HIDDEN,
        **attributes,
    )


CASES: dict[str, Node] = {
    "forward": lstm(),
    "reverse": lstm(direction="reverse"),
    "bidirectional": lstm(2, direction="bidirectional"),
    "unsigned": lstm(dtype="uint8", zero=131),
    "by_column": lstm(by_column=True),
    "without_bias": lstm(bias=False),
    "states": lstm(2, direction="bidirectional", states=True, by_column=True),
    "clipped": lstm(clip=0.5),
}
