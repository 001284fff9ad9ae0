"""Multiply-adds, parameters and bytes, compared with what formulas of the literature or Keras give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.models.graphs import control, graph, image, node, save
from tf2rust.codegen.brief import brief
from tf2rust.codegen.model import build
from tf2rust.codegen.summary import Summary, readable_bytes, summarise
from tf2rust.conversion import match_layers
from tf2rust.source import open_onnx

FLOAT = TensorProto.FLOAT


@dataclass(frozen=True)
class Case:
    """A graph, its multiply-adds with all symbolic dimensions 1 except for ``sizes``, and its parameters."""

    make: Callable[[], onnx.ModelProto]
    multiply_adds: int
    parameters: int
    sizes: tuple[tuple[str, int], ...] = ()


def _one(
    op: str, x: tuple[int | str, ...], y: tuple[int | str, ...], *weights: np.ndarray, **attributes: object
) -> Callable[[], onnx.ModelProto]:
    names = [f"w{index}" for index in range(len(weights))]
    return lambda: graph(
        [node(op, ["x", *names], ["y"], **attributes)],
        {"x": (FLOAT, x)},
        {"y": (FLOAT, y)},
        dict(zip(names, weights, strict=True)),
    )


def _of(*shape: int) -> np.ndarray:
    return np.linspace(-1, 1, int(np.prod(shape)), dtype=np.float32).reshape(shape)


def _products() -> onnx.ModelProto:
    return graph(
        [node("MatMul", ["a", "b"], ["y"])],
        {"a": (FLOAT, ["n", 4, 5]), "b": (FLOAT, ["n", 5, 6])},
        {"y": (FLOAT, ["n", 4, 6])},
    )


CASES = {
    "Dense over a sequence": Case(_one("MatMul", ("n", "t", 5), ("n", "t", 3), _of(5, 3)), 7 * 15, 15, (("t", 7),)),
    "Conv": Case(_one("Conv", ("n", 3, 8, 8), ("n", 4, 6, 6), _of(4, 3, 3, 3), _of(4)), 36 * 4 * 27, 112),
    "Conv in groups": Case(_one("Conv", ("n", 4, 8, 8), ("n", 6, 8, 8), _of(6, 2, 1, 1), group=2), 64 * 12, 12),
    "depthwise Conv": Case(_one("Conv", ("n", 4, 8, 8), ("n", 4, 6, 6), _of(4, 1, 3, 3), group=4), 36 * 36, 36),
    "ConvTranspose": Case(
        _one("ConvTranspose", ("n", 3, 4, 4), ("n", 2, 8, 8), _of(3, 2, 2, 2), strides=[2, 2]), 16 * 24, 24
    ),
    "MatMul of two tensors": Case(_products, 4 * 5 * 6, 0),
    "LSTM": Case(
        _one("LSTM", (9, "n", 5), (9, 1, "n", 4), _of(1, 16, 5), _of(1, 16, 4), hidden_size=4), 9 * 16 * 9, 16 * 9
    ),
}


def _summary(make: Callable[[], onnx.ModelProto], folder: Path, sizes: dict[str, int]) -> Summary:
    listing, layers = match_layers(open_onnx(save(make(), folder / "model.onnx")))
    assert not listing.unmatched
    return summarise(build(layers, inplace=True, memdrop=True), layers, sizes)


@pytest.mark.parametrize("name", CASES)
def test_products_are_counted(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    totals = _summary(case.make, tmp_path, dict(case.sizes)).totals
    assert (totals.multiply_adds, totals.parameters) == (case.multiply_adds, case.parameters)


def test_a_loop_repeats_the_work_of_its_body(tmp_path: Path) -> None:
    """Each step multiplies rows [4, 2] with [2, 3], and states [4, 3] with [3, 3]."""
    work = {t: _summary(control, tmp_path, {"t": t}).totals.multiply_adds for t in (1, 9)}
    assert work == {1: 4 * 2 * 3 + 4 * 3 * 3, 9: 9 * (4 * 2 * 3 + 4 * 3 * 3)}


def test_the_totals_are_those_of_the_layers(tmp_path: Path) -> None:
    found = _summary(image, tmp_path, {})
    assert found.totals.multiply_adds == sum(row.figures.multiply_adds for row in found.rows)
    assert found.totals.parameters == sum(row.figures.parameters for row in found.rows)
    assert Summary.from_json(found.as_json()) == found


def test_the_table(tmp_path: Path) -> None:
    lines = _summary(image, tmp_path, {}).as_text().splitlines()
    assert lines[0].split() == ["layer", "kind", "output", "parameters", "multiply-adds", "weights"]
    assert any("Conv2D" in line and "[batch, 12, 12, 16]" in line for line in lines)
    assert lines[-2].startswith("total")
    assert lines[-1].endswith("multiply-adds for batch = 1")


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (14132, "14.1 kB"), (999_600, "1.00 MB"), (3 << 40, "3.30 TB")],
)
def test_sizes_have_three_digits(size: int, text: str) -> None:
    assert readable_bytes(size) == text


def test_boxes_say_what_distinguishes_a_layer(tmp_path: Path) -> None:
    _, layers = match_layers(open_onnx(save(image(), tmp_path / "model.onnx")))
    assert {layer.kind: brief(layer) for layer in layers.layers} == {
        "Transpose": "→ 0, 2, 3, 1",
        "Conv2D": "1×1, 24 filters",
        "MaxPooling2D": "2×2",
        "DepthwiseConv2D": "3×3, 32 filters",
        "Reshape": "",
        "GlobalAveragePooling2D": "",
        "Dense": "",
    }
