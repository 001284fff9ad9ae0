"""Seeded samples that would need too much memory or time are refused before they are generated."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from tests.models.graphs import graph, node, save
from tf2rust.conversion import Options, convert
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.match import match
from tf2rust.proof.samples.budget import estimate
from tf2rust.source import open_onnx

F = onnx.TensorProto.FLOAT


@dataclass(frozen=True)
class Case:
    """A node from ``x`` to ``y``, and a part of the message that refuses it."""

    op: str
    shape: list[int | str]
    made: list[int | str]
    says: str
    inputs: tuple[str, ...] = ("x",)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)


CASES = {
    "a dimension of 10^9": Case("Relu", ["n", 10**9], ["n", 10**9], r"The input `x` .* dimension 1 is 1000000000"),
    "a dimension of 2^62": Case("Relu", ["n", 1 << 62], ["n", 1 << 62], r"The input `x` has 4\.6e\+18 elements"),
    "a million by a million": Case("Relu", [1 << 20, 1 << 20], [1 << 20, 1 << 20], r"The input `x`"),
    "Tile by 10^9": Case(
        *("Tile", ["n", 4], ["n", "m"], r"`node/y` \(Tile\).*dimension 1 is 4000000000"),
        ("x", "times"),
        {"times": np.array([1, 10**9])},
    ),
    "Resize by 10^5": Case(
        *("Resize", ["n", 1, 4, 4], ["n", 1, "a", "b"], r"`node/y` \(Resize\)"),
        ("x", "", "scales"),
        {"scales": np.array([1, 1, 1e5, 1e5], np.float32)},
        {"mode": "nearest"},
    ),
    "padding by 2^20": Case(
        *("Conv", ["n", 1, 8, 8], ["n", 1, "a", "b"], r"`node/y` \(Conv2D\)"),
        ("x", "w"),
        {"w": np.ones((1, 1, 3, 3), np.float32)},
        {"pads": [1 << 20] * 4},
    ),
    "Einsum of 300^6": Case(
        *("Einsum", [300, 300], list("abcdef"), r"7\.3e\+14 elements"),
        ("x", "x", "x"),
        attributes={"equation": "ab,cd,ef->abcdef"},
    ),
}


def _model(case: Case) -> onnx.ModelProto:
    nodes = [node(case.op, case.inputs, ["y"], **case.attributes)]
    return graph(nodes, {"x": (F, case.shape)}, {"y": (F, case.made)}, case.constants)


@pytest.mark.parametrize("name", CASES)
def test_large_samples_are_refused(tmp_path: Path, name: str) -> None:
    source = open_onnx(save(_model(CASES[name]), tmp_path / "model.onnx"))
    with pytest.raises(ConversionError, match=CASES[name].says) as raised:
        convert(source, Options(tmp_path / "out", "large"))
    assert len(raised.value.reasons) == 1
    assert "--path_to_fv" in str(raised.value)
    assert "--dim" in str(raised.value)


def test_a_loop_counts_as_often_as_it_runs(tmp_path: Path) -> None:
    body = onnx.helper.make_graph(
        [node("Add", ["s", "s"], ["t"]), node("Identity", ["c"], ["d"])],
        "body",
        [
            onnx.helper.make_tensor_value_info("i", onnx.TensorProto.INT64, []),
            onnx.helper.make_tensor_value_info("c", onnx.TensorProto.BOOL, []),
            onnx.helper.make_tensor_value_info("s", F, ["n", 4]),
        ],
        [
            onnx.helper.make_tensor_value_info("d", onnx.TensorProto.BOOL, []),
            onnx.helper.make_tensor_value_info("t", F, ["n", 4]),
        ],
    )
    loop = node("Loop", ["m", "", "x"], ["y"], body=body)
    model = graph([loop], {"x": (F, ["n", 4])}, {"y": (F, ["n", 4])}, {"m": np.array(10**18)})
    source = open_onnx(save(model, tmp_path / "model.onnx"))
    with pytest.raises(
        ConversionError, match=r"4\.0e\+18 multiplications, most of them in the layer `node/y` \(Loop\)"
    ):
        convert(source, Options(tmp_path / "out", "endless"))


def test_inputs_that_no_array_has_are_refused(tmp_path: Path) -> None:
    shape = [1] * 40
    model = graph([node("Relu", ["x"], ["y"])], {"x": (F, shape)}, {"y": (F, shape)})
    with pytest.raises(ConversionError, match="has 40 axes"):
        convert(open_onnx(save(model, tmp_path / "model.onnx")), Options(tmp_path / "out", "model"))


@pytest.mark.parametrize(
    ("n", "elements", "inputs", "work"),
    [(1, 64 * 3, 64 * 3, 64 * 8 * (3 * 9)), (5, 5 * 64 * 8, 5 * 64 * 3, 5 * 64 * 8 * 27)],
)
def test_a_convolution_is_estimated(n: int, elements: int, inputs: int, work: int) -> None:
    """An image of 8 × 8 with 3 channels, 8 filters of 3 × 3."""
    case = Case(
        *("Conv", ["n", 3, 8, 8], ["n", 8, 8, 8], ""),
        ("x", "w"),
        {"w": np.ones((8, 3, 3, 3), np.float32)},
        {"pads": [1] * 4},
    )
    found = estimate(match(analyse(_model(case))).graph, {"n": n})
    assert (found.inputs, found.elements, found.busiest is not None) == (inputs, max(elements, n * 64 * 8), True)
    assert work <= found.work <= 1.5 * work


def test_a_huge_window_has_no_second_opinion(tmp_path: Path) -> None:
    """ONNX's reference implementation would visit each of its elements."""
    pool = node("MaxPool", ["x"], ["y"], kernel_shape=[1 << 31] * 2, strides=[1 << 31] * 2, ceil_mode=1)
    model = graph([pool], {"x": (F, ["n", 1, 8, 8])}, {"y": (F, ["n", 1, "a", "b"])})
    proof = convert(open_onnx(save(model, tmp_path / "m.onnx")), Options(tmp_path / "out", "m")).proof
    assert [found.other for found in proof.differences.values()] == ["its answers for one sample at a time"]
