"""Sizes of symbolic dimensions: the first that the model runs with, the notes on them, and models with only one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from tests.models.graphs import graph, node, save
from tf2rust.errors import ConversionError
from tf2rust.onnx_import.expand import match_expanding
from tf2rust.onnx_import.infer import analyse
from tf2rust.proof.prove import prove
from tf2rust.source import open_onnx

F, INT64 = onnx.TensorProto.FLOAT, onnx.TensorProto.INT64
IMAGES = (F, ["n", 2, "h", "w"])


def _halved_and_doubled(times: int) -> onnx.ModelProto:
    """Max pooling ``times`` times, as many times doubled, beside the input: sizes must be multiples of 2^times."""
    nodes = [node("Relu", ["x"], ["d0"])]
    nodes += [node("MaxPool", [f"d{i}"], [f"d{i + 1}"], kernel_shape=[2, 2], strides=[2, 2]) for i in range(times)]
    nodes += [
        node("Resize", [f"d{times}" if i == 0 else f"u{i}", "", "twice"], [f"u{i + 1}"], mode="nearest")
        for i in range(times)
    ]
    nodes.append(node("Concat", [f"u{times}", "x"], ["y"], axis=1))
    twice = {"twice": np.array([1, 1, 2, 2], np.float32)}
    return graph(nodes, {"x": IMAGES}, {"y": (F, ["n", 4, "h2", "w2"])}, twice)


def unet_of_depth_1() -> onnx.ModelProto:
    return _halved_and_doubled(1)


def unet_of_depth_3() -> onnx.ModelProto:
    return _halved_and_doubled(3)


def unet_of_depth_5() -> onnx.ModelProto:
    return _halved_and_doubled(5)


def any_size() -> onnx.ModelProto:
    return graph([node("Relu", ["x"], ["y"])], {"x": IMAGES}, {"y": IMAGES})


def at_least_40() -> onnx.ModelProto:
    pool = node("MaxPool", ["x"], ["y"], kernel_shape=[40, 40])
    return graph([pool], {"x": IMAGES}, {"y": (F, ["n", 2, "h2", "w2"])})


def lengths_that_agree() -> onnx.ModelProto:
    nodes = [node("MatMul", ["a", "b"], ["y"])]
    return graph(nodes, {"a": (F, ["p", "k"]), "b": (F, ["k2", "q"])}, {"y": (F, ["p", "q"])})


def _state(batch: int) -> onnx.ModelProto:
    """A GRU over one step whose first state is of a fixed batch."""
    weights = {"w": np.ones((1, 12, 3)) / 3, "r": np.ones((1, 12, 4)) / 4}
    nodes = [
        node("Unsqueeze", ["x", "front"], ["steps"]),
        node("GRU", ["steps", "w", "r", "", "", "h0"], ["", "y"], hidden_size=4),
    ]
    given = {name: array.astype(np.float32) for name, array in weights.items()} | {"front": np.array([0])}
    inputs = {"x": (F, ["rows", 3]), "h0": (F, [1, batch, 4])}
    return graph(nodes, inputs, {"y": (F, [1, batch, 4])}, given)


def greatest_of_two() -> onnx.ModelProto:
    """TopK with k as an input, of two elements: few whole numbers suit."""
    nodes = [node("TopK", ["x", "k"], ["y", "places"])]
    return graph(nodes, {"x": (F, [1, 2]), "k": (INT64, [1])}, {"y": (F, [1, "found"])})


def _notes(model: onnx.ModelProto, tmp_path: Path) -> tuple[dict[str, tuple[int, ...]], list[str]]:
    """The shapes of the samples, and the notes of the proof."""
    source = open_onnx(save(model, tmp_path / "model.onnx"))
    matched = match_expanding(analyse(source.proto, {}, source.weights))
    assert not matched.unmatched
    proof, notes = prove(source, matched.graph, None, None)
    return {name: array.shape for name, array in proof.inputs.items()}, notes


@pytest.mark.parametrize(
    ("build", "shapes", "said"),
    [
        (any_size, {"x": (16, 2, 9, 18)}, []),
        (unet_of_depth_1, {"x": (16, 2, 32, 64)}, ["the samples have h = 32, w = 64", "multiples of 2,"]),
        (unet_of_depth_3, {"x": (16, 2, 32, 64)}, ["h = 9, w = 18; h = 9, w = 9", "multiples of 8,", "Concat"]),
        (unet_of_depth_5, {"x": (16, 2, 32, 64)}, ["multiples of 32,"]),
        (at_least_40, {"x": (16, 2, 65, 130)}, []),
        (lengths_that_agree, {"a": (9, 9), "b": (9, 9)}, []),
    ],
)
def test_the_first_sizes_that_work_are_taken(
    tmp_path: Path, build: Callable[[], onnx.ModelProto], shapes: dict[str, tuple[int, ...]], said: list[str]
) -> None:
    found, notes = _notes(build(), tmp_path)
    assert found == shapes
    assert (len(notes) == 1 and all(part in notes[0] for part in said)) if said else not notes


@pytest.mark.parametrize("batch", [1, 4])
def test_a_dimension_that_is_not_symbolic_is_named(tmp_path: Path, batch: int) -> None:
    with pytest.raises(ConversionError, match=rf"runs only with rows = {batch},.*GRU.*--dim rows={batch}\.$"):
        _notes(_state(batch), tmp_path)


def test_whole_numbers_that_suit_are_found(tmp_path: Path) -> None:
    shapes, notes = _notes(greatest_of_two(), tmp_path)
    assert shapes == {"x": (1, 2), "k": (1,)}
    assert not notes


def test_where_no_size_works_the_sentence_says_which_were_tried(tmp_path: Path) -> None:
    nodes = [node("Reshape", ["x", "shape"], ["y"])]
    model = graph(nodes, {"x": (F, ["a", "b"])}, {"y": (F, [7, "c"])}, {"shape": np.array([7, 11, 13])})
    with pytest.raises(ConversionError, match=r"none of the sizes.*a = 9, b = 18.*--dim NAME=SIZE.*--path_to_fv"):
        _notes(model, tmp_path)
