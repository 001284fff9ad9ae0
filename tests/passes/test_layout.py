"""Layout and fusion on small ONNX graphs: the remaining layers, and that every node stays accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from tests.models.graphs import graph, node
from tf2rust.onnx_import.infer import analyse
from tf2rust.onnx_import.match import match
from tf2rust.passes.optimise import optimise

F = TensorProto.FLOAT
KERNEL = np.ones((6, 4, 1, 3), np.float32)


def transposes_cancel() -> onnx.ModelProto:
    nodes = [
        node("Transpose", ["x"], ["a"], perm=[0, 2, 1]),
        node("Relu", ["a"], ["b"]),
        node("Add", ["b", "c"], ["d"]),
        node("Transpose", ["d"], ["y"], perm=[0, 2, 1]),
    ]
    return graph(nodes, {"x": (F, ["n", 5, 4])}, {"y": (F, ["n", 5, 4])}, {"c": np.ones((1, 4, 1), np.float32)})


def conv1d_of_tf2onnx() -> onnx.ModelProto:
    nodes = [
        node("Unsqueeze", ["x", "axis1"], ["a"]),
        node("Transpose", ["a"], ["b"], perm=[0, 3, 1, 2]),
        node("Conv", ["b", "kernel"], ["c"], pads=[0, 1, 0, 1]),
        node("Transpose", ["c"], ["d"], perm=[0, 2, 3, 1]),
        node("Squeeze", ["d", "axis1"], ["e"]),
        node("Add", ["e", "bias"], ["f"]),
        node("Relu", ["f"], ["y"]),
    ]
    weights = {"axis1": np.array([1]), "kernel": KERNEL, "bias": np.ones(6, np.float32)}
    return graph(nodes, {"x": (F, ["n", 9, 4])}, {"y": (F, ["n", 9, 6])}, weights)


def dense_on_three_dimensions() -> onnx.ModelProto:
    nodes = [
        node("Reshape", ["x", "rows"], ["a"]),
        node("MatMul", ["a", "kernel"], ["b"]),
        node("Reshape", ["b", "back"], ["c"]),
        node("Add", ["c", "bias"], ["d"]),
        node("Tanh", ["d"], ["y"]),
    ]
    weights = {
        "rows": np.array([-1, 4]),
        "back": np.array([-1, 5, 3]),
        "kernel": np.ones((4, 3), np.float32),
        "bias": np.ones(3, np.float32),
    }
    return graph(nodes, {"x": (F, ["n", 5, 4])}, {"y": (F, ["n", 5, 3])}, weights)


def shared_value_is_not_fused_away() -> onnx.ModelProto:
    nodes = [
        node("MatMul", ["x", "kernel"], ["a"]),
        node("Relu", ["a"], ["y"]),
        node("Tanh", ["a"], ["z"]),
    ]
    return graph(
        nodes, {"x": (F, ["n", 4])}, {"y": (F, ["n", 3]), "z": (F, ["n", 3])}, {"kernel": np.ones((4, 3), np.float32)}
    )


def output_in_between_is_kept() -> onnx.ModelProto:
    nodes = [node("MatMul", ["x", "kernel"], ["a"]), node("Relu", ["a"], ["y"])]
    return graph(
        nodes, {"x": (F, ["n", 4])}, {"a": (F, ["n", 3]), "y": (F, ["n", 3])}, {"kernel": np.ones((4, 3), np.float32)}
    )


def a_transpose_that_must_stay() -> onnx.ModelProto:
    nodes = [node("Transpose", ["x"], ["a"], perm=[0, 2, 1]), node("Reshape", ["a", "flat"], ["y"])]
    return graph(nodes, {"x": (F, ["n", 5, 4])}, {"y": (F, ["n", 20])}, {"flat": np.array([-1, 20])})


def scale_and_shift_go_into_the_convolution() -> onnx.ModelProto:
    nodes = [
        node("Conv", ["x", "kernel"], ["a"]),
        node("Mul", ["a", "scale"], ["b"]),
        node("Add", ["b", "shift"], ["y"]),
    ]
    weights = {"kernel": KERNEL, "scale": np.ones((1, 6, 1, 1), np.float32), "shift": np.ones((6, 1, 1), np.float32)}
    return graph(nodes, {"x": (F, ["n", 4, 5, 7])}, {"y": (F, ["n", 6, 5, 5])}, weights)


def places_of_a_convolution_in_rows() -> onnx.ModelProto:
    """Patches as a vision transformer reads them: positions merged, channels last."""
    nodes = [
        node("Conv", ["x", "kernel"], ["a"]),
        node("Reshape", ["a", "joined"], ["b"]),
        node("Transpose", ["b"], ["y"], perm=[0, 2, 1]),
    ]
    weights = {"kernel": KERNEL, "joined": np.array([0, 6, -1])}
    return graph(nodes, {"x": (F, ["n", 4, 5, 7])}, {"y": (F, ["n", 25, 6])}, weights)


def channels_in_groups() -> onnx.ModelProto:
    """Channels are split and shuffled: one Transpose before the Reshape that merges them again."""
    nodes = [
        node("Conv", ["x", "kernel"], ["a"]),
        node("Reshape", ["a", "split"], ["b"]),
        node("Transpose", ["b"], ["c"], perm=[0, 2, 1, 3, 4]),
        node("Reshape", ["c", "joined"], ["d"]),
        node("GlobalAveragePool", ["d"], ["y"]),
    ]
    weights = {"kernel": KERNEL, "split": np.array([0, 2, 3, 5, 5]), "joined": np.array([0, 6, 5, 5])}
    return graph(nodes, {"x": (F, ["n", 4, 5, 7])}, {"y": (F, ["n", 6, 1, 1])}, weights)


def a_reshape_that_changes_nothing() -> onnx.ModelProto:
    nodes = [
        node("Transpose", ["x"], ["a"], perm=[0, 2, 1]),
        node("Identity", ["a"], ["b"]),
        node("Transpose", ["b"], ["c"], perm=[0, 2, 1]),
        node("Relu", ["c"], ["y"]),
    ]
    return graph(nodes, {"x": (F, ["n", 5, 4])}, {"y": (F, ["n", 5, 4])})


def rows_of_a_product_in_any_order() -> onnx.ModelProto:
    nodes = [
        node("Transpose", ["x"], ["a"], perm=[1, 0, 2]),
        node("MatMul", ["a", "kernel"], ["b"]),
        node("Transpose", ["b"], ["y"], perm=[1, 0, 2]),
    ]
    return graph(nodes, {"x": (F, ["n", 5, 4])}, {"y": (F, ["n", 5, 3])}, {"kernel": np.ones((4, 3), np.float32)})


def columns_of_a_product_in_another_order() -> onnx.ModelProto:
    nodes = [node("Transpose", ["x"], ["a"], perm=[0, 2, 1]), node("MatMul", ["a", "kernel"], ["y"])]
    return graph(nodes, {"x": (F, ["n", 4, 5])}, {"y": (F, ["n", 5, 3])}, {"kernel": np.ones((4, 3), np.float32)})


def _gated(alpha: float) -> onnx.ModelProto:
    nodes = [node("HardSigmoid", ["x"], ["gate"], alpha=alpha, beta=0.5), node("Mul", ["gate", "x"], ["y"])]
    return graph(nodes, {"x": (F, ["n", 4])}, {"y": (F, ["n", 4])})


def hard_swish_by_its_gate() -> onnx.ModelProto:
    return _gated(1 / 6)


def another_gate() -> onnx.ModelProto:
    return _gated(0.2)


CASES: list[tuple[Callable[[], onnx.ModelProto], list[str]]] = [
    (transposes_cancel, ["Activation", "Add"]),
    (conv1d_of_tf2onnx, ["Conv1D"]),
    (dense_on_three_dimensions, ["Reshape", "Dense", "Reshape"]),
    (shared_value_is_not_fused_away, ["Dense", "Activation", "Activation"]),
    (output_in_between_is_kept, ["Dense", "Activation"]),
    (a_transpose_that_must_stay, ["Transpose", "Reshape"]),
    (scale_and_shift_go_into_the_convolution, ["Transpose", "Conv2D", "Transpose"]),
    (places_of_a_convolution_in_rows, ["Transpose", "Conv2D", "Reshape"]),
    (
        channels_in_groups,
        ["Transpose", "Conv2D", "Reshape", "Transpose", "Reshape", "GlobalAveragePooling2D", "Reshape"],
    ),
    (a_reshape_that_changes_nothing, ["Activation"]),
    (rows_of_a_product_in_any_order, ["Dense"]),
    (columns_of_a_product_in_another_order, ["Transpose", "Dense"]),
    (hard_swish_by_its_gate, ["Activation"]),
    (another_gate, ["Activation", "Multiply"]),
]


@pytest.mark.parametrize(("build", "kinds"), CASES)
def test_what_is_left(build: Callable[[], onnx.ModelProto], kinds: list[str]) -> None:
    model = build()
    matched = match(analyse(model))
    layers = optimise(matched.graph).layers
    assert [layer.kind for layer in layers] == kinds
    listed = [n for layer in layers for n in layer.nodes] + matched.constants + matched.shapes
    assert Counter(listed) == Counter(n.name for n in model.graph.node)
