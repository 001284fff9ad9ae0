"""Equal branches over the slices of an axis, and common subexpressions: the remaining layers of small graphs."""

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.models.graphs import graph, node
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.match import match
from tf2rust.passes.optimise import optimise

F = TensorProto.FLOAT
KERNEL = np.arange(12, dtype=np.float32).reshape(4, 3)


def _steps(
    slice_axis: int = 1,
    concat_axis: int = 1,
    order: tuple[int, ...] = (0, 1, 2),
    kernels: tuple[str, ...] = ("kernel",) * 3,
    activation: tuple[str, dict[str, int]] = ("Relu", {}),
) -> onnx.ModelProto:
    """Dense and an activation on each of three steps of ``x``, batch-major or time-major, joined again."""
    nodes, joined = [], []
    weights = {
        "kernel": KERNEL,
        "other": KERNEL + 1,
        "in_axis": np.array([slice_axis]),
        "out_axis": np.array([concat_axis]),
    }
    for i, (step, kernel) in enumerate(zip(order, kernels, strict=True)):
        weights |= {f"start{i}": np.array([step]), f"end{i}": np.array([step + 1])}
        op, attributes = activation
        nodes += [
            node("Slice", ["x", f"start{i}", f"end{i}", "in_axis"], [f"slice{i}"]),
            node("Squeeze", [f"slice{i}", "in_axis"], [f"step{i}"]),
            node("MatMul", [f"step{i}", kernel], [f"dense{i}"]),
            node(op, [f"dense{i}"], [f"active{i}"], **attributes),
            node("Unsqueeze", [f"active{i}", "out_axis"], [f"result{i}"]),
        ]
        joined.append(f"result{i}")
    nodes.append(node("Concat", joined, ["y"], axis=concat_axis))
    before = ["n", 3, 4] if slice_axis else [3, "n", 4]
    after = ["n", 3, 3] if concat_axis else [3, "n", 3]
    return graph(nodes, {"x": (F, before)}, {"y": (F, after)}, weights)


MERGED = ["Reshape", "Dense", "Reshape"]
APART = {"Slice": 3, "Reshape": 6, "Dense": 3, "Concatenate": 1}
BRANCHES: dict[str, tuple[onnx.ModelProto, list[str] | dict[str, int]]] = {
    "steps of a batch": (_steps(), MERGED),
    "time-major": (_steps(0, 0), ["Transpose", *MERGED, "Transpose"]),
    "to time-major": (_steps(1, 0), [*MERGED, "Transpose"]),
    "softmax of each row": (_steps(activation=("Softmax", {"axis": 1})), ["Reshape", "Dense", "Softmax", "Reshape"]),
    "steps out of order": (_steps(order=(0, 2, 1)), APART),
    "a kernel of its own": (_steps(kernels=("kernel", "other", "kernel")), APART),
    "softmax over the batch": (_steps(activation=("Softmax", {"axis": 0})), APART | {"Softmax": 3}),
}


def _kinds(model: onnx.ModelProto) -> list[str]:
    matched = match(analyse(model))
    layers = optimise(matched.graph).layers
    listed = [n for layer in layers for n in layer.nodes] + matched.constants + matched.shapes
    assert Counter(listed) == Counter(n.name for n in model.graph.node)
    return [layer.kind for layer in layers]


@pytest.mark.parametrize("name", BRANCHES)
def test_branches(name: str) -> None:
    model, expected = BRANCHES[name]
    kinds = _kinds(model)
    assert (kinds if isinstance(expected, list) else Counter(kinds)) == expected


def _twice(first: onnx.NodeProto, second: onnx.NodeProto) -> onnx.ModelProto:
    """The sum of ``a`` and ``b``, which the nodes make of ``x``."""
    weights = {"kernel": np.ones((4, 4), np.float32), "copy": np.ones((4, 4), np.float32)}
    nodes = [first, second, node("Add", ["a", "b"], ["y"])]
    return graph(nodes, {"x": (F, ["n", 4])}, {"y": (F, ["n", 4])}, weights)


DUPLICATES: dict[str, tuple[onnx.ModelProto, list[str]]] = {
    "equal": (_twice(node("Tanh", ["x"], ["a"]), node("Tanh", ["x"], ["b"])), ["Activation", "Add"]),
    "different": (_twice(node("Tanh", ["x"], ["a"]), node("Exp", ["x"], ["b"])), ["Activation", "Activation", "Add"]),
    "parameters": (
        _twice(node("Elu", ["x"], ["a"], alpha=1.0), node("Elu", ["x"], ["b"], alpha=2.0)),
        ["Activation", "Activation", "Add"],
    ),
    "weights that are equal today": (
        _twice(node("MatMul", ["x", "kernel"], ["a"]), node("MatMul", ["x", "copy"], ["b"])),
        ["Dense", "Dense"],
    ),
}


@pytest.mark.parametrize("name", DUPLICATES)
def test_duplicates(name: str) -> None:
    model, kinds = DUPLICATES[name]
    assert _kinds(model) == kinds


def test_an_output_that_is_computed_twice_is_written_twice() -> None:
    nodes = [node("Tanh", ["x"], ["y"]), node("Tanh", ["x"], ["z"])]
    model = graph(nodes, {"x": (F, ["n", 4])}, {"y": (F, ["n", 4]), "z": (F, ["n", 4])}, {})
    assert _kinds(model) == ["Activation", "Reshape"]
