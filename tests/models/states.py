"""Models with a state between calls, and the pairs of inputs and outputs that they keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import onnx
from onnx import TensorProto

from tests.models.graphs import Shape, graph, node

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


@dataclass(frozen=True)
class Stateful:
    """A model, the outputs by the inputs that they become, and the code that the crate must contain."""

    build: Callable[[], onnx.ModelProto]
    states: dict[str, str]
    code: str


def _random(*shape: int) -> np.ndarray:
    return (np.random.default_rng(sum(shape)).standard_normal(shape) / 2).astype(np.float32)


def voice_activity() -> onnx.ModelProto:
    """An LSTM over the frames of a chunk, as in detectors of voice activity, and the probability after the last one."""
    state: tuple[int, Shape] = (FLOAT, [1, "batch", 4])
    return graph(
        [
            node("LSTM", ["x", "w", "r", "b", "", "h", "c"], ["y", "hn", "cn"], hidden_size=4),
            node("Squeeze", ["hn", "zero"], ["last"]),
            node("Gemm", ["last", "d"], ["score"]),
            node("Sigmoid", ["score"], ["probability"]),
        ],
        {"x": (FLOAT, [2, "batch", 3]), "h": state, "c": state},
        {"probability": (FLOAT, ["batch", 1]), "hn": state, "cn": state},
        {
            "w": _random(1, 16, 3),
            "r": _random(1, 16, 4),
            "b": _random(1, 32),
            "d": _random(4, 1),
            "zero": np.array([0]),
        },
    )


def average() -> onnx.ModelProto:
    """A moving average per row of the batch: the output is the state too."""
    rows: tuple[int, Shape] = (FLOAT, ["n", 3])
    return graph(
        [
            node("Mul", ["state", "decay"], ["kept"]),
            node("Add", ["kept", "x"], ["next"]),
            node("Identity", ["next"], ["y"]),
        ],
        {"x": rows, "state": rows},
        {"y": rows, "next": rows},
        {"decay": np.float32([0.5, 0.25, 0.75])},
    )


def counters() -> onnx.ModelProto:
    """States that begin with other numbers than zero, and are of several dtypes."""
    return graph(
        [
            node("Add", ["count", "one"], ["count_after"]),
            node("Cast", ["count_after"], ["factor"], to=FLOAT),
            node("Mul", ["x", "factor"], ["scaled"]),
            node("Add", ["scaled", "offset"], ["offset_after"]),
            node("Not", ["odd"], ["odd_after"]),
            node("Where", ["odd", "x", "scaled"], ["y"]),
        ],
        {"x": (FLOAT, [2, 3]), "count": (INT64, [1]), "offset": (FLOAT, [2, 3]), "odd": (TensorProto.BOOL, [1])},
        {
            "y": (FLOAT, [2, 3]),
            "count_after": (INT64, [1]),
            "offset_after": (FLOAT, [2, 3]),
            "odd_after": (TensorProto.BOOL, [1]),
        },
        {
            "one": np.array([1]),
            "count": np.array([7]),
            "offset": np.arange(6, dtype=np.float32).reshape(2, 3) / 4,
            "odd": np.array([True]),
        },
    )


def oscillator() -> onnx.ModelProto:
    """A state without inputs and without other outputs: a rotation per step."""
    angle = 0.3
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]], np.float32)
    return graph(
        [node("MatMul", ["state", "turn"], ["next"])],
        {"state": (FLOAT, [1, 2])},
        {"next": (FLOAT, [1, 2])},
        {"turn": turn, "state": np.float32([[1, 0]])},
    )


STATEFUL = {
    "voice_activity": Stateful(voice_activity, {"h": "hn", "c": "cn"}, "pub fn new(batch: usize) -> Result<Self>"),
    "average": Stateful(average, {"state": "next"}, "for_each_chunk("),
    "counters": Stateful(
        counters,
        {"count": "count_after", "offset": "offset_after", "odd": "odd_after"},
        "const INITIAL_OFFSET: [f32; 6] = [0.0, 0.25, 0.5, 0.75, 1.0, 1.25];",
    ),
    "oscillator": Stateful(oscillator, {"state": "next"}, "pub struct Outputs {}"),
}
