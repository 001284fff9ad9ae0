"""Sizes that are known only when the model runs: the crate decides what it can, and checks its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import onnx
import pytest
from onnx import helper

from tests.models.graphs import node
from tests.ops.bodies import Graph
from tests.ops.conftest import Results
from tests.ops.nodes import check_node, floats, named
from tf2rust.conversion import match_layers
from tf2rust.errors import UsageError
from tf2rust.onnx_import.infer import analyse
from tf2rust.source import Source


def _free(
    nodes: Sequence[onnx.NodeProto], sizes: Sequence[Sequence[int]], shape: Sequence[str | int], **weights: object
) -> Graph:
    """A model with the input x of this shape, which is run at several sizes of its symbolic dimensions."""
    at = [axis for axis, dim in enumerate(shape) if isinstance(dim, str)]
    feeds = []
    for own in sizes:
        chosen = dict(zip(at, own, strict=True))
        feeds.append({"x": floats(*(chosen.get(axis, dim) for axis, dim in enumerate(shape)))})  # type: ignore[arg-type]
    arrays = {name: np.asarray(value) for name, value in weights.items()}
    return Graph(nodes, ["y"], feeds, arrays, {"x": shape})


def _size_of(axis: int, name: str = "size") -> list[onnx.NodeProto]:
    """The size of an axis of x, as a vector with one element."""
    return [
        node("Shape", ["x"], [f"{name}_shape"], start=axis, end=axis + 1),
        node("Identity", [f"{name}_shape"], [name]),
    ]


def _branch(op: str, name: str, *inputs: str) -> onnx.GraphProto:
    made = helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
    return helper.make_graph([helper.make_node(op, ["x", *inputs], [name])], name, [], [made])


_PICK = {"zero": [0], "one": [1], "minus": [-1], "six": [6], "seven": [7], "axis": [1], "far": [2**62]}
TABLE_NAME = "free_sizes"
NODES = {
    # x[:, :6]: the definition cuts the end to the length
    "at_most": _free(
        [node("Slice", ["x", "zero", "six", "axis"], ["y"])], [(2, 4), (2, 9), (1, 6)], ["n", "t"], **_PICK
    ),
    "from_the_second": _free(
        [node("Slice", ["x", "one", "far", "axis"], ["y"])], [(2, 4), (2, 1)], ["n", "t"], **_PICK
    ),
    "backwards": _free(
        [node("Slice", ["x", "six", "minus_far", "axis", "minus"], ["y"])],
        [(2, 4), (2, 9)],
        ["n", "t"],
        minus_far=[-(2**62)],
        **_PICK,
    ),
    # x[0:1] and Squeeze, as masked recurrent layers have it
    "first": _free(
        [node("Slice", ["x", "zero", "one", "zero"], ["f"]), node("Squeeze", ["f", "zero"], ["y"])],
        [(1, 3), (5, 3)],
        ["t", "n"],
        **_PICK,
    ),
    # x[:, -t:] with t computed from a shape, as T5 has it
    "last": _free(
        [*_size_of(1), node("Neg", ["size"], ["start"]), node("Slice", ["x", "start", "far", "axis"], ["y"])],
        [(2, 4), (2, 1)],
        ["n", "t"],
        **_PICK,
    ),
    # Pads to a multiple of seven; the pads themselves went through a Pad
    "multiple": _free(
        [
            *_size_of(1),
            node("Sub", ["seven", "size"], ["less"]),
            node("Mod", ["less", "seven"], ["rest"]),
            node("Pad", ["rest", "rim"], ["pads"]),
            node("Pad", ["x", "pads"], ["y"]),
        ],
        [(2, 4), (2, 7), (1, 15)],
        ["n", "t"],
        rim=[3, 0],
        **_PICK,
    ),
    "smaller_of_two": _free(
        [
            *_size_of(0, "rows"),
            *_size_of(1, "columns"),
            node("Min", ["rows", "columns"], ["least"]),
            node("Max", ["rows", "columns"], ["most"]),
            node("Sub", ["most", "least"], ["missing"]),
            node("Concat", ["zero", "zero", "zero", "missing"], ["pads"], axis=0),
            node("Slice", ["x", "zero", "least", "axis"], ["square"]),
            node("Pad", ["square", "pads"], ["y"]),
        ],
        [(3, 5), (5, 3), (4, 4)],
        ["n", "t"],
        **_PICK,
    ),
    # A skip connection around halving and doubling, twice
    "skip": _free(
        [
            node("MaxPool", ["x"], ["half"], kernel_shape=[2], strides=[2]),
            node("MaxPool", ["half"], ["quarter"], kernel_shape=[2], strides=[2]),
            node("Resize", ["quarter", "", "twice"], ["up"], mode="nearest", nearest_mode="floor"),
            node("Add", ["half", "up"], ["both"]),
            node("Resize", ["both", "", "twice"], ["wide"], mode="nearest", nearest_mode="floor"),
            node("Concat", ["x", "wide"], ["y"], axis=1),
        ],
        [(1, 4), (2, 12)],
        ["n", 2, "t"],
        twice=np.asarray([1, 1, 2], np.float32),
    ),
    "same_lower": _free(
        [node("Conv", ["x", "w"], ["y"], auto_pad="SAME_LOWER", strides=[2])],
        [(1, 5), (2, 8), (1, 1)],
        ["n", 2, "t"],
        w=floats(3, 2, 3, seed=3),
    ),
    "same_lower_pool": _free(
        [node("AveragePool", ["x"], ["y"], auto_pad="SAME_LOWER", kernel_shape=[2, 3], strides=[2, 2])],
        [(1, 5, 4), (2, 8, 9)],
        ["n", 2, "h", "w"],
    ),
    "ceil": _free(
        [node("MaxPool", ["x"], ["y"], ceil_mode=1, kernel_shape=[3], strides=[2])],
        [(1, 5), (2, 6), (1, 3)],
        ["n", 2, "t"],
    ),
    "ceil_with_padding": _free(
        [node("AveragePool", ["x"], ["y"], ceil_mode=1, kernel_shape=[2, 3], strides=[3, 2], pads=[1, 0, 1, 1])],
        [(1, 5, 4), (2, 4, 5), (1, 6, 6)],
        ["n", 2, "h", "w"],
    ),
    # torch's squeeze(-1), which is an If with branches of different rank
    "squeeze_if_one": _free(
        [
            *_size_of(2),
            node("Equal", ["size", "one"], ["is_one"]),
            helper.make_node(
                "If",
                ["is_one"],
                ["s"],
                name="node/squeeze",
                then_branch=_branch("Squeeze", "then", "minus"),
                else_branch=_branch("Identity", "else"),
            ),
            node("Relu", ["s"], ["y"]),
        ],
        [(1, 5), (2, 3)],
        ["n", 2, "t"],
        **_PICK,
    ),
}


@pytest.mark.parametrize("key", named(TABLE_NAME, NODES))
def test_free_sizes(key: str, results: Results) -> None:
    check_node(results[key])


CONDITIONS = {
    "at_most": [],
    "first": ["min(t, 1) == 1"],
    "last": ["t >= 1"],
    "multiple": [],
    "skip": ["t // 2 == 2 * (t // 4)", "t == 2 * (t // 2)"],
    "squeeze_if_one": ["t != 1"],
}


@pytest.mark.parametrize(("name", "expected"), CONDITIONS.items())
def test_conditions(name: str, expected: list[str]) -> None:
    conditions = _conditions(NODES[name])
    assert [str(condition) for condition in conditions] == expected


def _conditions(model: Graph, dims: Mapping[str, int | tuple[int, int]] | None = None) -> list[object]:
    _, layers = match_layers(Source(None, model.model(), "onnx", lambda _: {}), dims)  # type: ignore[arg-type]
    return list(layers.conditions)


def test_a_dimension_that_becomes_another_needs_no_check() -> None:
    nodes = [node("Add", ["x", "z"], ["y"])]
    feeds = [{"x": floats(2, 3), "z": floats(2, 3)}]
    model = Graph(nodes, ["y"], feeds, {}, {"x": ["n", "t"], "z": ["n", "s"]})
    _, layers = match_layers(Source(None, model.model(), "onnx", lambda _: {}))  # type: ignore[arg-type]
    assert not layers.conditions
    assert [str(v) for v in layers.inputs] == ["float32 [n, t]", "float32 [n, t]"]


def test_ranges_decide_bounds() -> None:
    analysis = analyse(NODES["at_most"].model(), {"t": (1, 6)})
    assert str(analysis.infos.shape(analysis.graph.outputs[0])) == "(n, t)"
    assert [str(c) for c in analysis.infos.assumptions.conditions] == ["t >= 1", "6 >= t"]
    analysis = analyse(NODES["at_most"].model(), {"t": (6, 9)})
    assert str(analysis.infos.shape(analysis.graph.outputs[0])) == "(n, 6)"


def test_unknown_ranges_are_refused() -> None:
    with pytest.raises(UsageError, match="the model has no such symbolic dimension"):
        analyse(NODES["at_most"].model(), {"u": (1, 6)})
