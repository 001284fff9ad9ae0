"""Which models run in batch chunks: every kind of layer with independent samples, and with mixed samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.models.graphs import Shape, graph, node
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.match import match
from tf2rust.passes.optimise import optimise
from tf2rust.planning.chunks import Chunking, chunking

F = TensorProto.FLOAT
X: Shape = ["n", 6, 4]


Node = tuple[str, Shape | None, tuple[np.ndarray, ...], dict[str, Any]]


def _ones(*shape: int) -> np.ndarray:
    return np.ones(shape, np.float32)


def _ints(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


def _chunking(model: onnx.ModelProto) -> Chunking | None:
    matched = match(analyse(model))
    assert not matched.unmatched
    return chunking(optimise(matched.graph))


def _chunking_of_node(
    op: str, shape: Shape | None, constants: tuple[np.ndarray, ...], attributes: dict[str, Any]
) -> Chunking | None:
    """The chunking of one node on x and constants; ``shape`` is the output's, or None if it does not matter."""
    x, y = attributes.get("x", X), ["a", "b"] if shape is None else shape
    weights = {f"c{i}": array for i, array in enumerate(constants)}
    made = node(op, ["x", *weights], ["y"], **{name: value for name, value in attributes.items() if name != "x"})
    return _chunking(graph([made], {"x": (F, x)}, {"y": (F, y)}, weights))


APART: dict[str, Node] = {
    "unary": ("Sin", X, (), {}),
    "activation": ("Tanh", X, (), {}),
    "dense": ("MatMul", ["n", 6, 5], (_ones(4, 5),), {}),
    "conv": ("Conv", ["n", 3, 4], (_ones(3, 6, 1),), {}),
    "pooling": ("MaxPool", ["n", 6, 3], (), {"kernel_shape": [2]}),
    "softmax": ("Softmax", X, (), {"axis": 1}),
    "mean": ("ReduceMean", ["n", 4], (_ints(1),), {"keepdims": 0}),
    "transpose": ("Transpose", ["n", 4, 6], (), {"perm": [0, 2, 1]}),
    "flatten": ("Flatten", ["n", 24], (), {"axis": 1}),
    "reshape_into_rows": ("Reshape", None, (_ints(-1, 4),), {}),
    "slice": ("Slice", ["n", 2, 4], (_ints(1), _ints(3), _ints(1)), {}),
    "pad": ("Pad", ["n", 8, 4], (_ints(0, 1, 0, 0, 1, 0),), {}),
    "tile": ("Tile", ["n", 12, 4], (_ints(1, 2, 1),), {}),
    "expand": ("Expand", ["n", 6, 4], (_ints(1, 6, 4),), {"x": ["n", 1, 4]}),
    "gather": ("Gather", ["n", 2, 4], (_ints(5, 0),), {"axis": 1}),
    "a_constant_for_all_rows": ("Mul", X, (_ones(1, 6, 1),), {}),
    "a_constant_of_lower_rank": ("Add", X, (_ones(6, 4),), {}),
}
MIXED: dict[str, Node] = {
    "softmax": ("Softmax", X, (), {"axis": 0}),
    "mean": ("ReduceMean", [1, 6, 4], (_ints(0),), {}),
    "transpose": ("Transpose", [6, "n", 4], (), {"perm": [1, 0, 2]}),
    "reshape_that_moves_the_batch": ("Reshape", None, (_ints(4, -1),), {}),
    "reshape_in_front_of_the_batch": ("Reshape", None, (_ints(1, -1, 24),), {}),
    "slice": ("Slice", None, (_ints(-1), _ints(10**9), _ints(0)), {}),
    "reversed": ("Slice", X, (_ints(-1), _ints(-(10**18)), _ints(0), _ints(-1)), {}),
    "pad": ("Pad", None, (_ints(1, 0, 0, 0, 0, 0),), {}),
    "tile": ("Tile", None, (_ints(2, 1, 1),), {}),
    "gather": ("Gather", None, (_ints(0, 0),), {"axis": 0}),
    "a_constant_for_each_row": ("Add", X, (_ones(5, 6, 4),), {}),
    "fixed_batch": ("Tanh", [3, 4], (), {"x": [3, 4]}),
    "dense_along_the_batch": ("MatMul", [5], (_ones(4, 5),), {"x": ["n"]}),
}


@pytest.mark.parametrize("name", APART)
def test_rows_apart(name: str) -> None:
    made = _chunking_of_node(*APART[name])
    assert made is not None
    assert made.batch == "n"


@pytest.mark.parametrize("name", MIXED)
def test_rows_mixed(name: str) -> None:
    assert _chunking_of_node(*MIXED[name]) is None


def _graph_of_two(first: Shape, second: Shape, op: str = "Add") -> onnx.ModelProto:
    return graph([node(op, ["x", "z"], ["y"])], {"x": (F, first), "z": (F, second)}, {"y": (F, first)})


@pytest.mark.parametrize(
    ("second", "apart"),
    [(["n", 4], True), (["n", 1], True), ([1, 4], False), ([4], False), ([], False)],
)
def test_all_inputs_must_have_the_rows(second: Shape, apart: bool) -> None:
    assert (_chunking(_graph_of_two(["n", 4], second)) is not None) == apart


def test_all_inputs_must_have_the_same_rows() -> None:
    nodes = [node("Sin", ["x"], ["y"]), node("Sin", ["z"], ["w"])]
    n, m = (F, ["n", 4]), (F, ["m", 4])
    assert _chunking(graph(nodes, {"x": n, "z": n}, {"y": n, "w": n})) is not None
    assert _chunking(graph(nodes, {"x": n, "z": m}, {"y": n, "w": m})) is None


def test_what_rows_share_may_not_be_made_of_them() -> None:
    nodes = [node("ReduceMean", ["x", "axes"], ["mean"]), node("Sub", ["x", "mean"], ["y"])]
    assert _chunking(graph(nodes, {"x": (F, ["n", 4])}, {"y": (F, ["n", 4])}, {"axes": _ints(0)})) is None


@pytest.mark.parametrize(
    ("widths", "row_bytes", "min_rows", "thread_rows", "split_rows"),
    [
        ((6, 64, 8), (6 + 64 + 8) * 4, 8, 435, 4096),
        # The first kernel is beyond the cache, the second in it.
        ((512, 512, 8), (512 + 512 + 8) * 4, 64, 2, 8),
    ],
)
def test_chunk_rows(
    widths: tuple[int, int, int], row_bytes: int, min_rows: int, thread_rows: int, split_rows: int
) -> None:
    a, b, c = widths
    nodes = [node("MatMul", ["x", "v"], ["h"]), node("Tanh", ["h"], ["g"]), node("MatMul", ["g", "w"], ["y"])]
    model = graph(nodes, {"x": (F, ["n", a])}, {"y": (F, ["n", c])}, {"v": _ones(a, b), "w": _ones(b, c)})
    assert _chunking(model) == Chunking("n", row_bytes, min_rows, thread_rows, split_rows)


def test_chunk_rows_over_a_symbolic_dimension() -> None:
    nodes = [node("Sin", ["x"], ["h"]), node("Softmax", ["h"], ["y"], axis=1)]
    made = _chunking(graph(nodes, {"x": (F, ["n", "t"])}, {"y": (F, ["n", "t"])}))
    assert made is not None
    assert str(made.row_bytes) == "8 * t"
